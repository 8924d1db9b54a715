//! `span/tracing-layer` and `span/future-10-polls`: spans of the `tracing` crate, and futures in spans.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use perf_monitor_core::Registry;

use perf_monitor_tracing::{DistributedTracer, FutureExt as _, TracerOptions, TracingLayer};
use tracing::{Dispatch, Instrument as _, dispatcher};
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Subject, climb};
use crate::report::Report;

pub(crate) const LAYER: Row = Row { id: "span/tracing-layer", run: layer };
pub(crate) const FUTURE: Row = Row { id: "span/future-10-polls", run: future };

const OPENTELEMETRY: &str = "tracing-opentelemetry";

const POLLS: u32 = 10;

fn tracer(registry: &Registry) -> Result<DistributedTracer, String> {
    let options = TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() };
    DistributedTracer::new(registry, options).map_err(|error| error.to_string())
}

/// The SDK without a processor: exporting comes on top.
fn opentelemetry() -> Dispatch {
    let tracer = SdkTracerProvider::builder().build().tracer("bench");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    Dispatch::new(tracing_subscriber::registry().with(layer))
}

fn layer(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let ours = TracingLayer::new(&tracer(&registry)?);
    let ours = Dispatch::new(tracing_subscriber::registry().with(ours));
    let subjects =
        [spans(hot::OURS, ours), off(), controls::floor(), spans(OPENTELEMETRY, opentelemetry())];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(2.0, 15.0));
    Ok(hot::report(&climb, &subjects))
}

/// A hundred spans with two fields below each root.
fn spans(name: &'static str, dispatch: Dispatch) -> Subject {
    Subject::new(name, move || {
        let dispatch = dispatch.clone();
        move |ops| {
            dispatcher::with_default(&dispatch, || {
                for _ in 0..ops / 100 {
                    let _root = tracing::info_span!("request").entered();
                    for n in 0..100_u64 {
                        let span = tracing::info_span!("query", table = "users", rows = n);
                        drop(black_box(span.enter()));
                    }
                }
            })
        }
    })
}

fn future(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let tracer = tracer(&registry)?;
    let ours = Subject::new(hot::OURS, move || {
        let tracer = tracer.clone();
        move |ops| (0..ops).for_each(|_| run(Turns(POLLS).in_span(tracer.start("job").begin())))
    });
    let dispatch = opentelemetry();
    let control = Subject::new(OPENTELEMETRY, move || {
        let dispatch = dispatch.clone();
        move |ops| {
            dispatcher::with_default(&dispatch, || {
                (0..ops).for_each(|_| run(Turns(POLLS).instrument(tracing::info_span!("job"))))
            })
        }
    });
    let subjects = [ours, off(), controls::floor(), control];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(2.0, 15.0));
    Ok(hot::report(&climb, &subjects))
}

/// Ready when it has been polled so many times.
struct Turns(u32);

impl Future for Turns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0 -= 1;
        if black_box(self.0) == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn run(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    while future.as_mut().poll(&mut context).is_pending() {}
}

fn off() -> Subject {
    Subject::new(hot::OFF, || |ops| (0..ops).for_each(|_| run(Turns(POLLS))))
}
