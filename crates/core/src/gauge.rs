//! Numbers that go up and down.

use crate::arena::{ArenaRef, OwnedBlock, Slabs};
use crate::counter::add_f64;
#[cfg(not(loom))]
use crate::local;
use crate::slab::CellId;
use crate::sync::{Arc, AtomicU32, AtomicU64, Ordering};
use std::fmt;

/// Cells of a thread: the epoch its sum belongs to, and the sum.
const EPOCH: usize = 0;
const SUM: usize = 1;
const CELLS: usize = 2;

/// What the handles of one gauge share.
///
/// Protocol. The value is `base` plus the sums of those threads whose epoch is the gauge's. `set`
/// moves the epoch, which voids all sums without touching another thread's cell, and stores the
/// new base. A thread that adds in a new epoch stores its sum before its epoch; both are released,
/// so a reader that sees a sum of a newer epoch than it began with sees that epoch as well, and
/// starts over.
pub(crate) struct GaugeCore {
    block: OwnedBlock,
    base: AtomicU64,
    epoch: AtomicU64,
    /// Whether any thread has a sum of its own: until then `set` is one store.
    sharded: AtomicU32,
    /// Whether it was recorded since somebody asked; expiry asks.
    touched: AtomicU32,
}

/// Reads that `set` may spoil before a reader takes what it has.
const TRIES: usize = 64;

impl GaugeCore {
    pub(crate) fn new(arena: ArenaRef) -> GaugeCore {
        GaugeCore {
            block: OwnedBlock::new(arena, CELLS),
            base: AtomicU64::new(0),
            epoch: AtomicU64::new(1),
            sharded: AtomicU32::new(0),
            touched: AtomicU32::new(0),
        }
    }

    pub(crate) fn cell(&self) -> CellId {
        self.block.id()
    }

    #[inline]
    pub(crate) fn set(&self, value: f64) {
        if self.sharded.load(Ordering::Relaxed) != 0 {
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        self.base.store(value.to_bits(), Ordering::Release);
        self.touch();
    }

    /// Adds in the thread's own cells.
    #[inline]
    pub(crate) fn add_own(&self, own: &[AtomicU64; CELLS], x: f64) {
        let epoch = self.epoch.load(Ordering::Acquire);
        if own[EPOCH].load(Ordering::Relaxed) == epoch {
            let sum = f64::from_bits(own[SUM].load(Ordering::Relaxed)) + x;
            own[SUM].store(sum.to_bits(), Ordering::Release);
        } else {
            self.sharded.store(1, Ordering::Relaxed);
            own[SUM].store(x.to_bits(), Ordering::Release);
            own[EPOCH].store(epoch, Ordering::Release);
        }
        self.touch();
    }

    pub(crate) fn add_shared(&self, x: f64) {
        add_f64(&self.base, x);
        self.touch();
    }

    #[inline]
    fn touch(&self) {
        if self.touched.load(Ordering::Relaxed) == 0 {
            self.touched.store(1, Ordering::Relaxed);
        }
    }

    /// Whether it was recorded since the last time this was asked.
    pub(crate) fn take_touched(&self) -> bool {
        self.touched.swap(0, Ordering::Relaxed) != 0
    }

    pub(crate) fn value(&self, slabs: &Slabs<'_>) -> f64 {
        if self.sharded.load(Ordering::Acquire) == 0 {
            return f64::from_bits(self.base.load(Ordering::Acquire));
        }
        for _ in 0..TRIES {
            let epoch = self.epoch.load(Ordering::Acquire);
            let value = self.value_in(epoch, slabs);
            if self.epoch.load(Ordering::Acquire) == epoch {
                return value;
            }
        }
        f64::from_bits(self.base.load(Ordering::Acquire))
    }

    fn value_in(&self, epoch: u64, slabs: &Slabs<'_>) -> f64 {
        let mut value = f64::from_bits(self.base.load(Ordering::Acquire));
        for cells in slabs.blocks(self.cell()) {
            if cells[EPOCH].load(Ordering::Acquire) == epoch {
                value += f64::from_bits(cells[SUM].load(Ordering::Acquire));
            }
        }
        value
    }

    pub(crate) fn get(&self) -> f64 {
        if self.sharded.load(Ordering::Acquire) == 0 {
            return f64::from_bits(self.base.load(Ordering::Acquire));
        }
        self.value(&self.block.arena.read())
    }

    #[cfg(not(loom))]
    #[cold]
    #[inline(never)]
    fn add_cold(&self, x: f64) {
        match local::claim(self.cell(), false) {
            Some(own) => self.add_own(own_cells(own), x),
            None => self.add_shared(x),
        }
    }
}

/// The gauge's cells of a thread, from the first of them.
#[cfg(not(loom))]
#[inline(always)]
fn own_cells(first: &AtomicU64) -> &[AtomicU64; CELLS] {
    // SAFETY: a gauge's block has `CELLS` cells, which lie in one page.
    unsafe { &*std::ptr::from_ref(first).cast() }
}

/// A number that is set, or raised and lowered: a temperature, connections that are open.
///
/// `set` is last writer wins. `add` is spread over threads like a counter. Both may be mixed; the
/// result is exact when they do not happen at the same time. NaN and infinities are kept.
///
/// ```
/// let registry = perf_monitor_core::Registry::new();
/// let open = registry.gauge(("connections_open", "Connections that are open."))?;
/// open.add(2.0);
/// open.sub(1.0);
/// assert_eq!(open.get(), 1.0);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Gauge {
    core: Arc<GaugeCore>,
}

impl Gauge {
    pub(crate) fn of(core: Arc<GaugeCore>) -> Gauge {
        Gauge { core }
    }

    /// Makes it `value`.
    ///
    /// # Cost
    /// A store that all threads share; an atomic add more once `add` was used on the same gauge.
    #[inline]
    pub fn set(&self, value: f64) {
        self.core.set(value);
    }

    /// What it is now.
    pub fn get(&self) -> f64 {
        self.core.get()
    }
}

#[cfg(not(loom))]
impl Gauge {
    /// Raises it by `x`, which may be negative.
    ///
    /// # Cost
    /// An add to a cell that only this thread writes, once the gauge is hot.
    #[inline]
    pub fn add(&self, x: f64) {
        match local::own_cell(self.core.cell()) {
            Some(own) => self.core.add_own(own_cells(own), x),
            None => self.core.add_cold(x),
        }
    }

    /// Lowers it by `x`.
    ///
    /// # Cost
    /// As [`add`](Self::add).
    #[inline]
    pub fn sub(&self, x: f64) {
        self.add(-x);
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gauge").field(&self.get()).finish()
    }
}
