//! The allocator around an allocator.

use std::alloc::{GlobalAlloc, Layout, System};

use super::cells::Cells;
use super::{local, sampler};

/// An allocator that counts what goes through it, and samples where it came from.
///
/// Every call is forwarded to the allocator inside, `realloc` and `alloc_zeroed` to its own. What is counted:
/// an allocation with the bytes that were asked for, once it succeeded; a free with the same bytes; a
/// reallocation that succeeded as an allocation of the new size and a free of the old one. Counts are exact,
/// on any thread, also while it exits.
///
/// What it counted is read by [`heap::counts`](super::counts) and its neighbours.
///
/// ```
/// use perf_monitor_profiling::TrackedAlloc;
/// use std::alloc::System;
///
/// #[global_allocator]
/// static ALLOCATOR: TrackedAlloc<System> = TrackedAlloc::new(System);
/// ```
///
/// # Cost
/// `heap/TrackedAlloc` in `benches/budgets.toml`: 2 ns over the allocator inside for an allocation and its
/// free, on any number of threads up to 64; the threads past them, and all where the system is not a Unix,
/// share cells, which costs some 20 ns more. Sampling: `heap/sampling`.
#[derive(Debug, Default)]
pub struct TrackedAlloc<A = System> {
    inner: A,
}

impl<A> TrackedAlloc<A> {
    /// An allocator around `inner`.
    pub const fn new(inner: A) -> TrackedAlloc<A> {
        TrackedAlloc { inner }
    }

    /// The allocator inside.
    pub const fn inner(&self) -> &A {
        &self.inner
    }
}

// SAFETY: memory comes from `inner` and goes back to it, with the layouts that the caller gave; counting
// touches none of it, allocates nothing through this allocator and does not unwind.
unsafe impl<A: GlobalAlloc> GlobalAlloc for TrackedAlloc<A> {
    // Inlined even where nothing is optimised, so that whoever samples is called by the function that the
    // program calls to allocate, and knows how many frames are not the program's.
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is `inner`'s.
        let block = unsafe { self.inner.alloc(layout) };
        allocated(block, layout.size());
        block
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is `inner`'s.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        allocated(block, layout.size());
        block
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // Before the block is given back: from then on another thread may have it.
        let cells = local::cells();
        cells.freed(layout.size() as u64);
        if cells.may_be_sampled(block) {
            freed_slowly(cells, block, layout.size());
        }
        // SAFETY: as above; `block` came from `inner` with this layout.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline(always)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let held = sampler::taken(block);
        // SAFETY: as above; `block` came from `inner` with this layout.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        if moved.is_null() {
            held.put_back(block);
        } else {
            freed(layout.size());
            allocated(moved, new_size);
        }
        moved
    }
}

/// Counts `block` if there is one.
#[inline(always)]
fn allocated(block: *mut u8, size: usize) {
    let cells = local::cells();
    if !block.is_null() && cells.allocated(size as u64) {
        sampler::due(cells, block, size as u64);
    }
}

/// The rest of a free of a block that may have been sampled, or of a thread that has no cells.
#[cold]
#[inline(never)]
fn freed_slowly(cells: &Cells, block: *mut u8, size: usize) {
    if local::is_nowhere(cells) {
        freed_elsewhere(size as u64);
    }
    sampler::freed(block);
}

#[inline(always)]
fn freed(size: usize) {
    let cells = local::cells();
    cells.freed(size as u64);
    if local::is_nowhere(cells) {
        freed_elsewhere(size as u64);
    }
}

/// Of a thread that has no cells, or none yet.
#[cold]
#[inline(never)]
fn freed_elsewhere(size: u64) {
    match local::claim() {
        Some(cells) => cells.freed(size),
        None => local::shared().freed_shared(size),
    }
}
