//! How a call ended, as its return value says.

use crate::outcomes;
use perf_monitor_core::{Registry, Value};
use perf_monitor_macros::timed;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Fallible<T> = Result<T, String>;

#[timed]
fn parse(text: &str) -> Result<u64, std::num::ParseIntError> {
    let number: u64 = text.parse()?;
    Ok(number)
}

#[test]
fn an_err_is_an_error_also_by_the_question_mark() {
    assert_eq!(parse("4"), Ok(4));
    assert!(parse("four").is_err());
    assert_eq!(outcomes("outcomes::parse"), [1, 1, 0, 0]);
}

#[timed]
fn aliased(fail: bool) -> Fallible<()> {
    if fail {
        return Err("asked to".into());
    }
    Ok(())
}

#[timed]
fn of_io(fail: bool) -> std::io::Result<Box<dyn std::fmt::Debug>> {
    match fail {
        true => Err(std::io::ErrorKind::NotFound)?,
        false => Ok(Box::new(5)),
    }
}

#[test]
fn a_result_is_known_under_any_name() {
    for fail in [true, true, false] {
        assert_eq!(aliased(fail).is_err(), fail);
        assert_eq!(of_io(fail).is_err(), fail);
    }
    assert_eq!(outcomes("outcomes::aliased"), [1, 2, 0, 0]);
    assert_eq!(outcomes("outcomes::of_io"), [1, 2, 0, 0]);
}

#[timed]
fn generic<T>(value: T) -> T {
    value
}

#[timed]
fn find(there: bool) -> Option<u8> {
    there.then_some(1)
}

#[test]
fn what_is_not_known_to_be_a_result_is_no_error() {
    assert!(generic(Err::<(), ()>(())).is_err());
    assert_eq!(find(false), None);
    assert_eq!(outcomes("outcomes::generic"), [1, 0, 0, 0]);
    assert_eq!(outcomes("outcomes::find"), [1, 0, 0, 0]);
}

#[timed]
fn with_hole(fail: bool) -> Result<impl Iterator<Item = u8>, String> {
    if fail {
        return Err("asked to".to_owned());
    }
    Ok([1, 2].into_iter())
}

#[test]
fn a_result_with_an_impl_trait_in_it_is_one() {
    assert_eq!(with_hole(false).unwrap().count(), 2);
    assert!(with_hole(true).is_err());
    assert_eq!(outcomes("outcomes::with_hole"), [1, 1, 0, 0]);
}

#[timed]
fn panics(when: bool) -> Fallible<u8> {
    assert!(!when, "asked to");
    Ok(1)
}

#[timed]
fn never_returns() -> ! {
    panic!("asked to")
}

#[test]
fn a_panic_is_counted_on_its_way() {
    assert!(catch_unwind(|| panics(true)).is_err());
    assert_eq!(panics(false), Ok(1));
    assert!(catch_unwind(|| never_returns()).is_err());
    assert_eq!(outcomes("outcomes::panics"), [1, 0, 1, 0]);
    assert_eq!(outcomes("outcomes::never_returns"), [0, 0, 1, 0]);
}

#[timed]
fn clean_up() -> bool {
    std::thread::panicking()
}

#[test]
fn a_call_that_returns_while_its_thread_unwinds_is_no_panic() {
    struct CleanUp;
    impl Drop for CleanUp {
        fn drop(&mut self) {
            assert!(clean_up());
        }
    }
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _guard = CleanUp;
        panic!("asked to");
    }));
    assert!(unwound.is_err());
    assert_eq!(outcomes("outcomes::clean_up"), [1, 0, 0, 0]);
}

#[timed]
fn factorial(n: u64) -> u64 {
    if n == 0 { 1 } else { n * factorial(n - 1) }
}

#[test]
fn each_call_of_a_recursion_is_one() {
    assert_eq!(factorial(5), 120);
    assert_eq!(outcomes("outcomes::factorial"), [6, 0, 0, 0]);
}

#[timed]
fn in_registry() {}

#[test]
fn every_outcome_is_a_series_and_every_call_in_the_durations() {
    in_registry();
    let snapshot = Registry::global().snapshot();
    let function = ("function", "timed::outcomes::in_registry");
    for (outcome, count) in [("ok", 1), ("error", 0), ("panic", 0), ("cancelled", 0)] {
        let value = snapshot.value("function_calls_total", &[function, ("outcome", outcome)]);
        let Some(Value::Counter(calls)) = value else {
            panic!("no series of {outcome}");
        };
        assert_eq!(calls, count, "{outcome}");
    }
    let durations = snapshot.value("function_duration_seconds", &[function]);
    assert!(matches!(durations, Some(Value::Histogram(h)) if h.count == 1));
}
