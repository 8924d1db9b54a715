//! The requests of a service: the seed's `MetricsCollector`.

use crate::atomic::duration_ns;
use crate::clock::Clock;
use crate::desc::Desc;
use crate::distribution::{COUNT, Distribution, FAILED, SUM};
use crate::error::Error;
use crate::exemplar::Exemplar;
use crate::latency::TrackerCore;
use crate::metric::{Metric, Spec};
use crate::sync::Lock;
use crate::{
    Gauge, Histogram, HistogramOptions, LatencyPercentiles, Layout, Registry, Unit, local,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Largest request size that is told apart: 1 TiB.
const LARGEST_BYTES: u64 = 1 << 40;

/// Durations from here on are looked at closer: what is above this is recorded as this, and counted.
const LONGEST_S: u64 = Layout::LATENCY.highest() / 1_000_000;

/// Bytes of a collector beside the cells of its requests.
const COST: usize = 400;

/// The cells of requests: counts by outcome, durations in microseconds with their sum in
/// nanoseconds, and the moving average.
pub(crate) struct RequestCore(TrackerCore);

impl RequestCore {
    /// Records a request of a minute or more.
    #[cold]
    #[inline(never)]
    fn record_long(&self, duration: Duration, failed: bool) {
        let ns = duration_ns(duration);
        match ns / 1_000 <= Layout::LATENCY.highest() {
            true => self.0.record(ns / 1_000, ns, failed),
            false => self.0.record_long(ns, failed),
        }
    }
    pub(crate) fn cells(&self) -> &Distribution {
        &self.0.cells
    }
}

pub(crate) struct CollectorCore {
    requests: Arc<RequestCore>,
    size: Histogram,
    memory: Gauge,
    cpu: Gauge,
    rates: Lock<Rates>,
}

#[derive(Default)]
struct Rates {
    at_ns: u64,
    successful: u64,
    failed: u64,
    request_rate: f64,
    error_rate: f64,
}

/// Records requests, and answers what a dashboard asks about them.
///
/// In the registry they are `requests_total{outcome="success"|"failure"}`,
/// `request_duration_seconds` and `request_size_bytes`. A registry has one collector: `new` on the
/// same registry gives the same. Clones are the same collector.
///
/// ```
/// use perf_monitor_core::{MetricsCollector, Registry};
/// use std::time::Duration;
///
/// let registry = Registry::new();
/// let metrics = MetricsCollector::new(&registry)?;
/// metrics.record_request(Duration::from_millis(12), true);
/// metrics.record_request_size(1_024);
/// registry.tick(); // a monitor does this each second
/// assert_eq!(metrics.get_latency_p99(), 12_000);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct MetricsCollector {
    core: Arc<CollectorCore>,
}

/// What one thread, or the threads that share cells, counted: the parts of the collector's totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalMetrics {
    /// Requests, failed ones included.
    pub request_count: u64,
    /// The time they took together.
    pub total_latency: Duration,
    /// Those that failed.
    pub error_count: u64,
}

impl MetricsCollector {
    /// The collector of `registry`.
    ///
    /// # Errors
    /// One of its metrics' names is registered as something else.
    pub fn new(registry: &Registry) -> Result<MetricsCollector, Error> {
        let core = registry.collector(|| CollectorCore::new(registry).map(Arc::new))?;
        Ok(MetricsCollector { core })
    }

    /// Records a request that took `duration` and ended well or not.
    ///
    /// Durations are kept to three digits from 1 µs to 60 s; a longer one is recorded in the
    /// histogram as 60 s and counted, the sum and the average take it as it is.
    ///
    /// # Cost
    /// `request/record`: a handful of plain adds to cells that only this thread writes.
    #[inline]
    pub fn record_request(&self, duration: Duration, success: bool) {
        let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
        if seconds >= LONGEST_S {
            return self.core.requests.record_long(duration, !success);
        }
        let us = seconds * 1_000_000 + u64::from(nanos / 1_000);
        let ns = seconds * 1_000_000_000 + u64::from(nanos);
        self.core.requests.0.record(us, ns, !success);
    }

