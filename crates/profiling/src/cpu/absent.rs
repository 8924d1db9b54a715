//! Systems that the sampler is not written for.

use std::ops::Range;
use std::time::Duration;

use super::{CpuOptions, CpuStats, SpanNames};
use crate::error::Error;
use crate::report::Report;

const UNSUPPORTED: Error = Error::Unsupported(
    "CPU time is sampled on Linux for x86-64 and arm64; on other systems build with the feature `pprof`",
);

/// Samples where the threads of this process spend their CPU time: not on this system, unless the
/// feature `pprof` brings another sampler.
#[derive(Debug, Default)]
pub struct CpuProfiler {
    #[cfg(all(unix, feature = "pprof"))]
    other: super::PprofProfiler,
}

impl CpuProfiler {
    /// With the usual options.
    pub fn new() -> CpuProfiler {
        CpuProfiler::default()
    }

    /// The options are of no use here.
    pub fn with_options(_: CpuOptions) -> CpuProfiler {
        CpuProfiler::default()
    }

    /// Spans are not known here.
    pub fn span_names(self, _: SpanNames) -> CpuProfiler {
        self
    }

    /// Begins to take samples.
    ///
    /// # Errors
    /// Always, without the feature `pprof`; with it, as its profiler's.
    pub fn start(&mut self, frequency: i32) -> Result<(), Error> {
        #[cfg(all(unix, feature = "pprof"))]
        return self.other.start(frequency);
        #[cfg(not(all(unix, feature = "pprof")))]
        return Err(super::checked(frequency).err().unwrap_or(UNSUPPORTED));
    }

    /// Ends it and tells what was seen.
    ///
    /// # Errors
    /// It was not started.
    pub fn stop(&mut self) -> Result<Report, Error> {
        #[cfg(all(unix, feature = "pprof"))]
        return self.other.stop();
        #[cfg(not(all(unix, feature = "pprof")))]
        return Err(Error::ProfilerNotStarted);
    }

    /// What was seen so far cannot be told here.
    ///
    /// # Errors
    /// Always.
    pub fn report(&self) -> Result<Report, Error> {
        Err(UNSUPPORTED)
    }

    /// A flame graph of `report` as SVG.
    ///
    /// # Errors
    /// None today.
    #[cfg(feature = "flamegraph")]
    pub fn generate_flamegraph(&self, report: &Report) -> Result<Vec<u8>, Error> {
        Ok(report.to_flamegraph())
    }

    /// Whether it is started.
    pub fn is_running(&self) -> bool {
        #[cfg(all(unix, feature = "pprof"))]
        return self.other.is_running();
        #[cfg(not(all(unix, feature = "pprof")))]
        return false;
    }

    /// What it costs is not known here.
    pub fn stats(&self) -> Option<CpuStats> {
        None
    }
}

/// Samples all the time: not on this system.
#[derive(Debug)]
pub struct ContinuousProfiler(std::convert::Infallible);

impl ContinuousProfiler {
    /// Begins to take samples.
    ///
    /// # Errors
    /// Always.
    pub fn start(_: i32, _: CpuOptions) -> Result<ContinuousProfiler, Error> {
        Err(UNSUPPORTED)
    }

    /// Takes samples at another rate.
    ///
    /// # Errors
    /// Never.
    pub fn set_frequency(&self, _: i32) -> Result<(), Error> {
        match self.0 {}
    }

    /// What was seen in a time that began and ended so long ago.
    pub fn report(&self, _: Range<Duration>, _: &SpanNames) -> Option<Report> {
        match self.0 {}
    }

    /// What it costs.
    pub fn stats(&self) -> Option<CpuStats> {
        match self.0 {}
    }
}
