//! A program whose allocator is jemalloc, with its heap profiler.
#![cfg(all(feature = "jemalloc", target_os = "linux"))]

use std::hint::black_box;

use perf_monitor_profiling::heap::SamplingOptions;
use perf_monitor_profiling::{CallTree, Error, MemoryProfiler, MemorySource, Names};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

perf_monitor_profiling::jemalloc_conf!("prof:true,prof_active:false,lg_prof_sample:14");

const HELD: usize = 32 << 20;

#[inline(never)]
fn holder() -> Vec<Vec<u8>> {
    black_box((0..512).map(|_| vec![1; HELD / 512]).collect())
}

#[test]
fn statistics_and_profiles_are_jemallocs() {
    let profiler = MemoryProfiler::new();
    let before = profiler.collect_snapshot_blocking().unwrap();
    assert_eq!(before.source, MemorySource::Jemalloc);
    assert!(before.heap_profile.is_none() && before.notes.is_empty());
    assert!(matches!(profiler.heap_profile(), Err(Error::ProfilerNotStarted)));

    assert_eq!(profiler.start_sampling(SamplingOptions::new()).unwrap(), MemorySource::Jemalloc);
    let held = holder();
    let after = profiler.collect_snapshot_blocking().unwrap();
    let growth = after.growth_since(&before);
    let about = HELD as i64 * 9 / 10..HELD as i64 * 11 / 10;
    assert!(about.contains(&growth.allocated.unwrap()), "{growth:?}");
    assert!(after.mapped >= after.active && after.active >= after.allocated);
    assert!(after.resident.is_some() && after.retained.is_some());

    let profile = after.heap_profile.expect("sampling is on");
    assert_eq!(profile.interval_bytes(), 1 << 14);
    let live = profile.live_bytes() as i64;
    assert!((HELD as i64 * 8 / 10..HELD as i64 * 12 / 10).contains(&live), "{live}");
    let report = profile.report();
    assert!(report.modules.iter().any(|module| module.path.contains("jemalloc")));
    assert!(report.samples.iter().all(|sample| sample.leaf.is_some()));

    // who allocates is the leaf, not what jemalloc does then
    let tree = CallTree::of(&report, &Names::of(&report));
    let has = |function: &str| tree.functions.iter().any(|name| name.contains(function));
    let found = ["::holder", "_rjem_", "prof_backtrace"].map(has);
    assert_eq!(found, [true, false, false], "{:?}", tree.functions);

    drop(held);
    let freed = profiler.heap_profile().unwrap().live_bytes() as i64;
    assert!(freed < HELD as i64 / 10, "{freed}");
    profiler.stop_sampling().unwrap();
    assert!(profiler.collect_snapshot_blocking().unwrap().heap_profile.is_none());
}
