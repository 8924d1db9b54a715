//! Tracers for these tests with a view of their spans that fits on a line.

use http::{HeaderMap, HeaderValue};
use perf_monitor_core::{Exemplar, Registry, Value};
use perf_monitor_tracing::{DistributedTracer, FinishedSpan, OwnedValue, TracerOptions};

/// A tracer that keeps every trace.
pub(crate) fn keeping(registry: &Registry) -> DistributedTracer {
    let options = TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() };
    DistributedTracer::new(registry, options).unwrap()
}

/// All spans that have ended, by trace from the oldest on.
pub(crate) fn spans(tracer: &DistributedTracer) -> Vec<FinishedSpan> {
    assert!(tracer.open_spans().is_empty());
    tracer.recent(1_000).into_iter().rev().flat_map(|trace| trace.spans).collect()
}

/// `kind name key=value key=value`, with `failed` in front of those that did.
pub(crate) fn lines(tracer: &DistributedTracer) -> Vec<String> {
    spans(tracer).iter().map(line).collect()
}

fn line(span: &FinishedSpan) -> String {
    let value = |value: &OwnedValue| match value {
        OwnedValue::Str(text) => text.to_string(),
        OwnedValue::I64(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let attributes = span.attributes.iter();
    let attributes = attributes.map(|one| format!(" {}={}", one.key, value(&one.value)));
    let failed = if span.status.is_error() { "failed " } else { "" };
    format!("{failed}{} {}{}", span.kind.as_str(), span.name, attributes.collect::<String>())
}

pub(crate) fn headers<const N: usize>(lines: [(&'static str, &'static str); N]) -> HeaderMap {
    lines.into_iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect()
}

/// The exemplars of the metric's first series.
pub(crate) fn exemplars(registry: &Registry, name: &str) -> Vec<Exemplar> {
    let snapshot = registry.snapshot();
    match snapshot.family(name).unwrap().series[0].value.as_value() {
        Value::Histogram(value) => value.exemplars.clone(),
        other => panic!("{name} is no {other:?}"),
    }
}
