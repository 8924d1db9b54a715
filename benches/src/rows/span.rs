//! `span/…`: spans of the tracer, kept, dropped and not recorded, beside what one would use instead.

use std::hint::black_box;

use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::local::LocalSpan;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use perf_monitor_core::Registry;
use perf_monitor_tracing::{DistributedTracer, TracerOptions};

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Subject, climb};
use crate::report::Report;

pub(crate) const GUARD: Row = Row { id: "span/guard", run: guard };
pub(crate) const ATTRIBUTES: Row = Row { id: "span/guard-2-attributes", run: attributes };
pub(crate) const BY_ID: Row = Row { id: "span/by-id", run: by_id };
pub(crate) const UNSAMPLED: Row = Row { id: "span/not-sampled", run: unsampled };
pub(crate) const TAIL: Row = Row { id: "span/tail-dropped", run: tail };

const FASTRACE: &str = "fastrace";
const SDK: &str = "opentelemetry SDK";

/// Spans below each root, as in fastrace's own figures.
const CHILDREN: u64 = 100;

/// Every root is sampled, so that its whole trace is kept.
fn kept() -> TracerOptions {
    TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() }
}

/// No root is sampled: the tail rule alone decides.
fn tail_only() -> TracerOptions {
    TracerOptions { ratio: 0.0, ..TracerOptions::default() }
}

fn tracer(registry: &Registry, options: TracerOptions) -> Result<DistributedTracer, String> {
    DistributedTracer::new(registry, options).map_err(|error| error.to_string())
}

fn guard(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let tracer = tracer(&registry, kept())?;
    let subjects = [
        children(tracer, |_| ()),
        off(),
        controls::floor(),
        controls::two_reads(),
        fastrace(),
        sdk(),
    ];
    Ok(measured(&registry, &subjects, effort))
}

fn attributes(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let tracer = tracer(&registry, kept())?;
    let two = |span: &mut perf_monitor_tracing::SpanGuard<'_>| {
        span.attribute("route", "/search");
        span.attribute("rows", black_box(17_i64));
    };
    let subjects = [children(tracer, two), off(), controls::floor(), controls::two_reads()];
    Ok(measured(&registry, &subjects, effort))
}

fn by_id(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let tracer = tracer(&registry, kept())?;
    let ours = Subject::new(hot::OURS, move || {
        let tracer = tracer.clone();
        move |ops| {
            in_roots(ops, |children| {
                let root = tracer.start_span("request", None);
                for _ in 0..children {
                    let span = tracer.start_span("query", Some(root));
                    black_box(());
                    tracer.end_span(span);
                }
                tracer.end_span(root);
            })
        }
    });
    Ok(measured(&registry, &[ours, off(), controls::floor(), controls::two_reads()], effort))
}

fn unsampled(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let options = TracerOptions { tail: false, ..tail_only() };
    let tracer = tracer(&registry, options)?;
    let subjects = [children(tracer, |_| ()), off(), controls::floor(), controls::two_reads()];
    Ok(measured(&registry, &subjects, effort))
}

fn tail(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let tracer = tracer(&registry, tail_only())?;
    let subjects = [children(tracer, |_| ()), off(), controls::floor(), controls::two_reads()];
    Ok(measured(&registry, &subjects, effort))
}

fn measured(registry: &Registry, subjects: &[Subject], effort: Effort) -> Report {
    let climb = climb(subjects, hot::visit(registry), effort.seconds(2.0, 20.0));
    let mut report = hot::report(&climb, subjects);
    hot::over_two_reads(&mut report, &climb);
    report
}

/// Runs `trace` with [`CHILDREN`] spans at a time.
fn in_roots(ops: u64, mut trace: impl FnMut(u64)) {
    let mut left = ops;
    while left > 0 {
        let children = left.min(CHILDREN);
        trace(children);
        left -= children;
    }
}

fn children(
    tracer: DistributedTracer,
    work: impl Fn(&mut perf_monitor_tracing::SpanGuard<'_>) + Copy + Send + Sync + 'static,
) -> Subject {
    Subject::new(hot::OURS, move || {
        let tracer = tracer.clone();
        move |ops| {
            in_roots(ops, |children| {
                let _root = tracer.root("request");
                for _ in 0..children {
                    let mut span = tracer.span("query");
                    work(&mut span);
                    black_box(());
                }
            })
        }
    })
}

/// Takes what fastrace collects, and forgets it.
struct Discard;

impl Reporter for Discard {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        black_box(spans.len());
    }
}

fn fastrace() -> Subject {
    fastrace::set_reporter(Discard, Config::default());
    Subject::new(FASTRACE, || {
        |ops| {
            in_roots(ops, |children| {
                let root = fastrace::Span::root("request", SpanContext::random());
                let _entered = root.set_local_parent();
                for _ in 0..children {
                    let _span = LocalSpan::enter_with_local_parent("query");
                    black_box(());
                }
            })
        }
    })
}

/// The SDK without a processor: what its spans cost before anybody exports them.
fn sdk() -> Subject {
    let provider = SdkTracerProvider::builder().build();
    Subject::new(SDK, move || {
        let tracer = provider.tracer("bench");
        move |ops| {
            in_roots(ops, |children| {
                tracer.in_span("request", |_| {
                    for _ in 0..children {
                        tracer.in_span("query", |_| black_box(()));
                    }
                })
            })
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || |ops| (0..ops).for_each(|_| black_box(())))
}
