//! What one thread has allocated and freed.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use perf_monitor_core::Context;

use super::live::{Filter, NOTHING};

/// Threads that have cells of their own at the same time; the others share.
pub(super) const THREADS: usize = 64;

/// Names of spans that are told apart, and one row for all the others. Names are numbered as they come.
pub(super) const SPANS: usize = 64;

/// The row of names past the last that is told apart.
pub(super) const OTHER_SPANS: usize = SPANS - 1;

/// The owner of cells that nobody has.
const NOBODY: u32 = 0;

/// The cells of one thread, or those that threads share.
///
/// Their owner alone writes the counts, by a relaxed load and a relaxed store; shared ones are written by
/// `fetch_add`. They only ever grow. Whoever takes them over goes on with what is there.
#[repr(C, align(128))]
pub(super) struct Cells {
    allocations: AtomicU64,
    allocated_bytes: AtomicU64,
    frees: AtomicU64,
    freed_bytes: AtomicU64,
    /// The thread looks for the sampler once `allocated_bytes` is here. The owner sets it; the sampler's
    /// switch sets it to 0.
    pub(super) next: AtomicU64,
    /// The filter of the sampled blocks, into which each free looks: one with nothing in it while sampling is
    /// off, which is cheaper than to ask. The sampler's switch sets it, for all cells there are, before any block
    /// is sampled. It is never unmapped.
    pub(super) filter: AtomicPtr<Filter>,
    /// The owner's stack: its lowest address and its end; zeroes before the owner's first sample.
    pub(super) stack: [AtomicU64; 2],
    // All above, which allocations, frees and samples read, is one cache line.
    /// The thread's number; [`NOBODY`] when they can be had.
    owner: AtomicU32,
    /// What the counts were when the owner came.
    before: [AtomicU64; 4],
    spans: [SpanCells; SPANS],
}

/// What was allocated in spans of one name.
struct SpanCells {
    allocations: AtomicU64,
    allocated_bytes: AtomicU64,
}

/// Counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) allocations: u64,
    pub(super) allocated_bytes: u64,
    pub(super) frees: u64,
    pub(super) freed_bytes: u64,
}

/// For the owner of `cell`: no locked instruction.
#[inline(always)]
fn grow(cell: &AtomicU64, by: u64) -> u64 {
    let grown = cell.load(Ordering::Relaxed).wrapping_add(by);
    cell.store(grown, Ordering::Relaxed);
    grown
}

impl Cells {
    pub(super) const fn new() -> Cells {
        Cells::with_filter(&NOTHING)
    }

    pub(super) const fn with_filter(filter: &'static Filter) -> Cells {
        Cells {
            allocations: AtomicU64::new(0),
            allocated_bytes: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            freed_bytes: AtomicU64::new(0),
            next: AtomicU64::new(0),
            filter: AtomicPtr::new(ptr::from_ref(filter).cast_mut()),
            stack: [const { AtomicU64::new(0) }; 2],
            owner: AtomicU32::new(NOBODY),
            before: [const { AtomicU64::new(0) }; 4],
            spans: [const {
                SpanCells { allocations: AtomicU64::new(0), allocated_bytes: AtomicU64::new(0) }
            }; SPANS],
        }
    }

    /// Counts an allocation of the owner; whether the sampler is to be looked for.
    #[inline(always)]
    pub(super) fn allocated(&self, bytes: u64) -> bool {
        grow(&self.allocations, 1);
        let total = grow(&self.allocated_bytes, bytes);
        if let Some(span) = self.span() {
            grow(&span.allocations, 1);
            grow(&span.allocated_bytes, bytes);
        }
        total >= self.next.load(Ordering::Relaxed)
    }

    /// Whether `block`, which the owner has, may have been sampled; `false` is certain.
    ///
    /// The switch writes the filter to all cells before it changes the epoch, which whoever sampled the block
    /// has seen; and the block came here after that. So a thread that has the block has the filter.
    #[inline(always)]
    pub(super) fn may_be_sampled(&self, block: *mut u8) -> bool {
        // SAFETY: a static, or one in tables that are never unmapped, as the switch guarantees.
        unsafe { &*self.filter.load(Ordering::Relaxed) }.may_hold(block as usize)
    }

    /// Counts a free of the owner.
    #[inline(always)]
    pub(super) fn freed(&self, bytes: u64) {
        grow(&self.frees, 1);
        grow(&self.freed_bytes, bytes);
    }

