//! Traces that were kept, until they make room for others.

use perf_monitor_core::Lock;

use crate::engine::Core;
use crate::group;
use crate::held::{Held, Sleeper};
use crate::local::CACHED;
use crate::metrics::Loss;
use crate::order::{Class, Entry, Lists};
use crate::slowest::{Slowest, cells};
use crate::stack::{Bundle, Stack};
use crate::sync::{AtomicU64, Ordering};

/// The kept traces of a tracer.
///
/// Whoever ends a trace never waits: it goes on a stack, which is taken in by whoever finds that there is
/// enough on it, if nobody has the lock, or by the next reader.
pub(crate) struct Finished {
    kept: Lock<Kept>,
    pending: Stack,
    /// Spans on the stack that are worth the lock: fewer while an exporter misses fewer.
    enough: AtomicU64,
    /// The same without an exporter that waits.
    most_enough: u64,
    /// Slots that are to be free whenever a trace was taken in.
    reserve: u16,
    cell_reserve: u16,
}

/// What the lock guards.
pub(crate) struct Kept {
    pub(crate) lists: Lists,
    pub(crate) slowest: Slowest,
    /// The exporter that waits, if one does.
    pub(crate) sleeper: Option<Sleeper>,
}

/// Traces that make room at once for what one span carries.
const MOST_EVICTIONS: u16 = 64;

/// Traces that make room for the payload to come.
const SOME: u16 = 8;

/// Traces that stay as the slowest of a name do so for this long.
const SLOWEST_FOR_NS: u64 = 300 * 1_000_000_000;

impl Finished {
    pub(crate) const ENTRY_BYTES: usize = size_of::<Entry>();

    pub(crate) fn new(slots: u16, cells: u16, names: usize) -> Finished {
        let (lists, slowest) = (Lists::new(slots), Slowest::new(names));
        let kept = Kept { lists, slowest, sleeper: None };
        let most_enough = u64::from(slots / 32);
        Finished {
            kept: Lock::new(kept),
            pending: Stack::new(),
            enough: AtomicU64::new(most_enough),
            most_enough,
            reserve: slots / 5,
            cell_reserve: cells / 16,
        }
    }

    /// What is kept for each of `names`.
    pub(crate) fn name_bytes(names: usize) -> usize {
        names * Slowest::NAME_BYTES
    }

    pub(crate) fn bytes(&self) -> usize {
        let kept = self.kept.lock();
        kept.lists.bytes() + kept.slowest.bytes()
    }

    /// Keeps the trace whose spans are chained from the first on. Its spans are the caller's until then.
    pub(crate) fn keep(&self, core: &Core, bundle: Bundle) {
        let spare = core.group(bundle.first).spare();
        if self.pending.push(bundle, spare) >= self.enough.load(Ordering::Relaxed) {
            self.tidy(core);
        }
    }

    /// Says how many spans an exporter misses that waits.
    pub(crate) fn expect(&self, missing: Option<usize>) {
        let enough = missing.map_or(self.most_enough, |spans| (spans as u64).min(self.most_enough));
        if self.enough.load(Ordering::Relaxed) != enough {
            self.enough.store(enough, Ordering::Relaxed);
        }
    }

