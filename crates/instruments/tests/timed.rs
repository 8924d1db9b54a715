//! What `#[timed]` writes into functions, used by hand.

use perf_monitor_core::Registry;
use perf_monitor_instruments::timed::{FunctionMetrics, Functions, Site};
use std::panic::catch_unwind;
use std::time::Duration;

fn named(name: &str) -> FunctionMetrics {
    let functions = Functions::new(Registry::global()).unwrap();
    functions.summary().into_iter().find(|function| function.name == name).unwrap_or_default()
}

#[test]
fn a_call_ends_as_it_is_told() {
    static SITE: Site = Site::new("ends");
    SITE.enter().ok();
    SITE.enter().error();
    SITE.enter().end(true);
    drop(SITE.enter());
    let ends = named("ends");
    assert_eq!((ends.ok, ends.errors, ends.panics, ends.cancelled), (1, 2, 0, 1));
    assert_eq!(ends.calls(), 4);
    assert!(!ends.overflow);
}

#[test]
fn a_panic_ends_the_calls_that_it_goes_through() {
    static INNER: Site = Site::new("inner");
    static OUTER: Site = Site::new("outer");
    let unwound = catch_unwind(|| {
        let _outer = OUTER.enter();
        let _inner = INNER.enter();
        panic!("asked to");
    });
    assert!(unwound.is_err());
    assert_eq!((named("inner").panics, named("outer").panics), (1, 1));
}

#[test]
fn sites_of_one_name_are_one_function_from_all_threads() {
    static HERE: Site = Site::new("shared");
    static THERE: Site = Site::new("shared");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| HERE.enter().ok()));
            scope.spawn(|| (0..100).for_each(|_| THERE.enter().error()));
        }
    });
    let shared = named("shared");
    assert_eq!((shared.ok, shared.errors), (400, 400));
}

#[test]
fn the_durations_are_those_of_the_calls() {
    static SITE: Site = Site::new("durations");
    let before = std::time::Instant::now();
    (0..10).for_each(|_| SITE.enter().ok());
    let durations = named("durations");
    let longest = durations.max.unwrap();
    assert!(longest <= durations.total && durations.total <= before.elapsed().mul_f64(1.01));
    assert!(durations.p50 <= durations.p95 && durations.p95 <= durations.p99);
    assert!(durations.p99 <= Some(longest));
}

#[test]
fn what_was_never_called_is_unknown() {
    let never = named("never called");
    assert_eq!((never.calls(), never.total, never.max), (0, Duration::ZERO, None));
}
