//! Asynchronous functions: polls, cancellation, panics inside and outside.

use crate::{outcomes, pause, poll_once, run};
use perf_monitor_macros::timed;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

#[timed]
async fn fetch(fail: bool) -> Result<Box<dyn Debug + Send>, Box<dyn std::error::Error + Send>> {
    pause().await;
    if fail {
        return Err(Box::new(std::fmt::Error));
    }
    Ok(Box::new(1))
}

#[test]
fn a_future_is_timed_to_its_end() {
    assert!(run(fetch(false)).is_ok());
    assert!(run(fetch(true)).is_err());
    assert_eq!(outcomes("asynchronous::fetch"), [1, 1, 0, 0]);
}

#[timed]
async fn waits() {
    pause().await;
}

#[test]
fn a_future_is_a_call_from_its_first_poll_and_cancelled_when_dropped_before_its_end() {
    drop(waits());
    assert_eq!(outcomes("asynchronous::waits"), [0, 0, 0, 0]);
    assert!(!poll_once(pin!(waits())));
    assert_eq!(outcomes("asynchronous::waits"), [0, 0, 0, 1]);
}

#[timed]
async fn bystander() {
    pause().await;
}

#[timed]
async fn panics() -> u8 {
    pause().await;
    panic!("asked to");
}

#[test]
fn a_panic_is_counted_where_it_began_and_drops_others_as_cancelled() {
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let mut other = pin!(bystander());
        assert!(!poll_once(other.as_mut()));
        run(panics())
    }));
    assert!(unwound.is_err());
    assert_eq!(outcomes("asynchronous::panics"), [0, 0, 1, 0]);
    assert_eq!(outcomes("asynchronous::bystander"), [0, 0, 0, 1]);
}

#[timed]
async fn forever() -> ! {
    loop {
        pause().await;
    }
}

#[timed]
async fn opaque<T: Debug>(all: &[T], more: impl Debug) -> impl Iterator<Item = &T> {
    assert!(!format!("{more:?}").is_empty());
    all.iter()
}

#[timed]
async fn recursive(n: u8) -> u8 {
    match n {
        0 => 0,
        n => Box::pin(recursive(n - 1)).await + 1,
    }
}

#[test]
fn endless_opaque_and_recursive_futures_are_timed() {
    assert!(!poll_once(pin!(forever())));
    assert_eq!(run(opaque(&[1, 2], "more")).count(), 2);
    assert_eq!(run(recursive(3)), 3);
    assert_eq!(outcomes("asynchronous::forever"), [0, 0, 0, 1]);
    assert_eq!(outcomes("asynchronous::recursive"), [4, 0, 0, 0]);
}

/// # Safety
/// None is needed.
#[timed]
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

#[timed]
async fn holds<T: Send + Sync>(value: T) -> T {
    pause().await;
    value
}

/// Its own, as the calls of the others are counted.
#[timed]
async fn sent() -> Result<Box<dyn Debug + Send>, Box<dyn std::error::Error + Send>> {
    pause().await;
    Ok(Box::new(1))
}

#[test]
fn a_future_that_was_send_and_sync_still_is() {
    assert!(run(is_send(sent())).is_ok());
    assert_eq!(run(is_sync(is_send(holds("it")))), "it");
    // SAFETY: the number lives until the future is done.
    assert_eq!(run(unsafe { raw(&5) }), 5);
}

#[timed]
async fn not_send(value: std::rc::Rc<u8>) -> u8 {
    pause().await;
    *value
}

#[test]
fn a_future_need_not_be_send() {
    assert_eq!(run(not_send(std::rc::Rc::new(1))), 1);
    assert_eq!(outcomes("asynchronous::not_send"), [1, 0, 0, 0]);
}
