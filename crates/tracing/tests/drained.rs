//! Traces that go out one at a time.

use perf_monitor_core::Registry;
use perf_monitor_tracing::{DistributedTracer, TracerOptions};

fn tracer() -> DistributedTracer {
    let options = TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() };
    DistributedTracer::new(&Registry::new(), options).unwrap()
}

fn two_spans(tracer: &DistributedTracer) {
    let _root = tracer.root("root");
    drop(tracer.span("child"));
}

#[test]
fn an_exporter_takes_the_oldest_until_it_has_enough() {
    let tracer = tracer();
    (0..5).for_each(|_| two_spans(&tracer));
    let mut seen = Vec::new();
    let drained = tracer.drain_each(|trace| {
        seen.push(trace.trace_id);
        seen.len() <= 2
    });
    assert_eq!((seen.len(), drained.spans()), (3, 4), "the third was seen and left");
    assert_eq!(tracer.waiting_spans(), 6);
    drained.sent();
    let mut rest = Vec::new();
    let drained = tracer.drain_each(|trace| {
        rest.push(trace.trace_id);
        true
    });
    assert_eq!((rest[0], rest.len()), (seen[2], 3));
    assert_eq!(tracer.waiting_spans(), 0);
    drop(drained);
    assert_eq!(tracer.waiting_spans(), 6, "they were given back");
    assert_eq!(tracer.recent(5).iter().filter(|trace| trace.exported).count(), 2);
}

#[test]
fn what_made_room_while_it_was_out_and_did_not_arrive_is_lost() {
    let tracer = tracer();
    (0..100).for_each(|_| two_spans(&tracer));
    let drained = tracer.drain_each(|_| true);
    assert_eq!(drained.spans(), 200);
    (0..2 * tracer.stats().span_capacity).for_each(|_| two_spans(&tracer));
    let (lost, waiting) = (tracer.stats().lost_evicted, tracer.waiting_spans());
    drained.give_back();
    let lost = tracer.stats().lost_evicted - lost;
    let given_back = tracer.waiting_spans() - waiting;
    assert!(lost > 100, "only the slowest of their names are still there: {lost}");
    assert_eq!(lost as usize + given_back, 200);
}
