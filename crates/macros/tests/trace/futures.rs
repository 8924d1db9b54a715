//! Functions that give back a future without being `async`.

use crate::{failed, pause, poll_once, run, shown, traced, tracer, tree};
use perf_monitor_macros::trace;
use std::future::{Future, Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};

#[trace]
fn inner() {}

#[trace(fields(key), err)]
fn opaque(key: &str) -> impl Future<Output = Result<usize, String>> + Send + '_ {
    inner();
    async move {
        pause().await;
        inner();
        if key.is_empty() { Err("no key".to_owned()) } else { Ok(key.len()) }
    }
}

#[trace]
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
fn the_span_is_from_the_call_to_the_futures_end() {
    let trace = traced(|| {
        assert_eq!(run(opaque("key")), Ok(3));
        assert!(run(opaque("")).is_err());
        assert_eq!(run(boxed("key")).unwrap(), "key");
        assert!(run(boxed("")).is_err());
    });
    assert_eq!(tree(&trace), "test(opaque(inner inner) opaque!(inner inner) boxed boxed!)");
    assert_eq!(shown(&trace.spans[1]), "key=key polls=2");
    assert_eq!(trace.spans[4].status, failed("no key"));
}

#[test]
fn a_future_that_is_not_polled_to_its_end_is_cancelled() {
    let trace = traced(|| {
        drop(opaque("key"));
        assert!(!poll_once(pin!(boxed("key"))));
    });
    assert_eq!(tree(&trace), "test(opaque(inner) boxed)");
    assert_eq!(shown(&trace.spans[1]), "key=key polls=0 cancelled=true");
    assert_eq!(shown(&trace.spans[3]), "polls=1 cancelled=true");
}

#[test]
fn the_span_ends_with_the_future_however_long_that_is_kept() {
    let trace = traced(|| {
        let mut future = pin!(boxed(""));
        assert!(poll_once(future.as_mut()));
        let test = tracer().current().map(|test| test.span_id);
        assert!(tracer().open_spans().iter().all(|open| open.parent != test));
    });
    assert_eq!(tree(&trace), "test(boxed!)");
}

#[trace]
fn panics_at_once() -> impl Future<Output = u8> {
    if tracer().current().is_some() {
        panic!("asked to");
    }
    ready(1)
}

#[test]
fn a_panic_of_the_function_itself_fails_the_span() {
    let trace = traced(|| {
        assert!(catch_unwind(AssertUnwindSafe(|| drop(panics_at_once()))).is_err());
        inner();
    });
    assert_eq!(tree(&trace), "test(panics_at_once! inner)");
}

trait Service {
    fn call(&self) -> impl Future<Output = u8> + Send;
    fn called<'life, 'out>(&'life self) -> Pin<Box<dyn Future<Output = u8> + Send + 'out>>
    where
        'life: 'out,
        Self: 'out;
}

impl Service for u8 {
    #[trace]
    fn call(&self) -> impl Future<Output = u8> + Send {
        ready(*self)
    }

    // As `#[async_trait]` writes it.
    #[trace(fields(it = *self), ret)]
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
    let trace = traced(|| assert_eq!(run(7.call()) + run(7.called()), 14));
    assert_eq!(tree(&trace), "test(call called)");
    assert_eq!(shown(&trace.spans[2]), "it=7 return=7 polls=1");
}

#[trace]
fn named() -> Ready<u8> {
    ready(1)
}

#[trace]
fn that_must_stay_movable() -> impl Future<Output = u8> + Unpin {
    ready(1)
}

#[test]
fn a_future_that_cannot_be_put_into_another_is_a_value() {
    let trace = traced(|| {
        assert!(poll_once(Pin::new(&mut that_must_stay_movable())));
        assert_eq!(run(named()), 1);
    });
    assert_eq!(tree(&trace), "test(that_must_stay_movable named)");
    assert_eq!(shown(&trace.spans[1]), "");
}
