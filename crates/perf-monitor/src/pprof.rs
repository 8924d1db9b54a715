//! Profiles over HTTP: `/debug/pprof/`.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use perf_monitor_exporters::{CpuProfile, CpuSource, HeapKind, HeapSource, profile_router};
use perf_monitor_profiling::{CpuProfiler, Error, Report};

use crate::builder::Context;
use crate::page::Marks;
use crate::profiler::Profiler;

/// Adds the routes below `/debug/pprof/`.
pub(crate) fn join(context: &mut Context, profiler: &Profiler) {
    context.page.part("profiles");
    let routes = std::mem::take(&mut context.routes);
    let source = || Source(profiler.clone(), context.page.marks());
    let own = profile_router(source(), source());
    context.routes = routes.merge(own);
}

struct Source(Profiler, Marks);

impl CpuSource for Source {
    fn start(&self, hz: u32) -> Result<Box<dyn CpuProfile>, Error> {
        let mut profiler = self.0.cpu();
        profiler.start(i32::try_from(hz).unwrap_or(i32::MAX))?;
        Ok(Box::new(Running { profiler, began: SystemTime::now(), marks: self.1.clone() }))
    }

    fn past(&self, ago: Range<Duration>) -> Result<Option<Report>, Error> {
        if !self.0.is_continuous() {
            return Err(Error::Unsupported(
                "CPU time is not sampled all the time: start the monitor with profile_continuously(19), or the program perf-monitor with --profile",
            ));
        }
        Ok(self.0.past(ago))
    }
}

struct Running {
    profiler: CpuProfiler,
    began: SystemTime,
    marks: Marks,
}

impl CpuProfile for Running {
    fn stop(mut self: Box<Self>) -> Result<Report, Error> {
        let report = self.profiler.stop()?;
        let seconds = self.began.elapsed().unwrap_or_default().as_secs_f64();
        self.marks.profile(self.began, format!("CPU profile of {seconds:.0} s"), "recorded");
        Ok(report)
    }
}

impl HeapSource for Source {
    fn report(&self, kind: HeapKind) -> Result<Report, Error> {
        self.0.memory_report(kind == HeapKind::Allocated)
    }
}
