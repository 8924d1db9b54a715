//! Functions of every shape, traced, and what the tracer says of their calls.

// The facade, as far as expansions know.
extern crate self as perf_monitor;
pub use perf_monitor_tracing as tracing;

mod asynchronous;
mod fields;
mod futures;
mod lints;
mod methods;
mod options;
mod outcomes;
mod shapes;
#[cfg(feature = "timed")]
mod timed;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tracing::{DistributedTracer, FinishedSpan, FinishedTrace, OwnedValue, StatusCode};

fn tracer() -> &'static DistributedTracer {
    DistributedTracer::global()
}

/// What was traced meanwhile, below a span `test`.
fn traced(of: impl FnOnce()) -> FinishedTrace {
    let test = tracer().start("test").root().forced().guard();
    let id = test.context().trace_id;
    of();
    drop(test);
    tracer().trace(id).remove(0)
}

/// The span that is alone below the test's.
fn only(of: impl FnOnce()) -> FinishedSpan {
    let mut trace = traced(of);
    assert_eq!(tree(&trace).matches('(').count(), 1, "{}", tree(&trace));
    assert_eq!(trace.spans.len(), 2, "{}", tree(&trace));
    trace.spans.remove(1)
}

/// The trace as `test(a b(c))`, `!` after what failed, without the path before a name.
fn tree(trace: &FinishedTrace) -> String {
    branch(trace, trace.root().unwrap())
}

fn branch(trace: &FinishedTrace, span: &FinishedSpan) -> String {
    let name = span.name.rsplit("::").next().unwrap();
    let failed = if span.status.is_error() { "!" } else { "" };
    let below = trace.spans.iter().filter(|below| below.parent == Some(span.span_id));
    let below: Vec<String> = below.map(|below| branch(trace, below)).collect();
    match below.is_empty() {
        true => format!("{name}{failed}"),
        false => format!("{name}{failed}({})", below.join(" ")),
    }
}

/// The attributes as `key=value`, but for the times of futures.
fn shown(span: &FinishedSpan) -> String {
    let attributes = span.attributes.iter();
    let attributes = attributes.filter(|attribute| !attribute.key.ends_with("_ns"));
    let shown = attributes.map(|attribute| match &attribute.value {
        OwnedValue::Bool(value) => format!("{}={value}", attribute.key),
        OwnedValue::I64(value) => format!("{}={value}", attribute.key),
        OwnedValue::F64(value) => format!("{}={value:?}", attribute.key),
        OwnedValue::Str(value) => format!("{}={value}", attribute.key),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn failed(why: &str) -> StatusCode {
    StatusCode::Error(why.into())
}

/// Polls a future that waits for nobody until it is done.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// Polls a future once, and says whether it is done.
fn poll_once<F: Future>(future: Pin<&mut F>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Is done at its second poll.
async fn pause() {
    let mut polled = false;
    std::future::poll_fn(|_| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}
