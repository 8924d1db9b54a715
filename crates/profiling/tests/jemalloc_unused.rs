//! A program that has jemalloc in it and does not use it is told.
#![cfg(feature = "jemalloc")]

use perf_monitor_profiling::heap::SamplingOptions;
use perf_monitor_profiling::{Error, MemoryProfiler, MemorySource};

#[test]
fn it_is_told_and_not_shown_zeros() {
    let profiler = MemoryProfiler::new();
    let snapshot = profiler.collect_snapshot_blocking().unwrap();
    assert_eq!((snapshot.source, snapshot.allocated), (MemorySource::System, None));
    assert!(snapshot.notes[0].contains("not the program's allocator"), "{:?}", snapshot.notes);
    let refused = profiler.start_sampling(SamplingOptions::new());
    assert!(matches!(refused, Err(Error::Unsupported(_))));
}
