//! The profiler of a monitor: CPU time on demand and all the time, memory, `/debug/pprof/`.

mod continuous;
mod memory;
#[cfg_attr(not(feature = "dashboard"), path = "absent/rate.rs")]
mod rate;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_core::{Desc, Error as RegistryError, Family, Gauge, Registry, Unit};
use perf_monitor_profiling::heap::SamplingOptions;
use perf_monitor_profiling::{
    CpuOptions, CpuProfiler, CpuStats, Error as ProfilingError, MemoryProfiler,
    MemoryProfilerOptions, Report, SpanNames,
};

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::{Error, Kind};
use crate::monitor::PerformanceMonitor;
use crate::pprof;
use crate::share::{CounterShare, GaugeShare};
use crate::ticker::Part;
use crate::tracer::{self, Tracer};
use continuous::Continuous;
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
    always: Arc<Continuous>,
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
        self.always.report(ago, &self.names)
    }

    /// Whether CPU time is sampled all the time.
    pub fn is_continuous(&self) -> bool {
        self.always.hz() > 0
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
        self.always.stats()
    }
}

impl Plan {
    pub(crate) fn join(self, context: &mut Context, tracer: &Tracer) -> Result<Profiler, Error> {
        let always = Arc::new(Continuous::default());
        if let Some(hz) = self.always {
            always.begin(hz, &self.options).map_err(refused)?;
        }
        tell(context, always.clone());
        let names = tracer::span_names(tracer);
        let memory = memory::join(context, self.memory, self.sampling)?;
        let profiler = Profiler { options: self.options, names, always, memory };
        pprof::join(context, &profiler);
        rate::join(context, &profiler);
        Ok(profiler)
    }
}

/// What the sampler costs and loses, as metrics, from when it first samples on.
fn tell(context: &mut Context, always: Arc<Continuous>) {
    let (registry, memory) = (context.registry.clone(), context.own.ledgers());
    let mut numbers = None;
    context.collectors.push(Part {
        name: "profiler",
        once_per_registry: false,
        work: Box::new(move || {
            let stats = always.stats();
            if stats.is_some() && numbers.is_none() {
                // what is in the way of a metric was there before: without it then
                numbers = Numbers::new(&registry, &memory).ok();
            }
            if let Some(numbers) = &mut numbers {
                numbers.tell(stats.unwrap_or_default());
            }
        }),
    });
}

struct Numbers {
    samples: CounterShare,
    lost: CounterShare,
    cost: CounterShare,
    rate: GaugeShare,
    bytes: GaugeShare,
}

impl Numbers {
    fn new(registry: &Registry, memory: &Family<Gauge>) -> Result<Numbers, RegistryError> {
        let counter = |name, help| registry.counter((name, help)).map(CounterShare::of);
        let cost = Desc::new(
            "perf_monitor_profiler_cpu_seconds_total",
            "CPU time that sampling takes: handlers, signals and the sampler's thread.",
        );
        let rate = ("perf_monitor_profiler_rate_hertz", "Samples a second of CPU time.");
        Ok(Numbers {
            samples: counter("perf_monitor_profiler_samples_total", "Samples of CPU time.")?,
            lost: counter(
                "perf_monitor_profiler_lost_samples_total",
                "Samples that are in no profile, for want of room.",
            )?,
            cost: CounterShare::of(registry.counter(cost.unit(Unit::Nanoseconds))?),
            rate: GaugeShare::of(registry.gauge(rate)?),
            bytes: GaugeShare::of(memory.with(&["profiler"])?),
        })
    }

    fn tell(&mut self, stats: CpuStats) {
        self.samples.bring_to(stats.samples);
        self.lost.bring_to(stats.lost + stats.uncounted);
        self.cost.bring_to(stats.cost().as_nanos() as u64);
        self.rate.set(stats.rate_hz.into());
        self.bytes.set(stats.bytes as u64);
    }
}

fn refused(error: ProfilingError) -> Error {
    let kind = match error {
        ProfilingError::Frequency(_) => Kind::Options,
        _ => Kind::System,
    };
    Error::new(kind, error.to_string()).because(error)
}
