//! What rules that are closures look at: one window's figures.

use std::sync::Arc;
use std::time::Duration;

use perf_monitor_core::{
    LatencyPercentiles, MetricsCollector, OwnedValue, Registry, SeriesSnapshot, Snapshot,
};

/// The figures of a service in the last window, as plain numbers.
///
/// ```
/// use perf_monitor_alerting::Metrics;
/// use perf_monitor_core::{MetricsCollector, Registry};
///
/// let registry = Registry::new();
/// let collector = MetricsCollector::new(&registry)?;
/// let depth = registry.gauge_family(("queue_depth", "Jobs that wait."), &["queue"])?;
/// depth.with(&["mail"])?.set(7.0);
/// registry.tick();
///
/// let metrics = Metrics::of(&collector, &registry);
/// assert_eq!(metrics.metric("queue_depth", &[("queue", "mail")]), Some(7.0));
/// assert_eq!(metrics.metric("queue_depth", &[("queue", "sms")]), None);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// The time that rates and counts cover.
    pub window: Duration,
    /// Requests a second in the window.
    pub request_rate: f64,
    /// The share of the window's requests that failed, 0 to 1.
    pub error_rate: f64,
    /// Requests since the service began.
    pub total_requests: u64,
    /// Failed requests since the service began.
    pub failed_requests: u64,
    /// Latencies of the last minute, in microseconds.
    pub latency: LatencyPercentiles,
    /// Bytes that the process has resident; `None` until something measures it.
    pub memory_bytes: Option<u64>,
    /// Percent of one core, so 200 for two busy ones; `None` until something measures it.
    pub cpu_percent: Option<f64>,
    /// What every series grew by in the window, for [`metric`](Self::metric).
    pub series: Option<Arc<Snapshot>>,
}

impl Metrics {
    /// What the last tick of `registry` closed: the requests of `collector`, and every series.
    ///
    /// # Cost
    /// A copy of the window's series, which clones share.
    pub fn of(collector: &MetricsCollector, registry: &Registry) -> Metrics {
        let mut window = Snapshot { unix_ns: registry.clock().unix_ns(), families: Vec::new() };
        registry.visit_window(&mut window);
        Metrics { series: Some(Arc::new(window)), ..Metrics::of_requests(collector, registry) }
    }

    /// The same without the series by name, for rules that do not ask for any.
    pub fn of_requests(collector: &MetricsCollector, registry: &Registry) -> Metrics {
        let window = registry.window();
        let ns = window.to_ns.saturating_sub(window.from_ns);
        let memory = collector.memory_gauge().get();
        let cpu = collector.cpu_gauge().get();
        Metrics {
            window: Duration::from_nanos(ns),
            request_rate: collector.get_request_rate(),
            error_rate: collector.get_error_rate(),
            total_requests: collector.total_requests(),
            failed_requests: collector.failed_requests(),
            latency: collector.get_percentiles(),
            memory_bytes: (memory > 0.0).then_some(memory as u64),
            cpu_percent: (cpu > 0.0).then_some(cpu * 100.0),
            series: None,
        }
    }

    /// The figures alone, as an alert that is kept has them.
    pub fn without_series(&self) -> Metrics {
        Metrics { series: None, ..self.clone() }
    }

    /// A series by name and exactly these labels: a gauge's number, what a counter grew by in a
    /// second, the mean of a histogram; in base units. `None` if there is none, or nothing was
    /// recorded in a histogram.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let (series, scale) = self.find(name, labels)?;
        match &series.value {
            OwnedValue::Gauge(number) => Some(number * scale),
            OwnedValue::Counter(grown) => self.per_second(*grown as f64 * scale),
            OwnedValue::FloatCounter(grown) => self.per_second(grown * scale),
            OwnedValue::Histogram(h) if h.count == 0 => None,
            OwnedValue::Histogram(h) => Some(h.sum as f64 * h.sum_unit.scale() / h.count as f64),
        }
    }

    /// The value in base units below which the share `q` (0 to 1) of what a histogram recorded in
    /// the window lies; `None` without such a histogram or without records.
    pub fn quantile(&self, name: &str, labels: &[(&str, &str)], q: f64) -> Option<f64> {
        match self.find(name, labels)? {
            (SeriesSnapshot { value: OwnedValue::Histogram(h), .. }, scale) if h.count > 0 => {
                Some(h.value_at_quantile(q) as f64 * scale)
            }
            _ => None,
        }
    }

    fn per_second(&self, grown: f64) -> Option<f64> {
        let seconds = self.window.as_secs_f64();
        (seconds > 0.0).then(|| grown / seconds)
    }

    fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<(&SeriesSnapshot, f64)> {
        let family = self.series.as_ref()?.family(name)?;
        let same = |series: &&SeriesSnapshot| {
            let theirs = || series.info.labels(&family.info);
            theirs().count() == labels.len() && theirs().all(|pair| labels.contains(&pair))
        };
        Some((family.series.iter().find(same)?, family.info.unit.scale()))
    }
}
