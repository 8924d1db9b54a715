//! What there is no room for is dropped by rule, with each drop counted.

mod support;

use std::time::Duration;

use perf_monitor_core::Context;
use perf_monitor_tracing::{DistributedTracer, TracerOptions};
use support::{all, counter, keeping, tracer, with_registry};

/// All that was kept is still there, was evicted, or was taken.
fn assert_accounts(tracer: &DistributedTracer, exported: u64) {
    let stats = tracer.stats();
    assert_eq!(
        stats.kept,
        stats.finished_spans as u64 + stats.lost_evicted + exported,
        "{stats:?}"
    );
    assert!(stats.bytes <= stats.memory_bytes, "{stats:?}");
}

#[test]
fn the_memory_is_what_the_options_say_at_any_size() {
    for memory_bytes in [20_000, 50_000, 200_000, 1_000_000, 4_000_000] {
        let tracer = tracer(TracerOptions { memory_bytes, ..all() });
        for n in 0..20_000 {
            let name = format!("a rather long name of a span, number {n}, as names should not be");
            let mut span = tracer.start(&name).guard();
            span.dynamic_attribute(&name, name.as_str());
        }
        assert_accounts(&tracer, 0);
        let stats = tracer.stats();
        assert!(stats.bytes * 10 >= memory_bytes * 6, "{stats:?}");
        assert_eq!(stats.lost_payload, 0);
        for _ in 0..stats.span_capacity {
            drop(tracer.root("short"));
        }
        let stats = tracer.stats();
        assert!(stats.finished_spans * 2 >= stats.span_capacity, "{stats:?}");
    }
}

#[test]
fn options_out_of_range_are_named() {
    let registry = perf_monitor_core::Registry::new();
    let refused = |options| {
        let error = DistributedTracer::new(&registry, options).unwrap_err();
        assert!(error.is_option());
        error.to_string()
    };
    let base = TracerOptions::default;
    assert!(refused(TracerOptions { memory_bytes: 1_000, ..base() }).contains("memory_bytes"));
    assert!(refused(TracerOptions { ratio: f64::NAN, ..base() }).contains("ratio"));
    assert!(
        refused(TracerOptions { roots_per_second: 0.0, ..base() }).contains("roots_per_second")
    );
    assert!(refused(TracerOptions { spans_per_trace: 0, ..base() }).contains("spans_per_trace"));
    assert!(refused(TracerOptions { names: 0, ..base() }).contains("names"));
}

#[test]
fn names_beyond_the_bound_share_one() {
    let (registry, tracer) = with_registry(TracerOptions { names: 3, ..all() });
    for name in ["a", "b", "c", "d", "e", "a"] {
        drop(tracer.start(name).guard());
    }
    let mut kept: Vec<String> =
        tracer.recent(10).iter().map(|trace| trace.spans[0].name.to_string()).collect();
    kept.sort();
    assert_eq!(kept, ["a", "a", "b", "c", "overflow", "overflow"]);
    assert_eq!(tracer.stats().lost_names, 2);
    assert_eq!(support::durations(&registry, "overflow"), 2);
}

#[test]
fn a_trace_has_so_many_spans_and_the_rest_is_measured() {
    let (registry, tracer) = with_registry(TracerOptions { spans_per_trace: 10, ..all() });
    {
        let root = tracer.root("root");
        for _ in 0..20 {
            drop(tracer.span("child"));
            tracer.end_span(tracer.start_span("by id", Some(root.id())));
        }
    }
    assert_eq!(tracer.recent(1)[0].spans.len(), 10);
    let stats = tracer.stats();
    assert_eq!((stats.lost_trace_full, stats.kept, stats.unsampled), (31, 10, 31));
    assert_eq!(support::durations(&registry, "child"), 20);
    assert_eq!(support::durations(&registry, "by id"), 20);
}

#[test]
fn a_failure_beyond_the_spans_of_a_trace_keeps_the_trace() {
    let tracer = tracer(TracerOptions { spans_per_trace: 2, ratio: 0.0, ..all() });
    for told in [false, true] {
        let root = tracer.root("root");
        drop(tracer.span("child"));
        let mut beyond = tracer.span("beyond");
        assert!(!beyond.is_recording());
        if told {
            beyond.fail("");
        }
        drop((beyond, root));
    }
    let root = tracer.start("root").root().begin();
    drop(tracer.start("child").parent(&root).begin());
    tracer.start("beyond").parent(&root).begin().fail("");
    drop(root);
    let failed = tracer.failed(9);
    assert_eq!(failed.iter().map(|trace| trace.spans.len()).collect::<Vec<_>>(), [2, 2]);
    assert!(failed.iter().all(|trace| trace.failed));
}

