//! What was counted, read out.

use std::alloc::Layout;
use std::hint::black_box;

use super::cells::{Cells, OTHER_SPANS, Read, SPANS};
use super::local;

/// Allocations and frees so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocCounts {
    /// Blocks that were allocated.
    pub allocations: u64,
    /// Blocks that were freed. A thread frees what others allocated, so its own may be more than its allocations.
    pub frees: u64,
    /// Bytes that were asked for.
    pub allocated_bytes: u64,
    /// Bytes of the blocks that were freed.
    pub freed_bytes: u64,
}

impl AllocCounts {
    /// Blocks that are there; 0 for a thread that freed more than it allocated.
    pub const fn live_blocks(&self) -> u64 {
        self.allocations.saturating_sub(self.frees)
    }

    /// Bytes that are there, as they were asked for; 0 for a thread that freed more than it allocated.
    pub const fn live_bytes(&self) -> u64 {
        self.allocated_bytes.saturating_sub(self.freed_bytes)
    }

    /// What came since `earlier`.
    ///
    /// ```
    /// use perf_monitor_profiling::heap;
    ///
    /// let before = heap::counts();
    /// let during = heap::counts().since(before);
    /// assert!(during.live_bytes() < 1_000_000);
    /// ```
    pub const fn since(self, earlier: AllocCounts) -> AllocCounts {
        AllocCounts {
            allocations: self.allocations.wrapping_sub(earlier.allocations),
            frees: self.frees.wrapping_sub(earlier.frees),
            allocated_bytes: self.allocated_bytes.wrapping_sub(earlier.allocated_bytes),
            freed_bytes: self.freed_bytes.wrapping_sub(earlier.freed_bytes),
        }
    }
}

impl From<Read> for AllocCounts {
    fn from(read: Read) -> AllocCounts {
        let Read { allocations, allocated_bytes, frees, freed_bytes } = read;
        AllocCounts { allocations, frees, allocated_bytes, freed_bytes }
    }
}

/// What a thread allocated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadHeap {
    /// The kernel's number of the thread; elsewhere than on Linux any number.
    pub thread_id: u32,
    /// The thread's name, where the system tells it.
    pub name: Option<String>,
    /// What it counted itself.
    pub counts: AllocCounts,
}

/// What all threads allocated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadHeaps {
    /// Threads that live and have cells of their own, 64 at most.
    pub threads: Vec<ThreadHeap>,
    /// What all others did: those that ended, those past the 64th, and what threads freed while exiting.
    pub others: AllocCounts,
}

/// What was allocated in spans of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanHeap {
    /// The name's number, as [`Context::name_id`](perf_monitor_core::Context::name_id) has it; `None` for all
    /// names past the 63rd.
    pub name_id: Option<u32>,
    /// Blocks that were allocated.
    pub allocations: u64,
    /// Bytes that were asked for.
    pub allocated_bytes: u64,
}

/// All cells there are; the shared ones first.
fn all() -> impl Iterator<Item = &'static Cells> {
    std::iter::once(local::shared()).chain(local::private())
}

/// What the process allocated and freed. Each allocation and free that happened before is in it.
///
/// # Cost
/// Less than a microsecond: it reads 65 places.
pub fn counts() -> AllocCounts {
    // Frees of one cell are of allocations of another: with all frees read first, none is seen without its
    // allocation.
    let frees = all().map(Cells::read).fold(Read::default(), Read::plus);
    let allocations = all().map(Cells::read).fold(Read::default(), Read::plus);
    Read { frees: frees.frees, freed_bytes: frees.freed_bytes, ..allocations }.into()
}

/// What the calling thread allocated and freed; `None` if it has no cells of its own: it has allocated
/// nothing yet, it is the 65th or later, or it exits.
pub fn this_thread() -> Option<AllocCounts> {
    local::own()?.read_owner().map(|(_, counts)| counts.into())
}

/// What each thread allocated and freed. The sum over all is what [`counts`] says, if nothing happens
/// meanwhile.
///
/// # Cost
/// A system call for each thread's name.
pub fn threads() -> ThreadHeaps {
    let total = all().map(Cells::read).fold(Read::default(), Read::plus);
    let owned: Vec<_> = local::private().iter().filter_map(Cells::read_owner).collect();
    let of_threads = owned.iter().fold(Read::default(), |sum, (_, own)| sum.plus(*own));
    let named = |(thread_id, own): (u32, Read)| ThreadHeap {
        thread_id,
        name: thread_name(thread_id),
        counts: own.into(),
    };
    ThreadHeaps {
        threads: owned.into_iter().map(named).collect(),
        others: total.less(of_threads).into(),
    }
}

/// What was allocated in spans, by their name; only names in whose spans there was something.
pub fn spans() -> Vec<SpanHeap> {
    (0..SPANS).map(span).filter(|span| span.allocations > 0).collect()
}

fn span(name: usize) -> SpanHeap {
    let sum = |a: (u64, u64), b: (u64, u64)| (a.0.wrapping_add(b.0), a.1.wrapping_add(b.1));
    let (allocations, allocated_bytes) = all().map(|cells| cells.read_span(name)).fold((0, 0), sum);
    let name_id = (name != OTHER_SPANS).then_some(name as u32);
    SpanHeap { name_id, allocations, allocated_bytes }
}

/// Whether a [`TrackedAlloc`](super::TrackedAlloc) is this program's global allocator; it allocates a byte
/// to find out.
pub fn is_global() -> bool {
    let moved = || local::own().map_or_else(|| local::shared().read(), Cells::read).allocations;
    let layout = Layout::new::<u8>();
    // The first makes sure that the thread has its cells, if it is to have some.
    let probe = || {
        // SAFETY: the layout has a size; the block is freed with it.
        unsafe {
            let block = black_box(std::alloc::alloc(layout));
            if !block.is_null() {
                std::alloc::dealloc(block, layout);
            }
        }
    };
    probe();
    let before = moved();
    probe();
    moved() != before
}

#[cfg(target_os = "linux")]
fn thread_name(thread_id: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/self/task/{thread_id}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn thread_name(_: u32) -> Option<String> {
    None
}
