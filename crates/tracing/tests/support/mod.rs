//! Tracers for tests with short ways to look at what they kept.
#![allow(dead_code)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use perf_monitor_core::{HistogramValue, OwnedValue, Registry};
use perf_monitor_tracing::{DistributedTracer, FinishedTrace, SpanId, TracerOptions};

pub(crate) fn tracer(options: TracerOptions) -> DistributedTracer {
    with_registry(options).1
}

pub(crate) fn with_registry(options: TracerOptions) -> (Registry, DistributedTracer) {
    let registry = Registry::new();
    let tracer = DistributedTracer::new(&registry, options).unwrap();
    (registry, tracer)
}

/// Options by which every trace is kept.
pub(crate) fn all() -> TracerOptions {
    TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() }
}

/// A tracer that keeps every trace.
pub(crate) fn keeping() -> DistributedTracer {
    tracer(all())
}

pub(crate) fn names(trace: &FinishedTrace) -> Vec<&str> {
    trace.spans.iter().map(|span| &*span.name).collect()
}

/// The trace as `root(child child(grandchild))`.
pub(crate) fn tree(trace: &FinishedTrace) -> String {
    let ids: Vec<SpanId> = trace.spans.iter().map(|span| span.span_id).collect();
    let roots = trace.spans.iter().filter(|span| span.parent.is_none_or(|id| !ids.contains(&id)));
    roots.map(|span| branch(trace, span.span_id)).collect::<Vec<_>>().join(" ")
}

fn branch(trace: &FinishedTrace, id: SpanId) -> String {
    let span = trace.spans.iter().find(|span| span.span_id == id).unwrap();
    let below = trace.spans.iter().filter(|span| span.parent == Some(id));
    let below: Vec<String> = below.map(|span| branch(trace, span.span_id)).collect();
    match below.is_empty() {
        true => span.name.to_string(),
        false => format!("{}({})", span.name, below.join(" ")),
    }
}

pub(crate) fn counter(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> u64 {
    match registry.snapshot().value(name, labels) {
        Some(perf_monitor_core::Value::Counter(count)) => count,
        _ => panic!("no counter {name} {labels:?}"),
    }
}

/// How many durations a name has.
pub(crate) fn durations(registry: &Registry, span: &str) -> u64 {
    histogram(registry, span).count
}

/// The longest of them, in nanoseconds.
pub(crate) fn longest(registry: &Registry, span: &str) -> u64 {
    histogram(registry, span).max
}

fn histogram(registry: &Registry, span: &str) -> HistogramValue {
    let snapshot = registry.snapshot();
    let family = snapshot.family("span_duration_seconds").unwrap();
    let series = family
        .series
        .iter()
        .find(|series| series.info.labels(&family.info).any(|(_, value)| value == span));
    match &series.unwrap().value {
        OwnedValue::Histogram(value) => value.clone(),
        _ => panic!("durations are histograms"),
    }
}

pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A future that is pending once.
pub(crate) fn yield_once() -> impl Future<Output = ()> {
    let mut done = false;
    std::future::poll_fn(move |_| match std::mem::replace(&mut done, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
}
