//! What holds memory is told where the program's allocator is a `TrackedAlloc`.
#![cfg(target_os = "linux")]

mod support;

use std::alloc::System;
use std::hint::black_box;
use std::time::Duration;

use perf_monitor::PerformanceMonitorBuilder;
use perf_monitor::profiling::heap::{self, SamplingOptions};
use perf_monitor::profiling::{MemoryProfilerOptions, MemorySource, TrackedAlloc};
use support::{get, turn, wait_for};

#[global_allocator]
static ALLOCATOR: TrackedAlloc<System> = TrackedAlloc::new(System);

const BLOCKS: usize = 256;
const BLOCK_BYTES: usize = 64 << 10;

/// A monitor that takes a snapshot in each tick.
fn builder() -> PerformanceMonitorBuilder {
    let each_tick = MemoryProfilerOptions::new().interval(Duration::ZERO);
    support::builder().memory_options(each_tick)
}

/// 16 MiB that live as long as the answer.
#[inline(never)]
fn holds_memory() -> Vec<Vec<u8>> {
    (0..BLOCKS).map(|_| black_box(vec![1_u8; BLOCK_BYTES])).collect()
}

/// As much that is gone when this returns.
#[inline(never)]
fn lets_go() {
    drop(holds_no_longer());
}

#[inline(never)]
fn holds_no_longer() -> Vec<Vec<u8>> {
    (0..BLOCKS).map(|_| black_box(vec![1_u8; BLOCK_BYTES])).collect()
}

/// Bytes in the lines of stacks that `function` is in.
fn bytes_of(collapsed: &str, function: &str) -> u64 {
    let lines = collapsed.lines().filter(|line| line.contains(function));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn the_heap_shows_who_holds_memory_and_allocs_who_took_it() {
    let _turn = turn();
    let monitor = builder().heap_sampling(SamplingOptions::new().interval_bytes(4_096)).start();
    let monitor = monitor.unwrap();
    assert_eq!(monitor.profiler().memory().source(), MemorySource::TrackedAlloc);
    let span = monitor.tracer().root("GET /cart");
    let held = holds_memory();
    drop(span);
    lets_go();
    let heap = get(&monitor, "/debug/pprof/heap?debug=1");
    assert_eq!(heap.status, 200, "{}", heap.body);
    let all = (BLOCKS * BLOCK_BYTES) as u64;
    let near = all * 9 / 10..=all * 11 / 10;
    assert!(near.contains(&bytes_of(&heap.body, "::holds_memory")), "{}", heap.body);
    assert_eq!(bytes_of(&heap.body, "::holds_no_longer"), 0);
    let allocs = get(&monitor, "/debug/pprof/allocs?debug=1").body;
    for function in ["::holds_memory", "::holds_no_longer"] {
        assert!(near.contains(&bytes_of(&allocs, function)), "{allocs}");
    }
    let of_span = get(&monitor, "/debug/pprof/heap?debug=1&span=GET+/cart").body;
    assert!(near.contains(&bytes_of(&of_span, "::holds_memory")), "{of_span}");
    drop(held);
    let after = get(&monitor, "/debug/pprof/heap?debug=1").body;
    assert_eq!(bytes_of(&after, "::holds_memory"), 0, "{after}");
}

#[test]
fn the_heap_is_metrics_and_what_only_jemalloc_knows_is_not() {
    let _turn = turn();
    let monitor = builder().start().unwrap();
    let held = holds_memory();
    let all = (BLOCKS * BLOCK_BYTES) as f64;
    let live = wait_for(&monitor, "process_heap_live_bytes", |bytes| bytes >= all);
    let allocated = wait_for(&monitor, "process_heap_allocated_bytes_total", |b| b >= live);
    assert!(allocated >= all, "{allocated}");
    wait_for(&monitor, "process_heap_allocations_total", |count| count >= BLOCKS as f64);
    drop(held);
    wait_for(&monitor, "process_heap_live_bytes", |bytes| bytes < live - all / 2.0);
    wait_for(&monitor, "process_heap_freed_bytes_total", |bytes| bytes >= all);
    wait_for(&monitor, "process_heap_frees_total", |count| count >= BLOCKS as f64);
    let metrics = get(&monitor, "/metrics").body;
    for unknown in ["active", "mapped", "retained", "resident"] {
        assert!(!metrics.contains(&format!("process_heap_{unknown}_bytes")), "{unknown}");
    }
    let snapshots = monitor.profiler().memory().snapshots();
    assert!(snapshots.iter().all(|one| one.allocated.is_some() && one.active.is_none()));
}

#[test]
fn without_sampling_allocations_are_counted_and_the_profile_says_what_would_do_it() {
    let _turn = turn();
    heap::stop_sampling();
    let monitor = builder().heap_sampling(None).start().unwrap();
    let refused = get(&monitor, "/debug/pprof/heap");
    assert_eq!(refused.status, 501, "{}", refused.body);
    assert!(refused.body.contains("heap_sampling"), "{}", refused.body);
    wait_for(&monitor, "process_heap_live_bytes", |bytes| bytes > 0.0);
}
