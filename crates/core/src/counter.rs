//! Totals that only go up.

use crate::arena::{ArenaRef, OwnedBlock, Slabs};
#[cfg(not(loom))]
use crate::local;
use crate::slab::{CellId, bump};
use crate::sync::{Arc, AtomicU32, AtomicU64, Ordering};
use std::fmt;

/// What the handles of one counter share: the cell for threads without a cell of their own.
pub(crate) struct CounterCore {
    block: OwnedBlock,
    shared: AtomicU64,
}

impl CounterCore {
    pub(crate) fn new(arena: ArenaRef) -> CounterCore {
        CounterCore { block: OwnedBlock::new(arena, 1), shared: AtomicU64::new(0) }
    }

    pub(crate) fn cell(&self) -> CellId {
        self.block.id()
    }

    pub(crate) fn add_shared(&self, n: u64) {
        self.shared.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn total(&self, slabs: &Slabs<'_>) -> u64 {
        self.shared.load(Ordering::Relaxed).wrapping_add(slabs.sum(self.cell()))
    }

    pub(crate) fn get(&self) -> u64 {
        self.total(&self.block.arena.read())
    }

    #[cfg(not(loom))]
    #[cold]
    #[inline(never)]
    pub(crate) fn add_cold(&self, n: u64) {
        match local::claim(self.cell(), false) {
            Some(own) => bump(own, n),
            None => self.add_shared(n),
        }
    }
}

/// A count of things that happened: exact, over all threads, whatever else goes on.
///
/// Clones count into the same total. Cloning and dropping touch a shared reference count: clone
/// once per thread or structure, not per record.
///
/// ```
/// let registry = perf_monitor_core::Registry::new();
/// let jobs = registry.counter(("jobs_total", "Jobs that were run."))?;
/// jobs.inc();
/// jobs.add(2);
/// assert_eq!(jobs.get(), 3);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Counter {
    cell: CellId,
    core: Arc<CounterCore>,
}

impl Counter {
    pub(crate) fn of(core: Arc<CounterCore>) -> Counter {
        Counter { cell: core.cell(), core }
    }

    /// The total: every record that happened before is in it.
    ///
    /// # Cost
    /// A lock that recording threads never wait for, and a load for each thread that counted.
    pub fn get(&self) -> u64 {
        self.core.get()
    }
}

#[cfg(not(loom))]
impl Counter {
    /// Counts one.
    ///
    /// # Cost
    /// `counter/inc`: an add to a cell that only this thread writes. A thread's first records
    /// into a cold metric are atomic adds to a shared cell.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts `n`. The total wraps past 2^64.
    ///
    /// # Cost
    /// As [`inc`](Self::inc).
    #[inline]
    pub fn add(&self, n: u64) {
        match local::own_cell(self.cell) {
            Some(own) => bump(own, n),
            None => self.core.add_cold(n),
        }
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.get()).finish()
    }
}

/// What the handles of one counter of fractions share.
pub(crate) struct FloatCounterCore {
    block: OwnedBlock,
    shared: AtomicU64,
    rejected: AtomicU64,
}

impl FloatCounterCore {
    pub(crate) fn new(arena: ArenaRef) -> FloatCounterCore {
        FloatCounterCore {
            block: OwnedBlock::new(arena, 1),
            shared: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }
    }

    fn add_shared(&self, x: f64) {
        add_f64(&self.shared, x);
    }

    pub(crate) fn total(&self, slabs: &Slabs<'_>) -> f64 {
        let load = |cell: &AtomicU64| f64::from_bits(cell.load(Ordering::Relaxed));
        let own = slabs.iter().filter_map(|s| s.cell(self.block.id()));
        own.fold(load(&self.shared), |sum, cell| sum + load(cell))
    }

    pub(crate) fn get(&self) -> f64 {
        self.total(&self.block.arena.read())
    }

    #[cfg(not(loom))]
    #[cold]
    #[inline(never)]
    fn add_cold(&self, x: f64) {
        match local::claim(self.block.id(), false) {
            Some(own) => bump_f64(own, x),
            None => self.add_shared(x),
        }
    }
}

