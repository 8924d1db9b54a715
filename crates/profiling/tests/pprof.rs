//! The other sampler finds the same.
#![cfg(all(unix, feature = "pprof"))]

mod support;

use std::time::Duration;

use perf_monitor_profiling::{Error, PprofProfiler};
use support::{burn, shares_of};

#[test]
fn the_pprof_crate_s_samples_are_a_report_like_any_other() {
    let mut profiler = PprofProfiler::new();
    assert!(matches!(profiler.start(0), Err(Error::Frequency(0))));
    assert!(matches!(profiler.stop(), Err(Error::ProfilerNotStarted)));
    profiler.start(250).unwrap();
    assert!(matches!(profiler.start(250), Err(Error::AlreadyStarted)));
    burn(Duration::from_millis(500));
    let report = profiler.stop().unwrap();
    let (within, _) = shares_of(&report, "::burn");
    assert!(within > 0.8 && report.total(0) > 50, "{within}, {}", report.total(0));
}
