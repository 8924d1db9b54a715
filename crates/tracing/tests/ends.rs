//! How spans end while their thread panics.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use perf_monitor_tracing::{DistributedTracer, StatusCode, TracerOptions};
use support::with_registry;

/// Works while it is dropped, as what cleans up does.
struct Cleans<F: FnMut()>(F);

impl<F: FnMut()> Drop for Cleans<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn statuses(tracer: &DistributedTracer) -> Vec<StatusCode> {
    let traces = tracer.recent(10);
    traces.iter().rev().map(|trace| trace.spans[0].status.clone()).collect()
}

fn while_panicking(work: impl FnMut()) {
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _cleans = Cleans(work);
        panic!("asked to");
    }));
    assert!(panicked.is_err());
}

#[test]
fn what_is_ended_fails_only_if_told_so_and_what_is_dropped_fails() {
    let (_registry, tracer) = with_registry(support::all());
    let (unset, failed) = (StatusCode::Unset, StatusCode::Error("".into()));
    while_panicking(|| tracer.root("guard").end());
    while_panicking(|| assert!(tracer.start("value").root().begin().end()));
    assert_eq!(statuses(&tracer), [unset.clone(), unset]);
    while_panicking(|| drop(tracer.root("guard")));
    while_panicking(|| drop(tracer.start("value").root().begin()));
    while_panicking(|| {
        let mut guard = tracer.root("told");
        guard.fail("");
        guard.end();
    });
    assert_eq!(statuses(&tracer)[2..], [failed.clone(), failed.clone(), failed]);
    assert!(tracer.current().is_none(), "the thread has left them all");
}

#[test]
fn the_end_says_whether_the_trace_is_kept() {
    let (_registry, all) = with_registry(support::all());
    assert!(all.start("kept").root().begin().end());
    let none = TracerOptions { ratio: 0.0, ..TracerOptions::default() };
    let (_registry, none) = with_registry(none);
    let failed = none.start("failed").root().begin();
    failed.fail("asked to");
    assert!(failed.end());
    let root = none.start("dropped").root().begin();
    assert!(!none.start("child").parent(&root).begin().end(), "nobody knows yet");
    assert!(!root.end());
    let unrecorded = TracerOptions { ratio: 0.0, tail: false, ..TracerOptions::default() };
    let (_registry, unrecorded) = with_registry(unrecorded);
    assert!(!unrecorded.start("unrecorded").root().begin().end());
}

#[test]
fn spans_of_the_tracer_of_the_process_end_as_others_do() {
    let tracer = DistributedTracer::global();
    let span = tracer.start("global").forced().root().begin();
    span.attribute("rows", -1_isize);
    let id = span.id();
    assert!(std::thread::spawn(move || span.end()).join().unwrap());
    let kept = tracer.recent(1);
    assert_eq!((kept[0].spans[0].span_id, kept[0].spans[0].attributes.len()), (id, 1));
}
