//! Our registry as a collector of theirs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use perf_monitor_core::{FamilyInfo, HistogramValue, Kind, Registry, SeriesInfo, Value, Visitor};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::edges::Edges;
use crate::number::scaled;

/// Shows a registry's metrics in the exposition of a `prometheus::Registry`.
///
/// Counters become 64-bit floats there, exact up to 2^53. A name that both registries use is merged by that crate
/// without a check: give them different names.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::RegistryCollector;
///
/// let registry = Registry::new();
/// registry.counter(("jobs_total", "Jobs that were run."))?.add(3);
/// let theirs = prometheus::Registry::new();
/// theirs.register(Box::new(RegistryCollector::new(&registry)))?;
/// let text = prometheus::TextEncoder::new().encode_to_string(&theirs.gather())?;
/// assert!(text.ends_with("jobs_total 3\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RegistryCollector {
    registry: Registry,
    edges: Edges,
    identity: Desc,
}

impl RegistryCollector {
    /// A collector of all that `registry` holds, now and later.
    pub fn new(registry: &Registry) -> RegistryCollector {
        RegistryCollector {
            registry: registry.clone(),
            edges: Edges::default(),
            identity: identity(),
        }
    }

    /// Ends the buckets of histograms at these edges.
    pub fn with_edges(mut self, edges: Edges) -> RegistryCollector {
        self.edges = edges;
        self
    }
}

/// What their registry tells collectors apart by. Our families come and go, so it names none of them.
fn identity() -> Desc {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Relaxed).to_string();
    Desc::new(
        "perf_monitor_registry".into(),
        "A registry of perf-monitor.".into(),
        Vec::new(),
        HashMap::from([("number".into(), number)]),
    )
    .expect("the name is valid")
}

impl Collector for RegistryCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.identity]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut collected = Collected { edges: &self.edges, families: Vec::new() };
        self.registry.visit(&mut collected);
        collected.families
    }
}

struct Collected<'a> {
    edges: &'a Edges,
    families: Vec<MetricFamily>,
}

impl Visitor for Collected<'_> {
    fn family(&mut self, family: &FamilyInfo) {
        let mut theirs = MetricFamily::default();
        theirs.set_name(family.name.to_string());
        theirs.set_help(family.help.to_string());
        theirs.set_field_type(match family.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        self.families.push(theirs);
    }

    fn series(&mut self, family: &FamilyInfo, series: &SeriesInfo, value: Value<'_>) {
        let mut metric = Metric::from_label(series.labels(family).map(label).collect());
        let base = |x: f64| scaled(x, family.unit.decimals());
        match value {
            Value::Counter(n) => metric.set_counter(counter(base(n as f64))),
            Value::FloatCounter(x) => metric.set_counter(counter(base(x))),
            Value::Gauge(x) => metric.set_gauge(gauge(base(x))),
            Value::Histogram(value) => metric.set_histogram(histogram(self.edges, family, value)),
        }
        let theirs = self.families.last_mut().expect("a family comes before its series");
        theirs.mut_metric().push(metric);
    }
}

fn label((name, value): (&str, &str)) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.into());
    label.set_value(value.into());
    label
}

fn counter(value: f64) -> Counter {
    let mut counter = Counter::default();
    counter.set_value(value);
    counter
}

fn gauge(value: f64) -> Gauge {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    gauge
}

fn histogram(edges: &Edges, family: &FamilyInfo, value: &HistogramValue) -> Histogram {
    let bucket = |&edge: &f64| {
        let below = family.unit.recorded(edge).map_or(0, |edge| value.count_at_or_below(edge));
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(edge);
        bucket.set_cumulative_count(below);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(edges.of_family(family).iter().map(bucket).collect());
    histogram.set_sample_sum(scaled(value.sum as f64, value.sum_unit.decimals()));
    histogram.set_sample_count(value.count);
    histogram
}
