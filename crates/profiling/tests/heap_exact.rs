//! Counts are those of an allocator that counts slowly, whatever threads do.
//!
//! One test, since the counts are of the whole process: nothing else may allocate while they are compared.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread::{self, ScopedJoinHandle};

use perf_monitor_core::Context;
use perf_monitor_profiling::TrackedAlloc;
use perf_monitor_profiling::heap::{self, AllocCounts, SpanHeap};

#[global_allocator]
static ALLOCATOR: TrackedAlloc<Slow> = TrackedAlloc::new(Slow);

/// The model: the system's allocator, with shared counts.
struct Slow;

static COUNTS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

fn count(which: usize, bytes: usize) {
    COUNTS[which].fetch_add(1, SeqCst);
    COUNTS[which + 1].fetch_add(bytes as u64, SeqCst);
}

fn slow() -> AllocCounts {
    let [allocations, allocated_bytes, frees, freed_bytes] =
        [0, 1, 2, 3].map(|which: usize| COUNTS[which].load(SeqCst));
    AllocCounts { allocations, frees, allocated_bytes, freed_bytes }
}

// SAFETY: every call is handed to `System` unchanged.
unsafe impl GlobalAlloc for Slow {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is `System`'s.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            count(0, layout.size());
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            count(0, layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(2, layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if !moved.is_null() {
            count(0, new_size);
            count(2, layout.size());
        }
        moved
    }
}

/// Compares, and says after what.
fn compare(after: &str) {
    assert_eq!(heap::counts(), slow(), "after {after}");
    let threads = heap::threads();
    let (total, mut sum) = (heap::counts(), threads.others.allocated_bytes);
    sum += threads.threads.iter().map(|thread| thread.counts.allocated_bytes).sum::<u64>();
    assert!(sum <= total.allocated_bytes, "after {after}: {sum} of {total:?}");
}

/// Allocates and frees in each way there is.
fn work(rounds: usize) {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for n in 1..=rounds {
        let mut grown = vec![0_u8; n]; // zeroed
        grown.resize(3 * n, 1); // reallocated
        grown.shrink_to_fit();
        kept.push(black_box(grown));
        if n % 3 == 0 {
            kept.swap_remove(n / 5);
        }
    }
}

/// Frees and allocates when its thread ends.
struct AtExit(RefCell<Vec<u8>>);

impl Drop for AtExit {
    fn drop(&mut self) {
        let grown = self.0.borrow().repeat(3);
        *self.0.borrow_mut() = black_box(grown);
        work(20);
    }
}

thread_local! {
    static FIRST: AtExit = AtExit(RefCell::new(vec![1; 100]));
    static SECOND: AtExit = AtExit(RefCell::new(vec![2; 200]));
}

#[test]
fn counts_are_exact() {
    assert!(heap::is_global());
    threads_that_come_and_go();
    compare("threads that come and go");
    blocks_that_others_free();
    compare("blocks that others free");
    more_threads_than_have_cells();
    compare("more threads than have cells");
    failures();
    compare("failures");
    short_threads();
    compare("1,000 short threads");
    threads_and_spans();
    compare("threads and spans");
    sampled();
    compare("sampling");
}

/// Waits until the threads have ended, destructors included; a scope alone waits for their functions only.
fn join<T>(threads: Vec<ScopedJoinHandle<'_, T>>) {
    threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
}

fn threads_that_come_and_go() {
    let run = |rounds| {
        FIRST.with(|first| first.0.borrow_mut().push(1));
        work(rounds);
        SECOND.with(|second| second.0.borrow_mut().push(1));
    };
    for _ in 0..4 {
        thread::scope(|scope| {
            join([50, 100, 200, 400].map(|rounds| scope.spawn(move || run(rounds))).into());
        });
    }
}

fn blocks_that_others_free() {
    let (sender, receiver) = mpsc::channel();
    let send =
        |sender: mpsc::Sender<Vec<u8>>| (1..300).for_each(|n| sender.send(vec![1; n]).unwrap());
    thread::scope(|scope| {
        let senders = [(); 3].map(|()| {
            let sender = sender.clone();
            scope.spawn(move || send(sender))
        });
        drop(sender);
        let receive = || receiver.into_iter().map(|block| block.len()).sum::<usize>();
        join(vec![scope.spawn(receive)]);
        join(senders.into());
    });
}

/// All at once, so that some have to share.
fn more_threads_than_have_cells() {
    let all = Barrier::new(80);
    let sharing = AtomicU64::new(0);
    let run = || {
        all.wait();
        work(30);
        sharing.fetch_add(u64::from(heap::this_thread().is_none()), SeqCst);
        all.wait();
    };
    thread::scope(|scope| {
        let start = |_| {
            let builder = thread::Builder::new().stack_size(64 << 10);
            builder.spawn_scoped(scope, run).unwrap()
        };
        join((0..80).map(start).collect());
    });
    assert!(sharing.into_inner() >= 16);
}

fn failures() {
    let before = heap::counts();
    let mut block = vec![1_u8; 10];
    assert!(block.try_reserve_exact(isize::MAX as usize / 2).is_err());
    assert!(Vec::<u8>::new().try_reserve_exact(isize::MAX as usize / 2).is_err());
    assert_eq!(block, [1; 10]);
    drop(block);
    assert!(heap::counts().since(before).allocated_bytes < 1 << 20);
}

fn short_threads() {
    let before = heap::threads().threads.len();
    for n in 0..1_000 {
        thread::spawn(move || drop(black_box(vec![0_u8; n + 1]))).join().unwrap();
    }
    assert!(heap::threads().threads.len() <= before + 1, "cells are handed on");
}

fn threads_and_spans() {
    let in_span = |name_id, bytes: usize| {
        let before = Context { trace_id: 1, span_id: 1, name_id }.enter();
        let block = black_box(vec![0_u8; bytes]);
        before.enter();
        block
    };
    let spans_before = heap::spans();
    let own = || heap::this_thread().unwrap();
    let first = thread::spawn(move || {
        let start = own();
        let block = in_span(3, 1_000);
        let (during, others) = (own().since(start), in_span(3, 10));
        (during, block.len() + others.len())
    });
    let second = thread::spawn(move || {
        let start = own();
        let block = in_span(5_000, 77);
        drop(in_span(7, 500));
        let during = own().since(start);
        (during, block.len())
    });
    let (first, second) = (first.join().unwrap().0, second.join().unwrap().0);
    let counts = |allocations, frees, allocated_bytes, freed_bytes| AllocCounts {
        allocations,
        frees,
        allocated_bytes,
        freed_bytes,
    };
    assert_eq!((first, second), (counts(1, 0, 1_000, 0), counts(2, 1, 577, 500)));
    let span =
        |name_id, allocations, allocated_bytes| SpanHeap { name_id, allocations, allocated_bytes };
    let expected = vec![span(Some(3), 2, 1_010), span(Some(7), 1, 500), span(None, 1, 77)];
    assert_eq!((spans_before, heap::spans()), (Vec::new(), expected));
}

fn sampled() {
    use perf_monitor_profiling::heap::SamplingOptions;
    if heap::start_sampling(SamplingOptions::new().interval_bytes(256)).is_err() {
        return;
    }
    threads_that_come_and_go();
    blocks_that_others_free();
    failures();
    assert!(heap::sampling_stats().samples > 100);
    heap::stop_sampling();
}
