//! The storage of a tracer, with the way of a span through it.

use std::sync::{Arc, Weak};

use perf_monitor_core::{Clock, Instant, Registry};

use crate::cells::Cells;
use crate::finished::Finished;
use crate::free::{HOMES, Homes};
use crate::group::Group;
use crate::intern::Interner;
use crate::local::CACHED;
use crate::metrics::Metrics;
use crate::name::Names;
use crate::sampling::Sampling;
use crate::slot::Slot;
use crate::stack::Stack;
use crate::sync::{AtomicU64, Ordering};
use crate::{Error, TracerOptions, fork};

/// Everything that the handles of one tracer share.
pub(crate) struct Core {
    /// Not the same for any two tracers of the process, never 0.
    pub(crate) id: u32,
    me: Weak<Core>,
    pub(crate) options: TracerOptions,
    pub(crate) sampling: Sampling,
    pub(crate) slots: Box<[Slot]>,
    pub(crate) groups: Box<[Group]>,
    pub(crate) free: Homes,
    /// Traces that made room, until a thread of their home has use for their slots.
    pub(crate) returned: [Stack; HOMES],
    pub(crate) cells: Cells,
    pub(crate) names: Names,
    pub(crate) keys: Interner<()>,
    pub(crate) finished: Finished,
    pub(crate) metrics: Metrics,
    origin: Instant,
    pub(crate) clock: Clock,
    /// The wall time of moment 0 of this tracer.
    wall_ns: AtomicU64,
    /// Threads that have slots in hand.
    pub(crate) caches: AtomicU64,
    /// The home of the next thread.
    home: AtomicU64,
}

/// The moment at which a tracer's time begins, so that there is a past to reckon with.
const BEGINNING_NS: u64 = 10_000_000_000;

/// How the bytes are shared out: a tenth is for texts, tables of names take what they need, of the rest
/// there are as many cells for payload as slots: one holds three numbers.
struct Plan {
    slots: u16,
    cells: u16,
    names: usize,
    name_bytes: usize,
    keys: usize,
    key_bytes: usize,
}

impl Plan {
    fn of(options: &TracerOptions) -> Plan {
        let bytes = options.memory_bytes;
        // No more names than a fifth of the memory has tables for.
        let names = options.names.min(bytes / 5 / Plan::NAME_BYTES);
        let keys = bytes / 2_000;
        let (name_bytes, key_bytes) = (bytes / 14, bytes / 60);
        let tables = Names::table_bytes(names) + Finished::name_bytes(names + 1);
        let texts = name_bytes + key_bytes + Interner::<()>::table_bytes(keys);
        let left = bytes.saturating_sub(size_of::<Core>() + tables + texts);
        let slot = size_of::<Slot>() + size_of::<Group>() + Finished::ENTRY_BYTES;
        let places = (left / (slot + Cells::CELL_BYTES)).clamp(16, 60_000) as u16;
        let (slots, cells) = (places, places);
        Plan { slots, cells, names, name_bytes, keys, key_bytes }
    }

    /// About what a name takes in the tables.
    const NAME_BYTES: usize = Names::table_bytes(63) / 64;
}

impl Core {
    pub(crate) fn new(registry: &Registry, options: TracerOptions) -> Result<Arc<Core>, Error> {
        options.check()?;
        fork::watch();
        static IDS: AtomicU64 = AtomicU64::new(1);
        let metrics = Metrics::new(registry)?;
        let plan = Plan::of(&options);
        let slots: Box<[Slot]> = (0..plan.slots).map(|_| Slot::new()).collect();
        let free = Homes::full(plan.slots, |slot| &slots[usize::from(slot)].next);
        let core = Arc::new_cyclic(|me| Core {
            id: IDS.fetch_add(1, Ordering::Relaxed) as u32,
            me: me.clone(),
            sampling: Sampling::new(&options),
            groups: (0..plan.slots).map(|_| Group::new()).collect(),
            free,
            returned: std::array::from_fn(|_| Stack::new()),
            cells: Cells::new(plan.cells),
            names: Names::new(plan.names, plan.name_bytes, &metrics),
            keys: Interner::new(plan.keys, plan.key_bytes),
            finished: Finished::new(plan.slots, plan.cells, plan.names + 1),
            slots,
            metrics,
            options,
            origin: Instant::now(),
            clock: registry.clock().clone(),
            wall_ns: AtomicU64::new(0),
            caches: AtomicU64::new(0),
            home: AtomicU64::new(0),
        });
        core.anchor();
        Ok(core)
    }

    pub(crate) fn weak(&self) -> Weak<Core> {
        self.me.clone()
    }

    /// Bytes of everything that is kept.
    pub(crate) fn bytes(&self) -> usize {
        let spans = size_of_val(&*self.slots) + size_of_val(&*self.groups);
        let texts = self.names.bytes() + self.keys.bytes();
        size_of::<Core>() + spans + self.cells.bytes() + texts + self.finished.bytes()
    }

    /// A moment in nanoseconds of this tracer.
    #[inline(always)]
    pub(crate) fn ns(&self, moment: Instant) -> u64 {
        BEGINNING_NS + moment.ns_since(self.origin)
    }

    /// Ties the tracer's time to the wall's.
    pub(crate) fn anchor(&self) {
        let now_ns = self.ns(Instant::now());
        let wall_ns = self.clock.unix_ns().saturating_sub(now_ns);
        self.wall_ns.store(wall_ns, Ordering::Relaxed);
    }

    /// The wall time of moment 0 of this tracer.
    pub(crate) fn wall_ns(&self) -> u64 {
        self.wall_ns.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn slot(&self, slot: u16) -> &Slot {
        &self.slots[usize::from(slot)]
    }

    #[inline(always)]
    pub(crate) fn group(&self, group: u16) -> &Group {
        &self.groups[usize::from(group)]
    }

    /// Whether one more thread may have slots in hand: all together have a quarter of the pool at most.
    pub(crate) fn allow_cache(&self) -> bool {
        let most = (self.slots.len() / 4 / CACHED) as u64;
        let taken = self.caches.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |caches| {
            (caches < most).then_some(caches + 1)
        });
        taken.is_ok()
    }

    /// The home of one more thread.
    pub(crate) fn next_home(&self) -> usize {
        self.home.fetch_add(1, Ordering::Relaxed) as usize % HOMES
    }
}
