//! Sampling CPU time all the time, at a rate that may change.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perf_monitor_profiling::{ContinuousProfiler, CpuOptions, CpuStats, Error, Report, SpanNames};

/// A continuous profiler, or none.
#[derive(Debug, Default)]
pub(crate) struct Continuous(Mutex<Option<Running>>);

#[derive(Debug)]
struct Running {
    profiler: ContinuousProfiler,
    hz: i32,
}

impl Continuous {
    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Samples a second of CPU time; 0 while nothing is sampled.
    pub(crate) fn hz(&self) -> i32 {
        self.lock().as_ref().map_or(0, |running| running.hz)
    }

    /// Begins to sample at this rate.
    ///
    /// # Errors
    /// A rate out of 1 to 1,000, and what stands in the way of sampling.
    pub(crate) fn begin(&self, hz: i32, options: &CpuOptions) -> Result<(), Error> {
        let profiler = ContinuousProfiler::start(hz, options.clone())?;
        *self.lock() = Some(Running { profiler, hz });
        Ok(())
    }

    /// Samples at this rate from now on, or, at 0, not at all. May wait for the sampler's thread, a second at the most.
    #[cfg_attr(not(feature = "dashboard"), expect(dead_code, reason = "the page changes it"))]
    pub(crate) fn set(&self, hz: i32, options: &CpuOptions) -> Result<(), Error> {
        let mut running = self.lock();
        match &mut *running {
            _ if hz == 0 => *running = None,
            Some(running) => {
                running.profiler.set_frequency(hz)?;
                running.hz = hz;
            }
            None => {
                drop(running);
                return self.begin(hz, options);
            }
        }
        Ok(())
    }

    pub(crate) fn report(&self, ago: Range<Duration>, names: &SpanNames) -> Option<Report> {
        self.lock().as_ref()?.profiler.report(ago, names)
    }

    pub(crate) fn stats(&self) -> Option<CpuStats> {
        self.lock().as_ref()?.profiler.stats()
    }
}