#[test]
fn when_all_slots_are_open_spans_are_measured_and_counted() {
    let (registry, tracer) = with_registry(all());
    let capacity = tracer.stats().span_capacity;
    let open: Vec<_> = (0..capacity + 100).map(|_| tracer.start("open").root().begin()).collect();
    let stats = tracer.stats();
    assert_eq!((stats.open_spans, stats.lost_slots), (capacity, 100));
    let lost = open.last().unwrap();
    assert!(!lost.is_recording());
    {
        let _inside = lost.enter();
        drop(tracer.span("below one that was lost"));
    }
    let id = tracer.start_span("by id", None);
    tracer.end_span(id);
    drop(open);
    assert_eq!(Context::current(), Context::default());
    assert_eq!(support::durations(&registry, "open"), capacity as u64 + 100);
    assert_eq!(support::durations(&registry, "below one that was lost"), 1);
    assert_accounts(&tracer, 0);
    assert_eq!(tracer.stats().open_spans, 0);
    drop(tracer.root("there is room again"));
    assert_eq!(&*tracer.recent(1)[0].spans[0].name, "there is room again");
}

#[test]
fn what_a_span_carries_is_bounded_and_the_loss_is_told() {
    let tracer = keeping();
    {
        let mut span = tracer.root("span");
        (0..1_000_i64).for_each(|n| span.attribute("n", n));
    }
    let span = tracer.recent(1)[0].spans[0].clone();
    assert!((50..200).contains(&span.attributes.len()), "{}", span.attributes.len());
    assert_eq!(span.dropped, 255);
    assert_eq!(tracer.stats().lost_payload, 1_000 - span.attributes.len() as u64);
    let id = tracer.start_span("by id", None);
    (0..1_000).for_each(|n| tracer.add_attribute(id, "n", n));
    tracer.end_span(id);
    let span = tracer.recent(1)[0].spans[0].clone();
    assert!((20..200).contains(&span.attributes.len()), "{}", span.attributes.len());
}

#[test]
fn payload_that_runs_out_takes_the_oldest_traces_along() {
    let tracer = keeping();
    let text = "x".repeat(250);
    for n in 0..5_000_i64 {
        let mut span = tracer.root("span");
        span.attribute("n", n);
        span.attribute("text", text.as_str());
    }
    assert_eq!(tracer.stats().lost_payload, 0);
    assert!(tracer.recent(1)[0].spans[0].attributes.len() == 2);
    assert_accounts(&tracer, 0);
    // Once nothing is kept any more, all cells are there again.
    let batch = tracer.drain(usize::MAX);
    batch.sent();
    let open: Vec<_> = (0..5_000).map(|_| tracer.start("open").root().begin()).collect();
    let stats = tracer.stats();
    assert!(stats.free_payload_cells * 2 > stats.payload_cells, "{stats:?}");
    drop(open);
}

#[test]
fn failed_traces_and_the_slowest_are_the_last_to_go() {
    let (registry, tracer) = with_registry(all());
    {
        let mut failed = tracer.root("request");
        failed.fail("boom");
    }
    for n in 0..200_000 {
        let name = if n % 2 == 0 { "request" } else { "slow" };
        let _root = tracer.root(name);
        drop(tracer.span("child"));
    }
    assert_eq!(tracer.failed(10).len(), 1);
    let slow = tracer.slow(usize::MAX);
    for name in ["request", "slow", "child"] {
        let spans = slow.iter().flat_map(|trace| &trace.spans);
        let longest = spans.filter(|span| &*span.name == name).map(|span| span.duration_ns).max();
        assert_eq!(longest, Some(support::longest(&registry, name)), "{name}");
    }
    assert_accounts(&tracer, 0);
    let dropped = "perf_monitor_spans_dropped_total";
    let evicted = counter(&registry, dropped, &[("reason", "evicted")]);
    assert_eq!(evicted, tracer.stats().lost_evicted);
}

#[test]
fn protected_traces_have_their_bound_too() {
    let tracer = keeping();
    for n in 0..10_000 {
        let mut span = tracer.root("failing");
        span.attribute("n", n);
        span.fail("again");
    }
    let (stats, failed) = (tracer.stats(), tracer.failed(usize::MAX));
    assert!(failed.len() >= stats.span_capacity / 4);
    drop(tracer.root("fine"));
    assert_eq!(stats.lost_slots, 0);
    assert!(tracer.recent(10).iter().any(|trace| !trace.failed));
    assert_accounts(&tracer, 0);
}