    /// The same for cells that threads share.
    pub(super) fn allocated_shared(&self, bytes: u64) -> bool {
        self.allocations.fetch_add(1, Ordering::Relaxed);
        let total = self.allocated_bytes.fetch_add(bytes, Ordering::Relaxed).wrapping_add(bytes);
        if let Some(span) = self.span() {
            span.allocations.fetch_add(1, Ordering::Relaxed);
            span.allocated_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        total >= self.next.load(Ordering::Relaxed)
    }

    /// The same for cells that threads share.
    pub(super) fn freed_shared(&self, bytes: u64) {
        self.frees.fetch_add(1, Ordering::Relaxed);
        self.freed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The row of the span that the calling thread is in, if it is in one.
    #[inline(always)]
    fn span(&self) -> Option<&SpanCells> {
        let name_id = Context::current_name_id()?;
        Some(&self.spans[(name_id as usize).min(OTHER_SPANS)])
    }

    /// What was counted. Frees are read first, so that no block is freed that was not allocated.
    pub(super) fn read(&self) -> Read {
        let [frees, freed_bytes] =
            [&self.frees, &self.freed_bytes].map(|cell| cell.load(Ordering::Acquire));
        let [allocations, allocated_bytes] =
            [&self.allocations, &self.allocated_bytes].map(|cell| cell.load(Ordering::Relaxed));
        Read { allocations, allocated_bytes, frees, freed_bytes }
    }

    /// Allocations in spans with the number `name`, and their bytes.
    pub(super) fn read_span(&self, name: usize) -> (u64, u64) {
        let span = &self.spans[name];
        (span.allocations.load(Ordering::Relaxed), span.allocated_bytes.load(Ordering::Relaxed))
    }

    /// Bytes that were allocated so far.
    pub(super) fn allocated_bytes(&self) -> u64 {
        self.allocated_bytes.load(Ordering::Relaxed)
    }

    /// Makes `thread` the owner, unless there is one. What the last one wrote is there.
    pub(super) fn take(&self, thread: u32) -> bool {
        let free = self.owner.load(Ordering::Relaxed) == NOBODY;
        let taken = free
            && self
                .owner
                .compare_exchange(NOBODY, thread, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if taken {
            self.begin();
        }
        taken
    }

    fn begin(&self) {
        let Read { allocations, allocated_bytes, frees, freed_bytes } = self.read();
        for (before, now) in
            self.before.iter().zip([allocations, allocated_bytes, frees, freed_bytes])
        {
            before.store(now, Ordering::Relaxed);
        }
        self.stack.iter().for_each(|bound| bound.store(0, Ordering::Relaxed));
    }

    /// The owner lets go of them; its writes come before those of the next.
    pub(super) fn give_back(&self) {
        self.owner.store(NOBODY, Ordering::Release);
    }

    /// In a forked child, whose only thread has another number than in the parent.
    pub(super) fn rename(&self, thread: u32) {
        self.owner.store(thread, Ordering::Relaxed);
    }

    /// The owner, with what it counted itself. `None` while they change hands.
    pub(super) fn read_owner(&self) -> Option<(u32, Read)> {
        let thread = self.owner.load(Ordering::Acquire);
        let [allocations, allocated_bytes, frees, freed_bytes] =
            [0, 1, 2, 3].map(|i: usize| self.before[i].load(Ordering::Acquire));
        let before = Read { allocations, allocated_bytes, frees, freed_bytes };
        let now = self.read();
        let stays = self.owner.load(Ordering::Acquire) == thread;
        (thread != NOBODY && stays).then(|| (thread, now.less(before)))
    }
}

impl Read {
    pub(super) fn plus(self, other: Read) -> Read {
        self.with(other, u64::wrapping_add)
    }

    pub(super) fn less(self, other: Read) -> Read {
        self.with(other, u64::saturating_sub)
    }

    fn with(self, other: Read, f: fn(u64, u64) -> u64) -> Read {
        Read {
            allocations: f(self.allocations, other.allocations),
            allocated_bytes: f(self.allocated_bytes, other.allocated_bytes),
            frees: f(self.frees, other.frees),
            freed_bytes: f(self.freed_bytes, other.freed_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_change_hands_with_their_counts() {
        let cells = Cells::new();
        assert!(cells.take(1) && !cells.take(2));
        cells.allocated(100);
        cells.freed(100);
        cells.give_back();
        assert!(cells.take(2));
        cells.allocated(7);
        let own = Read { allocations: 1, allocated_bytes: 7, ..Read::default() };
        assert_eq!(cells.read_owner(), Some((2, own)));
        assert_eq!(cells.read().allocated_bytes, 107);
    }

    #[test]
    fn names_of_spans_past_the_last_share_a_row() {
        let cells = Cells::new();
        for name_id in [0, 5, SPANS as u32, u32::MAX] {
            let before = Context { trace_id: 1, span_id: 1, name_id }.enter();
            cells.allocated(10);
            before.enter();
        }
        cells.allocated(1_000);
        let rows = [0, 5, OTHER_SPANS].map(|name| cells.read_span(name));
        assert_eq!(rows, [(1, 10), (1, 10), (2, 20)]);
    }

    #[test]
    fn the_counters_take_what_the_docs_say() {
        assert_eq!(size_of::<Cells>() * (THREADS + 1), 74_880);
    }
}
