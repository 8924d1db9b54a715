//! How a call ended, as its return value says.

use crate::{failed, only, traced, tree};
use perf_monitor_macros::trace;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Fallible<T> = Result<T, String>;

#[trace]
fn parse(text: &str) -> Result<u64, std::num::ParseIntError> {
    let number: u64 = text.parse()?;
    Ok(number)
}

#[test]
fn an_err_fails_the_span_also_by_the_question_mark() {
    let trace = traced(|| {
        assert_eq!(parse("4"), Ok(4));
        assert!(parse("four").is_err());
    });
    assert_eq!(tree(&trace), "test(parse parse!)");
    assert_eq!(trace.spans[2].status, failed(""));
    assert_eq!(&*trace.spans[1].name, "trace::outcomes::parse");
}

#[trace]
fn aliased(fail: bool) -> Fallible<()> {
    if fail {
        return Err("asked to".into());
    }
    Ok(())
}

#[trace]
fn of_io(fail: bool) -> std::io::Result<Box<dyn std::fmt::Debug>> {
    match fail {
        true => Err(std::io::ErrorKind::NotFound)?,
        false => Ok(Box::new(5)),
    }
}

#[test]
fn a_result_is_known_under_any_name() {
    let trace = traced(|| {
        for fail in [true, false] {
            assert_eq!(aliased(fail).is_err(), fail);
            assert_eq!(of_io(fail).is_err(), fail);
        }
    });
    assert_eq!(tree(&trace), "test(aliased! of_io! aliased of_io)");
}

#[trace]
fn generic<T>(value: T) -> T {
    value
}

#[trace]
fn find(there: bool) -> Option<u8> {
    there.then_some(1)
}

#[test]
fn what_is_not_known_to_be_a_result_is_no_error() {
    let trace = traced(|| {
        assert!(generic(Err::<(), ()>(())).is_err());
        assert_eq!(find(false), None);
    });
    assert_eq!(tree(&trace), "test(generic find)");
}

#[trace(err)]
fn with_hole(fail: bool) -> Fallible<impl Iterator<Item = u8>> {
    if fail {
        return Err("asked to".to_owned());
    }
    Ok([1, 2].into_iter())
}

#[test]
fn a_result_with_an_impl_trait_in_it_is_one() {
    let trace = traced(|| {
        assert_eq!(with_hole(false).unwrap().count(), 2);
        assert!(with_hole(true).is_err());
    });
    assert_eq!(tree(&trace), "test(with_hole with_hole!)");
    assert_eq!(trace.spans[2].status, failed("asked to"));
}

#[trace]
fn panics(when: bool) -> Fallible<u8> {
    assert!(!when, "asked to");
    Ok(1)
}

#[trace]
fn panics_without_a_result() {
    panic!("asked to")
}

#[trace]
fn never_returns() -> ! {
    panic!("asked to")
}

#[test]
fn a_panic_fails_the_span_on_its_way() {
    let trace = traced(|| {
        assert!(catch_unwind(|| panics(true)).is_err());
        assert_eq!(panics(false), Ok(1));
        assert!(catch_unwind(panics_without_a_result).is_err());
        assert!(catch_unwind(|| never_returns()).is_err());
    });
    assert_eq!(tree(&trace), "test(panics! panics panics_without_a_result! never_returns!)");
}

#[trace]
fn outer(fail: bool) -> Fallible<u8> {
    let inner = catch_unwind(AssertUnwindSafe(|| panics(fail)));
    inner.unwrap_or(Ok(0))
}

#[test]
fn the_thread_is_back_where_it_was_after_a_panic() {
    let trace = traced(|| {
        assert_eq!(outer(true), Ok(0));
        assert_eq!(outer(false), Ok(1));
    });
    assert_eq!(tree(&trace), "test(outer(panics!) outer(panics))");
}

#[trace]
fn factorial(n: u64) -> u64 {
    if n == 0 { 1 } else { n * factorial(n - 1) }
}

#[test]
fn a_recursion_is_as_deep_as_its_calls() {
    let trace = traced(|| assert_eq!(factorial(2), 2));
    assert_eq!(tree(&trace), "test(factorial(factorial(factorial)))");
}

#[trace(err(Debug))]
fn debugged() -> Result<(), Vec<u8>> {
    Err(vec![1, 2])
}

#[trace(ret, err)]
fn returned(fail: bool) -> Fallible<Vec<u8>> {
    if fail { Err("no list".into()) } else { Ok(vec![1, 2]) }
}

#[trace(ret(Display))]
fn displayed(list: &mut [u8]) -> &mut u8 {
    &mut list[0]
}

#[test]
fn what_was_returned_is_kept_where_it_was_asked_for() {
    let span = only(|| drop(debugged()));
    assert_eq!(span.status, failed("[1, 2]"));
    let span = only(|| drop(returned(false)));
    assert_eq!(crate::shown(&span), "return=Ok([1, 2])");
    assert!(!span.status.is_error());
    let span = only(|| drop(returned(true)));
    assert_eq!(crate::shown(&span), "return=Err(\"no list\")");
    assert_eq!(span.status, failed("no list"));
    let span = only(|| assert_eq!(*displayed(&mut [7]), 7));
    assert_eq!(crate::shown(&span), "return=7");
}