#[test]
fn what_was_sent_goes_first_and_is_no_loss() {
    let tracer = keeping();
    (0..100).for_each(|_| drop(tracer.root("sent")));
    let batch = tracer.drain(usize::MAX);
    assert_eq!((batch.traces().len(), batch.spans()), (100, 100));
    assert_eq!(tracer.waiting_spans(), 0);
    assert!(tracer.drain(10).is_empty(), "they are out");
    batch.sent();
    assert!(tracer.recent(100).iter().all(|trace| trace.exported));
    let capacity = tracer.stats().span_capacity;
    (0..capacity - 250).for_each(|_| drop(tracer.root("waiting")));
    assert_eq!(tracer.stats().lost_evicted, 0);
    let batch = tracer.drain(10);
    assert_eq!(batch.spans(), 10);
    assert!(batch.traces().iter().all(|trace| &*trace.spans[0].name == "waiting"));
    batch.give_back();
    assert_eq!(tracer.waiting_spans(), capacity - 250);
}

#[test]
fn a_batch_that_could_not_be_sent_comes_again_as_far_as_there_is_room() {
    let tracer = keeping();
    (0..10).for_each(|_| drop(tracer.root("first")));
    let batch = tracer.drain(usize::MAX);
    (0..5_000).for_each(|_| drop(tracer.root("later")));
    let before = tracer.stats().lost_evicted;
    drop(batch);
    assert!(tracer.stats().lost_evicted > before, "those that are gone are counted now");
    assert_accounts(&tracer, 0);
}

#[test]
fn the_rate_of_roots_is_limited_for_each_name() {
    let options = TracerOptions { roots_per_second: 5.0, tail: false, ..TracerOptions::default() };
    let tracer = tracer(options);
    for _ in 0..1_000 {
        drop(tracer.root("a"));
        drop(tracer.root("b"));
    }
    let kept = tracer.stats().kept;
    assert!((10..30).contains(&kept), "{kept}");
    assert_eq!(tracer.stats().unsampled, 2_000 - kept);
}

#[test]
fn the_ratio_goes_by_the_trace_id() {
    let options = TracerOptions { ratio: 0.25, tail: false, ..all() };
    let (ours, theirs) = (tracer(options.clone()), tracer(options));
    let mut agreed = 0;
    for _ in 0..4_000 {
        let span = ours.start("span").begin();
        let recorded = span.is_recording();
        assert_eq!(recorded, span.context().is_sampled());
        // Somebody else who has but the thread's context decides alike.
        let _inside = span.enter();
        let other = theirs.start("span").begin();
        agreed += u64::from(other.is_recording() == recorded);
    }
    assert_eq!(agreed, 4_000);
    let kept = ours.stats().kept;
    assert!((800..1_200).contains(&kept), "{kept}");
}

#[test]
fn the_tail_rule_keeps_what_failed_was_slow_or_was_forced() {
    let tracer = tracer(TracerOptions { ratio: 0.0, ..TracerOptions::default() });
    for _ in 0..200 {
        let _root = tracer.root("root");
        drop(tracer.span("child"));
    }
    assert_eq!(tracer.recent(10), []);
    tracer.tick();
    {
        let _root = tracer.root("root");
        let mut child = tracer.span("child");
        child.fail("");
    }
    let failed = tracer.failed(10).remove(0);
    assert!(failed.failed && !failed.sampled && failed.spans.len() == 2);
    {
        let _root = tracer.root("root");
        let _child = tracer.span("child");
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
    }
    assert!(tracer.slow(10).iter().any(|trace| trace.slow && trace.spans.iter().all(|s| s.slow)));
    {
        let _root = tracer.root("root");
        drop(tracer.start("child").forced().guard());
    }
    assert!(tracer.recent(1)[0].forced);
}

#[test]
fn nothing_below_an_untraced_span_is_recorded() {
    let tracer = keeping();
    {
        let _call = tracer.start("export").untraced().guard();
        drop(tracer.span("below"));
        tracer.end_span(tracer.start_span("by id", tracer.current().map(|c| c.span_id)));
    }
    assert_eq!(tracer.recent(10), []);
    assert_eq!(tracer.stats().unsampled, 3);
}
