//! Asynchronous functions: polls, cancellation, panics inside and outside.

use crate::{failed, only, pause, poll_once, run, shown, traced, tracer, tree};
use perf_monitor_macros::trace;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

#[trace(err)]
async fn fetch(fail: bool) -> Result<Box<dyn Debug + Send>, Box<dyn std::error::Error + Send>> {
    pause().await;
    if fail {
        return Err(Box::new(std::fmt::Error));
    }
    Ok(Box::new(1))
}

#[trace]
async fn fetch_both() -> Fallible {
    let first = fetch(false).await.map_err(|error| error.to_string())?;
    let second = fetch(true).await.map_err(|error| error.to_string())?;
    Ok(format!("{first:?} {second:?}"))
}

type Fallible = Result<String, String>;

#[test]
fn what_is_awaited_is_below() {
    let trace = traced(|| assert!(run(fetch_both()).is_err()));
    assert_eq!(tree(&trace), "test(fetch_both!(fetch fetch!))");
    let why = "an error occurred when formatting an argument";
    assert_eq!(trace.spans[3].status, failed(why));
    assert_eq!(shown(&trace.spans[1]), "polls=3");
}

#[test]
fn futures_in_turn_on_one_thread_do_not_mix() {
    let trace = traced(|| {
        let (mut one, mut other) = (pin!(fetch_both()), pin!(fetch_both()));
        while !(poll_once(one.as_mut()) & poll_once(other.as_mut())) {}
    });
    assert_eq!(tree(&trace), "test(fetch_both!(fetch fetch!) fetch_both!(fetch fetch!))");
}

#[test]
fn the_thread_is_in_the_span_only_during_a_poll() {
    let trace = traced(|| {
        let test = tracer().current();
        let mut future = pin!(fetch_both());
        assert!(!poll_once(future.as_mut()));
        assert_eq!(tracer().current(), test);
        assert!(run(future).is_err());
        assert_eq!(tracer().current(), test);
    });
    assert_eq!(tree(&trace), "test(fetch_both!(fetch fetch!))");
}

#[trace]
async fn waits() {
    pause().await;
}

#[test]
fn a_future_is_a_span_from_its_first_poll_and_cancelled_when_dropped_before_its_end() {
    let span = only(|| {
        drop(waits());
        assert!(!poll_once(pin!(waits())));
    });
    assert_eq!(shown(&span), "polls=1 cancelled=true");
    assert!(!span.status.is_error());
}

#[trace]
async fn panics() -> u8 {
    pause().await;
    panic!("asked to");
}

#[test]
fn a_panic_fails_the_span_on_its_way() {
    let trace = traced(|| {
        assert!(catch_unwind(AssertUnwindSafe(|| run(panics()))).is_err());
        run(waits());
    });
    assert_eq!(tree(&trace), "test(panics! waits)");
}

#[trace]
async fn forever() -> ! {
    loop {
        pause().await;
    }
}

#[trace(fields(all = all.len()))]
async fn opaque<T: Debug>(all: &[T], more: impl Debug) -> impl Iterator<Item = &T> {
    assert!(!format!("{more:?}").is_empty());
    all.iter()
}

#[trace]
async fn recursive(n: u8) -> u8 {
    match n {
        0 => 0,
        n => Box::pin(recursive(n - 1)).await + 1,
    }
}

#[test]
fn endless_opaque_and_recursive_futures_are_traced() {
    let trace = traced(|| {
        assert!(!poll_once(pin!(forever())));
        assert_eq!(run(opaque(&[1, 2], "more")).count(), 2);
        assert_eq!(run(recursive(1)), 1);
    });
    assert_eq!(tree(&trace), "test(forever opaque recursive(recursive))");
}

/// # Safety
/// None is needed.
#[trace]
async unsafe fn raw(number: &u64) -> u64 {
    let number: *const u64 = number;
    pause().await;
    // SAFETY: the caller's.
    unsafe { *number }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

fn is_sync<T: Sync>(future: T) -> T {
    future
}

#[trace(ret, fields(value = ?value))]
async fn holds<T: Send + Sync + Debug>(value: T) -> T {
    pause().await;
    value
}

#[trace(fields(value = value.get()))]
async fn holds_a_cell(value: std::cell::Cell<u8>) -> Result<u8, ()> {
    pause().await;
    Ok(value.get())
}

#[test]
fn a_future_that_was_send_and_sync_still_is() {
    let trace = traced(|| {
        assert!(run(is_send(fetch(false))).is_ok());
        assert_eq!(run(is_sync(is_send(holds("it")))), "it");
        assert_eq!(run(is_send(holds_a_cell(std::cell::Cell::new(1)))), Ok(1));
        // SAFETY: the number lives until the future is done.
        assert_eq!(run(unsafe { raw(&5) }), 5);
    });
    assert_eq!(tree(&trace), "test(fetch holds holds_a_cell raw)");
    assert_eq!(shown(&trace.spans[2]), "value=\"it\" return=\"it\" polls=2");
}

#[trace]
async fn not_send(value: std::rc::Rc<u8>) -> u8 {
    pause().await;
    *value
}

#[test]
fn a_future_need_not_be_send() {
    assert_eq!(
        tree(&traced(|| assert_eq!(run(not_send(std::rc::Rc::new(1))), 1))),
        "test(not_send)"
    );
}

#[test]
fn a_future_goes_from_thread_to_thread() {
    let trace = traced(|| {
        let mut future = Box::pin(fetch_both());
        assert!(!poll_once(future.as_mut()));
        std::thread::spawn(move || assert!(run(future).is_err())).join().unwrap();
    });
    assert_eq!(tree(&trace), "test(fetch_both!(fetch fetch!))");
}
