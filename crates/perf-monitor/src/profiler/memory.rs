//! The memory of the process, as metrics and as profiles.

use std::sync::Arc;
use std::time::Instant;

use perf_monitor_core::{Desc, Gauge, ObservedCounter, Registry, Unit};
use perf_monitor_profiling::heap::{self, SamplingOptions};
use perf_monitor_profiling::{
    Error as ProfilingError, MemoryProfiler, MemoryProfilerOptions, MemorySnapshot, MemorySource,
    Report, SpanNames,
};

use super::refused;
use crate::builder::Context;
use crate::error::Error;
use crate::ticker::Part;

/// Takes snapshots as their interval passes, and samples allocations where the program's allocator can.
pub(super) fn join(
    context: &mut Context,
    options: MemoryProfilerOptions,
    sampling: Option<SamplingOptions>,
) -> Result<Memory, Error> {
    // A profile is made for who asks: one in each snapshot would take a dump of jemalloc each time.
    let memory = Arc::new(MemoryProfiler::with_options(options.profiles(false)));
    if memory.source() == MemorySource::System {
        return Ok(Memory { profiler: memory, _sampling: None });
    }
    let sampling = sampling.map(|options| Sampling::start(&memory, options)).transpose()?.flatten();
    let metrics = Metrics::new(&context.registry, memory.source())?;
    let kept = memory.clone();
    context.collectors.push(Part {
        name: "memory",
        once_per_registry: true,
        work: Box::new(move || {
            if kept.is_due(Instant::now())
                && let Ok(snapshot) = kept.collect_snapshot_blocking()
            {
                metrics.show(&snapshot);
            }
        }),
    });
    Ok(Memory { profiler: memory, _sampling: sampling.map(Arc::new) })
}

/// The memory of the process, and the sampling that ends with the last who has it.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    pub(super) profiler: Arc<MemoryProfiler>,
    _sampling: Option<Arc<Sampling>>,
}

/// Sampling that was started here. Somebody else's, such as another monitor's, is left as it is.
#[derive(Debug)]
struct Sampling(Arc<MemoryProfiler>);

impl Sampling {
    fn start(
        memory: &Arc<MemoryProfiler>,
        options: SamplingOptions,
    ) -> Result<Option<Sampling>, Error> {
        if heap::sampling_stats().interval_bytes.is_some() {
            return Ok(None);
        }
        match memory.start_sampling(options) {
            Ok(MemorySource::TrackedAlloc) => Ok(Some(Sampling(memory.clone()))),
            // jemalloc's own profiler was set up by the program, and stays on; without it jemalloc still counts
            Ok(_) | Err(ProfilingError::Unsupported(_)) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        let _ = self.0.stop_sampling(); // only jemalloc's can fail
    }
}

/// The profile of now, with its spans named.
pub(super) fn report(
    memory: &MemoryProfiler,
    names: &SpanNames,
    allocated: bool,
) -> Result<Report, ProfilingError> {
    let mut profile = memory.heap_profile().map_err(|error| match error {
        ProfilingError::ProfilerNotStarted => ProfilingError::Unsupported(
            "allocations are not sampled: start the monitor with heap_sampling, or call start_sampling of its memory profiler",
        ),
        error => error,
    })?;
    profile.name_spans(|number| names.get(number));
    Ok(if allocated { profile.allocations_report() } else { profile.report() })
}

/// What the allocator tells.
struct Metrics {
    live: Gauge,
    /// Allocations, frees, and the bytes of both: those that only a `TrackedAlloc` knows.
    tracked: Option<[ObservedCounter; 4]>,
    /// Those that only jemalloc knows.
    jemalloc: Option<[Gauge; 4]>,
}

impl Metrics {
    fn new(registry: &Registry, source: MemorySource) -> Result<Metrics, Error> {
        let count = |name, help| registry.observed_counter((name, help));
        let bytes = |name, help| registry.observed_counter(Desc::new(name, help).unit(Unit::Bytes));
        let size = |name, help| registry.gauge(Desc::new(name, help).unit(Unit::Bytes));
        Ok(Metrics {
            live: size("process_heap_live_bytes", "Bytes that are allocated and not freed.")?,
            tracked: match source {
                MemorySource::TrackedAlloc => Some([
                    count("process_heap_allocations_total", "Allocations.")?,
                    count("process_heap_frees_total", "Allocations that were freed.")?,
                    bytes("process_heap_allocated_bytes_total", "Bytes that were allocated.")?,
                    bytes("process_heap_freed_bytes_total", "Bytes that were freed.")?,
                ]),
                _ => None,
            },
            jemalloc: match source {
                MemorySource::Jemalloc => Some([
                    size("process_heap_active_bytes", "Pages with allocations in them.")?,
                    size("process_heap_mapped_bytes", "Memory that the allocator has mapped.")?,
                    size("process_heap_retained_bytes", "Address space that it keeps.")?,
                    size("process_heap_resident_bytes", "Memory that it has.")?,
                ]),
                _ => None,
            },
        })
    }

    fn show(&self, snapshot: &MemorySnapshot) {
        if let (Some(counters), Some(counts)) = (&self.tracked, snapshot.allocations) {
            let known =
                [counts.allocations, counts.frees, counts.allocated_bytes, counts.freed_bytes];
            counters.iter().zip(known).for_each(|(counter, count)| counter.observe(count));
        }
        let known = [snapshot.active, snapshot.mapped, snapshot.retained, snapshot.resident];
        let gauges = self.jemalloc.iter().flatten().zip(known);
        for (gauge, value) in gauges.chain([(&self.live, snapshot.allocated)]) {
            if let Some(value) = value {
                gauge.set(value as f64);
            }
        }
    }
}
