//! Calls with ids of spans that do not take them: counted, without harm.

mod support;

use std::thread;

use perf_monitor_tracing::{SpanId, TracerOptions};
use support::{counter, keeping, tracer, tree, with_registry};

#[test]
fn ending_twice_is_counted_and_changes_nothing() {
    let (registry, tracer) = with_registry(support::all());
    let root = tracer.start_span("root", None);
    let child = tracer.start_span("child", Some(root));
    tracer.end_span(child);
    tracer.end_span(child);
    tracer.add_event(child, "late", &[("n", 1)]);
    tracer.fail_span(child, "late");
    tracer.end_span(root);
    tracer.end_span(root);
    assert_eq!(tree(&tracer.recent(1)[0]), "root(child)");
    assert!(!tracer.recent(1)[0].failed);
    let stats = tracer.stats();
    assert_eq!((stats.ended_twice, stats.event_after_end), (2, 2));
    assert_eq!((stats.stale, stats.foreign), (0, 0));
    let misuse = "perf_monitor_span_misuse_total";
    assert_eq!(counter(&registry, misuse, &[("kind", "ended_twice")]), 2);
}

#[test]
fn a_span_that_is_gone_is_stale() {
    let tracer = tracer(TracerOptions { ratio: 0.0, ..TracerOptions::default() });
    let gone = tracer.start_span("gone", None);
    tracer.end_span(gone);
    tracer.end_span(gone);
    tracer.add_event(gone, "late", &[("n", 1)]);
    let again = tracer.start_span("again", None);
    tracer.end_span(gone);
    assert_eq!(tracer.open_spans()[0].context.span_id, again);
    let below = tracer.start_span("below", Some(gone));
    assert_eq!(tracer.context(below).map(|context| context.span_id), Some(below));
    assert_eq!(tracer.stats().stale, 4);
    tracer.end_span(below);
    tracer.end_span(again);
    assert_eq!(tracer.stats().open_spans, 0);
}

#[test]
fn ids_that_nobody_gave_out_are_foreign() {
    let tracer = keeping();
    let kept = tracer.start_span("kept", None);
    for number in 1..10_000_u64 {
        let id = SpanId::new(number.wrapping_mul(0x2545_f491_4f6c_dd1d)).unwrap();
        tracer.end_span(id);
        tracer.add_event(id, "none", &[("n", 1)]);
        tracer.add_attribute(id, "none", 1);
        tracer.fail_span(id, "none");
    }
    let stats = tracer.stats();
    assert_eq!(stats.open_spans, 1);
    assert!(stats.foreign + stats.stale > 39_900, "{stats:?}");
    assert!(stats.foreign > 1_000 * stats.stale.max(1) / 1_000);
    tracer.end_span(kept);
    assert_eq!(tracer.recent(1)[0].spans[0].attributes, []);
}

#[test]
fn the_span_of_a_guard_ends_with_its_guard() {
    let tracer = keeping();
    let root = tracer.root("root");
    let id = root.id();
    tracer.end_span(id);
    thread::scope(|scope| {
        scope.spawn(|| {
            tracer.end_span(id);
            tracer.add_event(id, "from elsewhere", &[("n", 1)]);
            tracer.fail_span(id, "from elsewhere");
        });
    });
    tracer.add_event(id, "from here", &[("n", 1)]);
    assert_eq!(tracer.stats().foreign, 4);
    drop(root);
    let trace = tracer.recent(1).remove(0);
    assert!(!trace.failed);
    assert_eq!(trace.spans[0].events.len(), 1);
}

#[test]
fn the_value_of_a_span_that_was_ended_by_its_id_counts_as_ending_it_twice() {
    let tracer = keeping();
    let span = tracer.start("span").begin();
    tracer.end_span(span.id());
    span.attribute("late", 1);
    span.fail("late");
    drop(span);
    assert_eq!(tracer.stats().ended_twice, 1);
    assert_eq!(tracer.recent(10).len(), 1);
    assert_eq!(tracer.stats().kept, 1);
}

#[test]
fn two_threads_that_end_one_span_end_it_once() {
    let tracer = keeping();
    for _ in 0..2_000 {
        let root = tracer.start_span("root", None);
        thread::scope(|scope| {
            scope.spawn(|| {
                tracer.add_event(root, "event", &[("n", 1)]);
                tracer.end_span(root);
            });
            tracer.end_span(root);
        });
    }
    let stats = tracer.stats();
    assert_eq!((stats.kept, stats.ended_twice + stats.stale), (2_000, 2_000));
    assert_eq!(stats.open_spans, 0);
}

#[test]
fn the_spans_of_another_tracer_are_parents_but_not_ours_to_end() {
    let (ours, theirs) = (keeping(), keeping());
    let outer = theirs.root("outer");
    drop(ours.span("inner"));
    ours.end_span(outer.id());
    let context = outer.context();
    drop(outer);
    let inner = ours.recent(1).remove(0);
    assert_eq!(inner.spans[0].parent, Some(context.span_id));
    assert_eq!(inner.trace_id, context.trace_id);
    assert_eq!(ours.stats().foreign + ours.stats().stale, 1);
}

#[test]
fn a_child_that_ends_after_its_root_goes_the_same_way() {
    let keeping = keeping();
    let root = keeping.start_span("root", None);
    let late = keeping.start_span("late", Some(root));
    keeping.end_span(root);
    let later = keeping.start_span("later", Some(late));
    keeping.end_span(later);
    keeping.end_span(late);
    let trace = keeping.trace(keeping.recent(1)[0].trace_id);
    assert_eq!(trace.iter().map(|part| part.spans.len()).sum::<usize>(), 3);

    let dropping = tracer(TracerOptions { ratio: 0.0, ..TracerOptions::default() });
    let root = dropping.start_span("root", None);
    let late = dropping.start_span("late", Some(root));
    let failing = dropping.start_span("failing", Some(root));
    dropping.end_span(root);
    dropping.end_span(late);
    assert_eq!(dropping.recent(10), []);
    dropping.fail_span(failing, "alone");
    dropping.end_span(failing);
    assert_eq!(tree(&dropping.recent(10)[0]), "failing");
    assert_eq!((dropping.stats().dropped, dropping.stats().kept), (2, 1));
}
