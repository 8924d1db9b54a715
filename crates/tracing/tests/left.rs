//! Guards that are dropped in another order than they were made.

mod support;

use perf_monitor_tracing::{DistributedTracer, SpanGuard, SpanId};
use support::with_registry;

/// Guards of spans each below the one before.
fn nested(tracer: &DistributedTracer) -> Vec<Option<SpanGuard<'_>>> {
    ["a", "b", "c", "d"].map(|name| Some(tracer.span(name))).into()
}

fn current(tracer: &DistributedTracer) -> Option<SpanId> {
    tracer.current().map(|context| context.span_id)
}

/// All orders of so many.
fn orders(many: usize) -> Vec<Vec<usize>> {
    let Some(last) = many.checked_sub(1) else { return vec![Vec::new()] };
    let longer = |order: Vec<usize>| {
        (0..many).map(move |place| {
            let mut longer = order.clone();
            longer.insert(place, last);
            longer
        })
    };
    orders(last).into_iter().flat_map(longer).collect()
}

#[test]
fn the_thread_is_in_the_newest_that_is_left_and_then_outside_of_all() {
    let (_registry, tracer) = with_registry(support::all());
    assert_eq!(orders(4).len(), 24);
    for order in orders(4) {
        let mut guards = nested(&tracer);
        for place in &order {
            guards[*place] = None;
            let newest = guards.iter().flatten().next_back().map(SpanGuard::id);
            assert_eq!(current(&tracer), newest, "{order:?} at {place}");
        }
    }
}

#[test]
fn a_span_that_is_entered_again_is_not_left() {
    let (_registry, tracer) = with_registry(support::all());
    let (outer, inner) = (tracer.start("outer").root().begin(), tracer.start("inner").begin());
    let (first, second) = (outer.enter(), inner.enter());
    drop(first);
    let third = outer.enter();
    drop(tracer.span("below"));
    assert_eq!(current(&tracer), Some(outer.id()));
    drop(third);
    assert_eq!(current(&tracer), Some(inner.id()));
    drop(second);
    drop(tracer.root("after"));
    assert_ne!(current(&tracer), Some(inner.id()));
}

#[test]
fn as_many_in_a_row_as_there_are_may_be_left_early() {
    let (_registry, tracer) = with_registry(support::all());
    for reversed in [false, true] {
        let mut guards: Vec<_> = (0..100).map(|_| tracer.span("many")).collect();
        let innermost = guards.pop();
        if reversed {
            guards.reverse();
        }
        drop(guards);
        assert!(tracer.current().is_some());
        drop(innermost);
        assert_eq!(current(&tracer), None);
    }
    assert_eq!(tracer.stats().open_spans, 0);
}

#[test]
fn so_many_are_left_early_that_the_oldest_are_forgotten() {
    let (_registry, tracer) = with_registry(support::all());
    let mut guards: Vec<_> = (0..100).map(|_| Some(tracer.span("many"))).collect();
    guards.iter_mut().step_by(2).for_each(|guard| *guard = None);
    guards.into_iter().rev().for_each(drop);
    assert_eq!(tracer.stats().open_spans, 0, "each has ended nevertheless");
}