    /// Remembers the trace of a request of this duration, as [`Histogram::exemplar`]; `value` of
    /// the exemplar does not matter.
    pub fn exemplar(&self, duration: Duration, exemplar: Exemplar) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if exemplar.trace_id != 0 {
            self.core.requests.cells().keep_exemplar(Exemplar { value: us, ..exemplar });
        }
    }

    /// Records the size of a request in bytes.
    ///
    /// # Cost
    /// As [`Histogram::record`].
    #[inline]
    pub fn record_request_size(&self, bytes: u64) {
        self.core.size.record(bytes);
    }

    /// All requests.
    pub fn total_requests(&self) -> u64 {
        let (successful, failed) = self.core.outcomes();
        successful + failed
    }

    /// Requests that failed.
    pub fn failed_requests(&self) -> u64 {
        self.core.outcomes().1
    }

    /// Requests per second in the last tick's window.
    pub fn get_request_rate(&self) -> f64 {
        self.core.rates.lock().request_rate
    }

    /// The share of requests that failed in the last tick's window, 0 to 1; 0 without requests.
    pub fn get_error_rate(&self) -> f64 {
        self.core.rates.lock().error_rate
    }

    /// The 99th percentile of the last minute's durations, in microseconds.
    pub fn get_latency_p99(&self) -> u64 {
        self.get_percentiles().p99
    }

    /// Percentiles of the last minute's durations, in microseconds.
    pub fn get_percentiles(&self) -> LatencyPercentiles {
        LatencyPercentiles::of(&self.core.requests.0.recent())
    }

    /// The moving average of the durations in nanoseconds, by the seed's formula.
    pub fn avg_latency(&self) -> f64 {
        self.core.requests.0.average_ns()
    }

    /// Bytes of memory that this process has resident; 0 until something measures it.
    pub fn get_memory_usage(&self) -> u64 {
        self.core.memory.get() as u64
    }

    /// Percent of one core that this process uses, so 200 when it keeps two busy; 0 until
    /// something measures it.
    pub fn get_cpu_usage(&self) -> f64 {
        self.core.cpu.get() * 100.0
    }

    /// `process_resident_memory_bytes`, for whoever measures it.
    pub fn memory_gauge(&self) -> &Gauge {
        &self.core.memory
    }

    /// `process_cpu_usage_ratio`, where 1 is a busy core, for whoever measures it.
    pub fn cpu_gauge(&self) -> &Gauge {
        &self.core.cpu
    }

    /// Durations above a minute, which the histogram has as a minute.
    pub fn clamped(&self) -> u64 {
        self.core.requests.cells().clamped()
    }

    /// What each thread's cells hold; the parts add up to the totals. A thread that ended left
    /// its part to a later one.
    pub fn thread_collectors(&self) -> Vec<LocalMetrics> {
        let slabs = local::arena().read();
        let parts = self.core.requests.cells().parts(&slabs).map(|(_, part)| {
            let load = |at: usize| part[at].load(Ordering::Relaxed);
            LocalMetrics {
                request_count: load(COUNT) + load(FAILED),
                total_latency: Duration::from_nanos(load(SUM)),
                error_count: load(FAILED),
            }
        });
        parts.filter(|part| part.request_count > 0).collect()
    }
}

impl CollectorCore {
    fn new(registry: &Registry) -> Result<CollectorCore, Error> {
        let bytes = Desc::new("request_size_bytes", "Size of requests.").unit(Unit::Bytes);
        let size = registry.histogram(bytes, HistogramOptions::default().highest(LARGEST_BYTES))?;
        let memory = Desc::new("process_resident_memory_bytes", "Resident memory of this process.");
        let memory = registry.gauge(memory.unit(Unit::Bytes))?;
        let cpu = Desc::new("process_cpu_usage_ratio", "Cores that this process keeps busy.");
        let cpu = registry.gauge(cpu.unit(Unit::Ratio))?;
        let requests = register_requests(registry)?;
        let rates = Rates { at_ns: registry.clock().now_ns(), ..Rates::default() };
        Ok(CollectorCore { requests, size, memory, cpu, rates: Lock::new(rates) })
    }

    /// `(successful, failed)`.
    fn outcomes(&self) -> (u64, u64) {
        let slabs = local::arena().read();
        let cells = self.requests.cells();
        (cells.header(COUNT, &slabs), cells.header(FAILED, &slabs))
    }

    pub(crate) fn tick(&self, now_ns: u64) {
        self.requests.0.tick();
        let (successful, failed) = self.outcomes();
        let mut rates = self.rates.lock();
        if now_ns <= rates.at_ns {
            return;
        }
        let seconds = (now_ns - rates.at_ns) as f64 * 1e-9;
        let errors = failed.wrapping_sub(rates.failed) as f64;
        let requests = successful.wrapping_sub(rates.successful) as f64 + errors;
        *rates = Rates {
            at_ns: now_ns,
            successful,
            failed,
            request_rate: requests / seconds,
            error_rate: if requests > 0.0 { errors / requests } else { 0.0 },
        };
    }

    pub(crate) fn window_bytes(&self) -> usize {
        self.requests.0.window_bytes()
    }
}

fn register_requests(registry: &Registry) -> Result<Arc<RequestCore>, Error> {
    let clock: Clock = registry.clock().clone();
    let total = Desc::new("requests_total", "Requests, by how they ended.");
    let total = registry.family(total, Spec::Requests, &["outcome"])?;
    let duration = Desc::new("request_duration_seconds", "Time that requests take.");
    let spec = Spec::Histogram(Layout::LATENCY);
    let duration = registry.family(duration.unit(Unit::Microseconds), spec, &[])?;
    let core = Arc::new(RequestCore(TrackerCore::new(clock, Some(registry.account_always()))));
    total.adopt(&["success"], Metric::Requests(core.clone(), false), COST);
    total.adopt(&["failure"], Metric::Requests(core.clone(), true), COST);
    duration.adopt(&[], Metric::RequestDuration(core.clone()), spec.cost());
    Ok(core)
}

impl fmt::Debug for MetricsCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsCollector")
            .field("total_requests", &self.total_requests())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_recorded_as_it_is_and_more_is_clamped_and_counted() {
        let metrics = MetricsCollector::new(&Registry::new()).unwrap();
        let minute = Duration::from_secs(60);
        metrics.record_request(minute, true);
        metrics.record_request(minute + Duration::from_nanos(999), true);
        assert_eq!((metrics.clamped(), metrics.total_requests()), (0, 2));
        metrics.record_request(minute + Duration::from_micros(1), false);
        metrics.record_request(Duration::MAX, false);
        assert_eq!((metrics.clamped(), metrics.failed_requests()), (2, 2));
        assert_eq!(metrics.get_percentiles().max, 60_000_000);
    }
}
