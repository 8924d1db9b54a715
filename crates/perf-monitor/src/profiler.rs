//! The profiler of a monitor: CPU time on demand and all the time, memory, `/debug/pprof/`.

mod memory;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_profiling::heap::SamplingOptions;
use perf_monitor_profiling::{
    ContinuousProfiler, CpuOptions, CpuProfiler, CpuStats, Error as ProfilingError, MemoryProfiler,
    MemoryProfilerOptions, Report, SpanNames,
};

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::{Error, Kind};
use crate::monitor::PerformanceMonitor;
use crate::pprof;
use crate::share::{CounterShare, GaugeShare};
use crate::ticker::Part;
use crate::tracer::{self, Tracer};
use memory::Memory;

/// What is profiled without being asked.
#[derive(Debug)]
pub(crate) struct Plan {
    options: CpuOptions,
    always: Option<i32>,
    memory: MemoryProfilerOptions,
    sampling: Option<SamplingOptions>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            options: CpuOptions::default(),
            always: None,
            memory: MemoryProfilerOptions::default(),
            sampling: Some(SamplingOptions::default()),
        }
    }
}

/// Where the process spends its CPU time and its memory.
///
/// Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Profiler {
    options: CpuOptions,
    names: SpanNames,
    always: Option<Arc<ContinuousProfiler>>,
    memory: Memory,
}

/// Profiling: on demand, unless chosen otherwise.
impl PerformanceMonitorBuilder {
    /// Samples CPU time all the time, `frequency` times a second of CPU time, and keeps the last five
    /// minutes: what was hot before somebody looked can be asked for. 19 is usual.
    ///
    /// It takes some hundredths of a percent of the CPU time and 250 KB beside the memory budget. The program is to be
    /// built with `-C force-frame-pointers=yes`.
    ///
    /// [`start`](Self::start) fails if it cannot be had: on another system than Linux, with a signal
    /// that another part of the program handles, and for a rate out of 1 to 1,000.
    pub fn profile_continuously(mut self, frequency: i32) -> Self {
        self.profiler.always = Some(frequency);
        self
    }

    /// How CPU time is sampled, on demand too.
    pub fn cpu_options(mut self, options: CpuOptions) -> Self {
        self.profiler.options = options;
        self
    }

    /// How often snapshots of the memory are taken, and how many are kept. The monitor takes them where
    /// the program's allocator is [`TrackedAlloc`](perf_monitor_profiling::TrackedAlloc) or jemalloc.
    pub fn memory_options(mut self, options: MemoryProfilerOptions) -> Self {
        self.profiler.memory = options;
        self
    }

    /// How often allocations are sampled, where the program's allocator can: once in 512 KiB on average.
    /// `None`: not at all.
    pub fn heap_sampling(mut self, options: impl Into<Option<SamplingOptions>>) -> Self {
        self.profiler.sampling = options.into();
        self
    }
}

impl PerformanceMonitor {
    /// Profiles of this process. `/debug/pprof/` serves the same, as Go's programs do.
    ///
    /// ```
    /// use perf_monitor::PerformanceMonitor;
    ///
    /// let monitor = PerformanceMonitor::start("checkout")?;
    /// let mut profiler = monitor.profiler().cpu();
    /// if profiler.start(99).is_ok() {
    ///     // ... work ...
    ///     let report = profiler.stop().expect("it was started");
    ///     println!("{:?}", report.by_span());
    /// }
    /// # Ok::<(), perf_monitor::Error>(())
    /// ```
    pub fn profiler(&self) -> &Profiler {
        &self.profiler
    }
}

impl Profiler {
    /// A profiler of CPU time, to start and to stop; it names spans as the monitor's tracer does.
    pub fn cpu(&self) -> CpuProfiler {
        CpuProfiler::with_options(self.options.clone()).span_names(self.names.clone())
    }

    /// What was seen in a time that began and ended so long ago, such as `180 s..170 s`, if CPU time is
    /// sampled all the time. `None` if it is not, or nothing of that time is kept.
    pub fn past(&self, ago: Range<Duration>) -> Option<Report> {
        self.always.as_ref()?.report(ago, &self.names)
    }

    /// Whether CPU time is sampled all the time.
    pub fn is_continuous(&self) -> bool {
        self.always.is_some()
    }

    /// Snapshots of the process's memory.
    pub fn memory(&self) -> &MemoryProfiler {
        &self.memory.profiler
    }

    /// What memory is in use, or what was allocated, by stack.
    ///
    /// # Errors
    /// The program's allocator cannot tell, or does not sample: the text says what would do it.
    pub fn memory_report(&self, allocated: bool) -> Result<Report, ProfilingError> {
        memory::report(&self.memory.profiler, &self.names, allocated)
    }

    /// What sampling all the time costs; `None` if that is not done.
    pub fn cpu_stats(&self) -> Option<CpuStats> {
        self.always.as_ref()?.stats()
    }
}

impl Plan {
    pub(crate) fn join(self, context: &mut Context, tracer: &Tracer) -> Result<Profiler, Error> {
        let always = self.always.map(|hz| ContinuousProfiler::start(hz, self.options.clone()));
        let always = always.transpose().map_err(refused)?.map(Arc::new);
        if let Some(always) = &always {
            tell(context, always.clone())?;
        }
        let names = tracer::span_names(tracer);
        let memory = memory::join(context, self.memory, self.sampling)?;
        let profiler = Profiler { options: self.options, names, always, memory };
        pprof::join(context, &profiler);
        Ok(profiler)
    }
}

/// What the sampler costs and loses, as metrics.
fn tell(context: &mut Context, always: Arc<ContinuousProfiler>) -> Result<(), Error> {
    let registry = &context.registry;
    let counter = |name, help| registry.counter((name, help)).map(CounterShare::of);
    let mut samples = counter("perf_monitor_profiler_samples_total", "Samples of CPU time.")?;
    let mut lost = counter(
        "perf_monitor_profiler_lost_samples_total",
        "Samples that are in no profile, for want of room.",
    )?;
    let cost = perf_monitor_core::Desc::new(
        "perf_monitor_profiler_cpu_seconds_total",
        "CPU time that sampling takes: handlers, signals and the sampler's thread.",
    );
    let cost = registry.counter(cost.unit(perf_monitor_core::Unit::Nanoseconds))?;
    let mut cost = CounterShare::of(cost);
    let rate = ("perf_monitor_profiler_rate_hertz", "Samples a second of CPU time.");
    let mut rate = GaugeShare::of(registry.gauge(rate)?);
    let mut bytes = context.own.ledger("profiler")?;
    context.collectors.push(Part {
        name: "profiler",
        once_per_registry: false,
        work: Box::new(move || {
            let Some(stats) = always.stats() else { return };
            samples.bring_to(stats.samples);
            lost.bring_to(stats.lost + stats.uncounted);
            cost.bring_to(stats.cost().as_nanos() as u64);
            rate.set(stats.rate_hz.into());
            bytes.set(stats.bytes as u64);
        }),
    });
    Ok(())
}

fn refused(error: ProfilingError) -> Error {
    let kind = match error {
        ProfilingError::Frequency(_) => Kind::Options,
        _ => Kind::System,
    };
    Error::new(kind, error.to_string()).because(error)
}