    fn try_hold(&self) -> Option<Held<'_>> {
        self.kept.try_lock().map(|guard| Held::new(self, guard))
    }

    /// Takes in what is on the stack, from its bottom on.
    fn take_pending(&self, core: &Core, kept: &mut Kept) {
        let spare = |first| core.group(first).spare();
        // Turned round by way of a stack of its own.
        let turned = Stack::new();
        for bundle in self.pending.take(spare) {
            turned.push(bundle, spare(bundle.first));
        }
        turned.take(spare).for_each(|bundle| kept.take_in(core, bundle));
    }

    fn keep_reserve(&self, core: &Core, kept: &mut Kept) {
        // Asked once, as others write to what that is read from.
        let mut free = core.free();
        while free < usize::from(self.reserve) {
            let Some(spans) = kept.evict(core) else { return };
            free += spans;
        }
        // Some came, so as many go, lest those that carry nothing all go for those that do.
        if core.cells.free() + core.returned_spans() < usize::from(self.cell_reserve) {
            let _ = (0..SOME).try_for_each(|_| kept.evict(core).map(drop));
        }
    }

    /// Takes in what is on the stack, then has traces make room as needed; false if somebody has the lock.
    #[inline(never)]
    fn tidy(&self, core: &Core) -> bool {
        let Some(mut kept) = self.try_hold() else { return false };
        self.take_pending(core, &mut kept);
        self.keep_reserve(core, &mut kept);
        true
    }

    /// Has old traces of a home make room for a thread that has used up what it had, when little else is
    /// free: to fetch the slots of others from their caches costs more than the order of age is worth.
    pub(crate) fn free_own(&self, core: &Core, home: usize) {
        if core.free() >= usize::from(self.reserve) {
            return;
        }
        let Some(mut kept) = self.try_hold() else { return };
        self.take_pending(core, &mut kept);
        let mut freed = 0;
        while freed < CACHED {
            let Some(old) = kept.lists.remove_of(home) else { return };
            freed += evicted(core, old, |bundle| core.send_home(bundle));
        }
    }

    /// Frees slots for somebody who found none.
    #[cold]
    pub(crate) fn free_slots(&self, core: &Core) {
        if !self.tidy(core) && core.free() == 0 {
            self.recycle(core);
        }
    }

    /// Frees ordinary traces that are still on the stack: while somebody has the lock for long, such as a
    /// thread that does not get to run, those that record live from these.
    fn recycle(&self, core: &Core) {
        let spare = |first| core.group(first).spare();
        let mut freed = 0;
        for bundle in self.pending.take(spare) {
            let protected = u64::from(bundle.flags) & (group::FAILED | group::SLOWEST) != 0;
            if freed < self.most_enough && !protected {
                core.metrics.lost(Loss::Evicted).add(u64::from(bundle.count));
                core.release(bundle.first);
                freed += u64::from(bundle.count);
            } else {
                self.pending.push(bundle, spare(bundle.first));
            }
        }
    }

    /// Frees some cells, if nobody has the lock. Traces may carry nothing, so it looks at a few only.
    pub(crate) fn free_cells(&self, core: &Core) {
        match self.try_hold() {
            Some(mut kept) => {
                self.take_pending(core, &mut kept);
                let scarce = |_: &u16| core.cells.free() < usize::from(self.cell_reserve);
                let evict = |_| {
                    let least = kept.lists.remove_least()?;
                    evicted(core, least, |bundle| core.release(bundle.first));
                    Some(())
                };
                let _ = (0..MOST_EVICTIONS).take_while(scarce).try_for_each(evict);
            }
            None => self.recycle(core),
        }
    }

    /// The kept traces, for a reader.
    pub(crate) fn lock(&self, core: &Core) -> Held<'_> {
        let mut kept = Held::new(self, self.kept.lock());
        self.take_pending(core, &mut kept);
        kept
    }
}

impl Kept {
    fn take_in(&mut self, core: &Core, bundle: Bundle) {
        let (first, flags) = (bundle.first, u64::from(bundle.flags));
        let class = if flags & group::FAILED != 0 { Class::Failed } else { Class::Ordinary };
        let cells = if class == Class::Failed { cells(core, first) } else { 0 };
        self.lists.add(bundle, cells, class);
        if class == Class::Ordinary && flags & group::SLOWEST != 0 {
            self.slowest.consider(core, &mut self.lists, first);
        }
        // Of each protected kind the oldest give way beyond a quarter of the pool.
        let most_cells = core.cells.len() / 4;
        self.lists.bound(Class::Failed, most_cells, |_| ());
        let Kept { lists, slowest, .. } = self;
        lists.bound(Class::Slowest, most_cells, |first| slowest.forget(core, first));
    }

    /// Has the trace that is the least missed make room; its spans, or `None` when all that is left is
    /// protected.
    fn evict(&mut self, core: &Core) -> Option<usize> {
        let least = self.lists.remove_least()?;
        Some(evicted(core, least, |bundle| core.send_home(bundle)))
    }
}

/// Frees the slots of a trace that is no longer kept; how many.
fn evicted(core: &Core, (first, entry): (u16, Entry), free: impl Fn(Bundle)) -> usize {
    let Entry { count, flags, home, .. } = entry;
    if !entry.was_taken() {
        core.metrics.lost(Loss::Evicted).add(u64::from(count));
    }
    free(Bundle { first, count, flags, home });
    usize::from(count)
}

impl Kept {
    /// Lets those go that have been the slowest for long.
    pub(crate) fn age(&mut self, core: &Core, now_ns: u64) {
        while let Some(first) = self.lists.oldest(Class::Slowest) {
            let ended_ns = core.slot(first).end_ns.load(Ordering::Relaxed);
            if now_ns.saturating_sub(ended_ns) < SLOWEST_FOR_NS {
                return;
            }
            self.slowest.forget(core, first);
            self.lists.demote(first);
        }
    }
}
