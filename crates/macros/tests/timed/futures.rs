//! Functions that give back a future without being `async`.

use crate::{outcomes, pause, poll_once, run};
use perf_monitor_macros::timed;
use std::future::{Future, Ready, ready};
use std::pin::{Pin, pin};

#[timed]
fn opaque(key: &str) -> impl Future<Output = Result<usize, String>> + Send + '_ {
    async move {
        pause().await;
        if key.is_empty() { Err("no key".to_owned()) } else { Ok(key.len()) }
    }
}

#[timed]
fn boxed<'a>(key: &'a str) -> Pin<Box<dyn Future<Output = std::io::Result<&'a str>> + Send + 'a>> {
    if key.is_empty() {
        return Box::pin(ready(Err(std::io::ErrorKind::NotFound.into())));
    }
    Box::pin(async move {
        pause().await;
        Ok(key)
    })
}

#[test]
fn the_future_is_what_is_timed() {
    assert_eq!(run(opaque("key")), Ok(3));
    assert!(run(opaque("")).is_err());
    assert_eq!(run(boxed("key")).unwrap(), "key");
    assert!(run(boxed("")).is_err());
    assert!(!poll_once(pin!(boxed("key"))));
    drop(opaque("key"));
    assert_eq!(outcomes("futures::opaque"), [1, 1, 0, 0]);
    assert_eq!(outcomes("futures::boxed"), [1, 1, 0, 1]);
}

trait Service {
    fn call(&self) -> impl Future<Output = u8> + Send;
    fn called<'life, 'out>(&'life self) -> Pin<Box<dyn Future<Output = u8> + Send + 'out>>
    where
        'life: 'out,
        Self: 'out;
}

impl Service for u8 {
    #[timed]
    fn call(&self) -> impl Future<Output = u8> + Send {
        ready(*self)
    }

    // As `#[async_trait]` writes it.
    #[timed]
    fn called<'life, 'out>(&'life self) -> Pin<Box<dyn Future<Output = u8> + Send + 'out>>
    where
        'life: 'out,
        Self: 'out,
    {
        Box::pin(async move {
            let __self = self;
            *__self
        })
    }
}

#[test]
fn methods_of_traits_may_give_back_futures() {
    assert_eq!(run(7.call()) + run(7.called()), 14);
    assert_eq!(outcomes("futures::call"), [1, 0, 0, 0]);
    assert_eq!(outcomes("futures::called"), [1, 0, 0, 0]);
}

#[timed]
fn named() -> Ready<u8> {
    ready(1)
}

#[timed]
fn that_must_stay_movable() -> impl Future<Output = u8> + Unpin {
    ready(1)
}

#[test]
fn a_future_that_cannot_be_put_into_another_is_a_value() {
    let mut movable = that_must_stay_movable();
    assert_eq!(outcomes("futures::that_must_stay_movable"), [1, 0, 0, 0]);
    assert!(poll_once(Pin::new(&mut movable)));
    assert_eq!(run(named()), 1);
}
