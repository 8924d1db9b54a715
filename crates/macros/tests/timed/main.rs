//! Functions of every shape, timed, and what the registry says of their calls.

// The facade, as far as expansions know.
extern crate perf_monitor_instruments as perf_monitor;

mod asynchronous;
mod futures;
mod lints;
mod methods;
mod options;
mod outcomes;
mod shapes;

use perf_monitor::timed::{FunctionMetrics, Functions};
use perf_monitor_core::Registry;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What is known of the function of this whole name; nothing without calls.
fn named(name: &str) -> FunctionMetrics {
    let functions = Functions::new(Registry::global()).unwrap();
    functions.summary().into_iter().find(|function| function.name == name).unwrap_or_default()
}

/// Calls that ended as `ok`, `error`, `panic` and `cancelled`, of a function of these tests.
fn outcomes(path: &str) -> [u64; 4] {
    let function = named(&format!("timed::{path}"));
    [function.ok, function.errors, function.panics, function.cancelled]
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
fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
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
