//! Reading again and collecting again allocate nothing.
#![cfg(target_os = "linux")]

mod fixture;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use fixture::{SECOND, Tree};
use perf_monitor_core::Registry;
use perf_monitor_host::{HostMetrics, HostOptions, HostSample};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps alloc's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps dealloc's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_reading_in_the_steady_state_allocates_nothing() {
    let tree = Tree::machine();
    let mut reader = tree.reader();
    let mut sample = HostSample::default();
    reader.read_into_at(&mut sample, SECOND);
    let before = ALLOCATIONS.get();
    for second in 2..50 {
        reader.read_into_at(&mut sample, second * SECOND);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(sample.disks.is_some() && sample.interfaces.is_some() && sample.cores.is_some());
}

#[test]
fn a_collect_in_the_steady_state_allocates_nothing() {
    let tree = Tree::machine();
    let registry = Registry::new();
    let mut host = HostMetrics::new(&registry, HostOptions::default().root(tree.root())).unwrap();
    for second in 1..5 {
        host.collect_at(second * SECOND);
    }
    let before = ALLOCATIONS.get();
    for second in 5..50 {
        host.collect_at(second * SECOND);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
