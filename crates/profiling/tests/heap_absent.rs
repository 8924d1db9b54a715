//! A program without any of it is told so.

use perf_monitor_profiling::heap::{self, AllocCounts, SamplingOptions};
use perf_monitor_profiling::{Error, MemoryProfiler, MemorySource};

#[test]
fn a_program_with_another_allocator_reads_what_the_system_tells() {
    assert!(!heap::is_global());
    assert_eq!(heap::counts(), AllocCounts::default());
    assert_eq!(heap::this_thread(), None);
    assert!(heap::spans().is_empty());

    let profiler = MemoryProfiler::new();
    let snapshot = profiler.collect_snapshot_blocking().unwrap();
    assert_eq!(snapshot.source, MemorySource::System);
    assert_eq!((snapshot.allocated, snapshot.active, snapshot.mapped), (None, None, None));
    assert_eq!((snapshot.retained, snapshot.heap_profile.is_none()), (None, true));
    if cfg!(target_os = "linux") {
        assert!(snapshot.resident.unwrap() > 0 && snapshot.minor_faults.unwrap() > 0);
    }
    assert_eq!(snapshot.resident, snapshot.rss);

    let refused = profiler.start_sampling(SamplingOptions::default());
    assert!(matches!(refused, Err(Error::Unsupported(why)) if why.contains("TrackedAlloc")));
    assert!(matches!(profiler.heap_profile(), Err(Error::Unsupported(_))));
    profiler.stop_sampling().unwrap();
}

#[test]
fn a_snapshot_is_due_when_the_interval_has_passed() {
    let profiler = MemoryProfiler::new();
    let snapshot = profiler.collect_snapshot_blocking().unwrap();
    assert!(!profiler.is_due(snapshot.timestamp));
    assert!(profiler.is_due(snapshot.timestamp + profiler.options().interval));
    assert!(MemoryProfiler::new().is_due(snapshot.timestamp));
}
