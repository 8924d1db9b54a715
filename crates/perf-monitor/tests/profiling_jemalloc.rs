//! What holds memory is told where the program's allocator is jemalloc.
#![cfg(target_os = "linux")]

mod support;

use std::hint::black_box;
use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use perf_monitor::export::to_pprof;
use perf_monitor::profiling::{MemoryProfilerOptions, MemorySource, Names};
use support::{get, wait_for};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

perf_monitor::profiling::jemalloc_conf!("prof:true,prof_active:false,lg_prof_sample:14");

const HELD: usize = 16 << 20;

#[inline(never)]
fn holds_memory() -> Vec<Vec<u8>> {
    (0..256).map(|_| black_box(vec![1_u8; HELD / 256])).collect()
}

#[test]
fn the_heap_is_metrics_and_a_profile_and_what_only_a_tracked_alloc_knows_is_not() {
    let each_tick = MemoryProfilerOptions::new().interval(Duration::ZERO);
    let monitor = support::builder().memory_options(each_tick).start().unwrap();
    assert_eq!(monitor.profiler().memory().source(), MemorySource::Jemalloc);
    let held = holds_memory();
    for known in ["live", "active", "mapped", "resident"] {
        let metric = format!("process_heap_{known}_bytes");
        wait_for(&monitor, &metric, |bytes| bytes >= HELD as f64);
    }
    let metrics = get(&monitor, "/metrics").body;
    assert!(metrics.contains("process_heap_retained_bytes"));
    let counted = ["allocations", "frees", "allocated_bytes", "freed_bytes"];
    for unknown in counted.map(|what| format!("process_heap_{what}_total")) {
        assert!(!metrics.contains(&unknown), "{unknown}");
    }

    let heap = get(&monitor, "/debug/pprof/heap?format=collapsed").body;
    let lines = heap.lines().filter(|line| line.contains("::holds_memory"));
    let bytes: usize = lines.map(|l| l.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum();
    assert!((HELD * 8 / 10..HELD * 12 / 10).contains(&bytes), "{heap}");
    assert!(!heap.contains("prof_backtrace"), "{heap}");

    let report = monitor.profiler().memory_report(false).unwrap();
    let mut pprof = Vec::new();
    let written = to_pprof(&report, &Names::of(&report));
    GzDecoder::new(&*written).read_to_end(&mut pprof).unwrap();
    let texts = String::from_utf8_lossy(&pprof);
    assert!(texts.contains("::holds_memory") && !texts.contains("prof_backtrace"));
    drop(held);
}