/// A total of fractions: seconds spent, money taken.
///
/// The sum over threads is taken in a fixed order, and each addend only grows, so the total never
/// goes down. Values that are negative or not finite are not added; they are counted.
#[derive(Clone)]
pub struct FloatCounter {
    core: Arc<FloatCounterCore>,
}

impl FloatCounter {
    pub(crate) fn of(core: Arc<FloatCounterCore>) -> FloatCounter {
        FloatCounter { core }
    }

    /// The total.
    pub fn get(&self) -> f64 {
        self.core.get()
    }

    /// How many values were refused because they were negative or not finite.
    pub fn rejected(&self) -> u64 {
        self.core.rejected.load(Ordering::Relaxed)
    }
}

#[cfg(not(loom))]
impl FloatCounter {
    /// Adds `x`, which must be finite and not negative.
    ///
    /// # Cost
    /// As [`Counter::add`]; an atomic compare-and-swap while the metric is cold.
    #[inline]
    pub fn add(&self, x: f64) {
        if !(x >= 0.0 && x.is_finite()) {
            self.core.rejected.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match local::own_cell(self.core.block.id()) {
            Some(own) => bump_f64(own, x),
            None => self.core.add_cold(x),
        }
    }
}

impl fmt::Debug for FloatCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FloatCounter").field(&self.get()).finish()
    }
}

/// What the handles of an observed counter share.
pub(crate) struct ObservedCore {
    total: AtomicU64,
    last: crate::sync::Lock<u64>,
    /// Whether it was told since somebody asked; expiry asks.
    touched: AtomicU32,
}

impl ObservedCore {
    pub(crate) fn new() -> ObservedCore {
        ObservedCore {
            total: AtomicU64::new(0),
            last: crate::sync::Lock::new(0),
            touched: AtomicU32::new(0),
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Acquire)
    }

    /// Whether it was told since the last time this was asked.
    pub(crate) fn take_touched(&self) -> bool {
        self.touched.swap(0, Ordering::Relaxed) != 0
    }
}

/// A total that somebody else counts: the kernel, an allocator, another library.
///
/// When the source starts over (its number is lower than before), what it counted until then is
/// kept, so that the total never goes down. One reader should feed it: of two, the one that is late
/// would look like a source that started over.
#[derive(Clone)]
pub struct ObservedCounter {
    core: Arc<ObservedCore>,
}

impl ObservedCounter {
    pub(crate) fn of(core: Arc<ObservedCore>) -> ObservedCounter {
        ObservedCounter { core }
    }

    /// Takes the source's total as it stands now.
    ///
    /// # Cost
    /// A short lock: this is for numbers that are read now and then.
    pub fn observe(&self, source_total: u64) {
        let mut last = self.core.last.lock();
        let new = if source_total >= *last { source_total - *last } else { source_total };
        *last = source_total;
        let total = self.core.total.load(Ordering::Relaxed).wrapping_add(new);
        self.core.total.store(total, Ordering::Release);
        self.core.touched.store(1, Ordering::Relaxed);
    }

    /// The total.
    pub fn get(&self) -> u64 {
        self.core.total()
    }
}

impl fmt::Debug for ObservedCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObservedCounter").field(&self.get()).finish()
    }
}

/// Adds to the bits of a float that only the calling thread writes.
#[inline(always)]
pub(crate) fn bump_f64(cell: &AtomicU64, x: f64) {
    let sum = f64::from_bits(cell.load(Ordering::Relaxed)) + x;
    cell.store(sum.to_bits(), Ordering::Relaxed);
}

/// Adds to the bits of a float that anybody writes.
pub(crate) fn add_f64(cell: &AtomicU64, x: f64) {
    let mut now = cell.load(Ordering::Relaxed);
    loop {
        let sum = (f64::from_bits(now) + x).to_bits();
        match cell.compare_exchange_weak(now, sum, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return,
            Err(other) => now = other,
        }
    }
}
