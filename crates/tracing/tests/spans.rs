//! What is recorded of spans, by each way of making them.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use perf_monitor_core::Context;
use perf_monitor_tracing::{
    AttributeValue, FutureExt, OwnedValue, SpanContext, SpanId, SpanKind, StatusCode, TraceFlags,
    TraceState, TracerOptions,
};
use support::{keeping, names, poll_once, tracer, tree};

#[test]
fn guards_nest_as_scopes_do() {
    let tracer = keeping();
    {
        let _request = tracer.root("request");
        {
            let _query = tracer.span("query");
            drop(tracer.span("row"));
        }
        drop(tracer.span("render"));
    }
    assert_eq!(Context::current(), Context::default());
    let traces = tracer.recent(10);
    assert_eq!(traces.len(), 1);
    assert_eq!(tree(&traces[0]), "request(query(row) render)");
    let root = traces[0].root().unwrap();
    for span in &traces[0].spans {
        assert_eq!(span.trace_id, root.trace_id);
        assert!(span.start_unix_ns >= root.start_unix_ns);
        assert!(
            span.start_unix_ns + span.duration_ns <= root.start_unix_ns + root.duration_ns + 1_000
        );
    }
}

#[test]
fn a_span_outside_of_any_is_a_root() {
    let tracer = keeping();
    drop(tracer.span("alone"));
    drop(tracer.span("alone"));
    let traces = tracer.recent(10);
    assert_eq!(traces.len(), 2);
    assert_ne!(traces[0].trace_id, traces[1].trace_id);
    assert_eq!(traces[0].spans[0].parent, None);
}

#[test]
fn attributes_events_links_and_status_come_back_as_they_were() {
    let tracer = keeping();
    let other = tracer.start("other").begin().context();
    {
        let mut span = tracer.root("work");
        span.attribute("rows", 3_u32);
        span.attribute("share", 0.25);
        span.attribute("cached", true);
        span.attribute("table", "orders");
        span.dynamic_attribute(&format!("key-{}", 7), "é".repeat(200).as_str());
        span.event("retry", &[("after_ms", 5.into()), ("why", "busy".into())]);
        span.event("gave up", &[]);
        span.link(&other);
        span.set_kind(SpanKind::Consumer);
        span.fail("no more retries");
    }
    let trace = tracer.trace(tracer.failed(1)[0].trace_id).remove(0);
    let span = &trace.spans[0];
    let values: Vec<_> = span.attributes.iter().map(|a| (&*a.key, a.value.clone())).collect();
    assert_eq!(values[0], ("rows", OwnedValue::I64(3)));
    assert_eq!(values[1], ("share", OwnedValue::F64(0.25)));
    assert_eq!(values[2], ("cached", OwnedValue::Bool(true)));
    assert_eq!(values[3], ("table", OwnedValue::Str("orders".into())));
    assert_eq!(values[4], ("key-7", OwnedValue::Str("é".repeat(128).into())));
    assert_eq!(span.events.len(), 2);
    assert_eq!(&*span.events[0].name, "retry");
    assert_eq!(span.events[0].attributes.len(), 2);
    assert!(span.events[0].unix_ns >= span.start_unix_ns);
    assert_eq!(span.links[0].span_id, other.span_id);
    assert_eq!(span.kind, SpanKind::Consumer);
    assert_eq!(span.status, StatusCode::Error("no more retries".into()));
    assert_eq!(span.dropped, 0);
}

#[test]
fn spans_by_id_say_as_much() {
    let tracer = keeping();
    let order = tracer.start_span("order", None);
    let payment = tracer.start_span("payment", Some(order));
    tracer.add_attribute(payment, "amount", 3);
    tracer.add_event(payment, "paid", &[("by", "card"), ("to", "us")]);
    tracer.add_event(payment, "seen", &[] as &[(&str, i64)]);
    tracer.fail_span(payment, "refused");
    tracer.end_span(payment);
    assert_eq!(tracer.open_spans().len(), 1);
    tracer.end_span(order);
    let trace = tracer.failed(1).remove(0);
    assert_eq!(tree(&trace), "order(payment)");
    let payment = &trace.spans[1];
    assert_eq!(payment.attributes[0].value, OwnedValue::I64(3));
    let events: Vec<&str> = payment.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["paid", "seen"]);
    assert_eq!(&*payment.events[0].attributes[1].key, "to");
    assert_eq!(payment.status, StatusCode::Error("refused".into()));
}

#[test]
fn a_span_may_end_on_another_thread_and_its_children_too() {
    let tracer = keeping();
    let root = tracer.start("root").kind(SpanKind::Server).begin();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let _inside = root.enter();
                let _child = tracer.span("child");
                drop(tracer.span("grandchild"));
            });
        }
    });
    thread::spawn(move || drop(root)).join().unwrap();
    let trace = tracer.recent(1).remove(0);
    assert_eq!(trace.spans.len(), 9);
    assert_eq!(names(&trace)[0], "root");
    assert_eq!(trace.spans[0].kind, SpanKind::Server);
    let child = trace.spans.iter().filter(|span| span.parent == Some(trace.spans[0].span_id));
    assert_eq!(child.count(), 4);
}

#[test]
fn a_panic_fails_the_spans_that_it_leaves() {
    let tracer = keeping();
    let broken = catch_unwind(AssertUnwindSafe(|| {
        let _root = tracer.root("root");
        drop(tracer.span("before"));
        let _child = tracer.span("child");
        panic!("on purpose");
    }));
    assert!(broken.is_err());
    assert_eq!(Context::current(), Context::default());
    let trace = tracer.failed(1).remove(0);
    let failed: Vec<bool> = trace.spans.iter().map(|span| span.status.is_error()).collect();
    assert_eq!((names(&trace), failed), (vec!["root", "before", "child"], vec![true, false, true]));
}

#[test]
fn guards_dropped_out_of_order_leave_every_span_in_its_trace() {
    let tracer = keeping();
    let root = tracer.root("root");
    let first = tracer.span("first");
    let second = tracer.span("second");
    drop(root);
    drop(first);
    assert_eq!(tracer.current().unwrap().span_id, second.id());
    drop(second);
    assert!(tracer.current().is_none(), "though the last that was dropped found `first`");
    let spans: usize = tracer.recent(10).iter().map(|trace| trace.spans.len()).sum();
    assert_eq!(spans, 3);
    let first = &tracer.recent(10)[2].trace_id;
    assert!(tracer.recent(10).iter().all(|trace| trace.trace_id == *first));
    assert_eq!(tracer.stats().open_spans, 0);
}

#[test]
fn a_root_within_a_trace_begins_another_one() {
    let tracer = keeping();
    {
        let _outer = tracer.root("outer");
        {
            let _inner = tracer.root("inner");
            drop(tracer.span("below inner"));
        }
        drop(tracer.span("below outer"));
    }
    let mut trees: Vec<String> = tracer.recent(10).iter().map(tree).collect();
    trees.sort();
    assert_eq!(trees, ["inner(below inner)", "outer(below outer)"]);
}

#[test]
fn a_request_from_elsewhere_goes_on_here() {
    let tracer = tracer(TracerOptions { ratio: 0.0, tail: false, ..TracerOptions::default() });
    let sampled = SpanContext::new("4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap(), id(7))
        .flags(TraceFlags::SAMPLED)
        .state(TraceState::new("vendor=1").unwrap())
        .remote();
    {
        let _server = tracer.start("server").parent(&sampled).guard();
        let client = tracer.span("client");
        let onwards = client.context();
        assert_eq!(onwards.trace_id, sampled.trace_id);
        assert_eq!(onwards.span_id, client.id());
        assert_eq!(onwards.state.as_str(), "vendor=1");
        assert!(onwards.is_sampled() && !onwards.flags.is_random() && !onwards.remote);
        assert_eq!(tracer.current(), Some(onwards));
    }
    let trace = tracer.trace(sampled.trace_id).remove(0);
    assert_eq!(trace.spans[0].parent, Some(id(7)));
    assert!(trace.spans[0].parent_is_remote && !trace.spans[1].parent_is_remote);
    assert_eq!(&*trace.spans[0].trace_state, "vendor=1");
    drop(tracer.start("server").parent(sampled.flags(TraceFlags::NONE)).begin());
    assert_eq!(tracer.recent(10).len(), 1, "what the sender did not sample is not kept");
}

fn id(number: u64) -> SpanId {
    SpanId::new(number).unwrap()
}

#[test]
fn a_future_is_in_its_span_while_it_is_polled() {
    let tracer = keeping();
    let inside = tracer.clone();
    let mut future = Box::pin(
        async move {
            drop(inside.span("first"));
            support::yield_once().await;
            drop(inside.span("second"));
            7
        }
        .in_span(tracer.start("task").begin()),
    );
    assert!(poll_once(future.as_mut()).is_pending());
    assert_eq!(Context::current(), Context::default());
    let moved = thread::spawn(move || poll_once(future.as_mut())).join().unwrap();
    assert!(moved.is_ready());
    let trace = tracer.recent(1).remove(0);
    assert_eq!(tree(&trace), "task(first second)");
    let value = |key: &str| {
        let found = trace.spans[0].attributes.iter().find(|a| &*a.key == key);
        found.map(|a| a.value.clone())
    };
    assert_eq!(value("polls"), Some(OwnedValue::I64(2)));
    assert!(matches!(value("busy_ns"), Some(OwnedValue::I64(busy)) if busy > 0));
    assert_eq!(value("cancelled"), None);
}

#[test]
fn a_cancelled_future_ends_its_span_and_says_so() {
    let tracer = keeping();
    let inside = tracer.clone();
    let future = async move {
        let _held = inside.start("held").begin();
        std::future::pending::<()>().await;
    };
    let mut future = Box::pin(future.in_span(tracer.start("task").begin()));
    assert!(poll_once(future.as_mut()).is_pending());
    drop(future);
    let trace = tracer.recent(1).remove(0);
    assert_eq!(tree(&trace), "task(held)");
    let cancelled = trace.spans[0].attributes.iter().find(|a| &*a.key == "cancelled");
    assert_eq!(cancelled.unwrap().value, OwnedValue::Bool(true));
}

#[test]
fn open_spans_are_listed_with_their_age() {
    let tracer = keeping();
    let root = tracer.root("root");
    let child = tracer.start("child").begin();
    let open = tracer.open_spans();
    assert_eq!(open.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["root", "child"]);
    assert_eq!(open[1].parent, Some(root.id()));
    assert_eq!(open[1].context.trace_id, root.context().trace_id);
    assert!(open[0].age >= open[1].age);
    drop((child, root));
    assert!(tracer.open_spans().is_empty());
}

#[test]
fn every_span_feeds_its_histogram_whether_it_is_kept_or_not() {
    for options in [
        TracerOptions::default(),
        TracerOptions { ratio: 0.0, ..TracerOptions::default() },
        TracerOptions { ratio: 0.0, tail: false, ..TracerOptions::default() },
    ] {
        let (registry, tracer) = support::with_registry(options);
        for round in 0..50 {
            let _root = tracer.root("root");
            let mut child = tracer.span("child");
            if round % 10 == 0 {
                child.fail("");
            }
            let id = tracer.start_span("by id", None);
            tracer.end_span(id);
            drop(tracer.start("owned").begin());
        }
        for name in ["root", "child", "by id", "owned"] {
            assert_eq!(support::durations(&registry, name), 50, "{name}");
        }
        assert_eq!(support::counter(&registry, "span_errors_total", &[("span", "child")]), 5);
    }
}

#[test]
fn texts_are_values_of_any_length() {
    let tracer = keeping();
    for length in 0..80 {
        let text = "x".repeat(length);
        let mut span = tracer.root("span");
        span.dynamic_attribute(&text, AttributeValue::Str(&text));
        drop(span);
        let kept = &tracer.recent(1)[0].spans[0].attributes[0];
        assert_eq!((&*kept.key, &kept.value), (&*text, &OwnedValue::Str(text.as_str().into())));
    }
}

#[test]
fn work_that_a_guard_hands_to_other_threads_is_in_its_trace() {
    let tracer = keeping();
    for _ in 0..200 {
        let root = tracer.root("root");
        let context = root.context();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let _part = tracer.start("part").parent(&context).guard();
                    drop(tracer.span("step"));
                });
            }
            for _ in 0..3 {
                drop(tracer.span("own"));
            }
        });
        drop(root);
        let trace = tracer.recent(1).remove(0);
        assert_eq!(tree(&trace).matches("part(step)").count(), 3, "{}", tree(&trace));
        assert_eq!(tree(&trace).matches("own").count(), 3);
    }
    assert_eq!(tracer.stats().kept, 2_000);
}

#[test]
fn spans_go_where_values_go() {
    fn sent<T: Send + Sync + 'static>() {}
    sent::<perf_monitor_tracing::Span>();
    sent::<perf_monitor_tracing::DistributedTracer>();
    sent::<perf_monitor_tracing::Batch>();
}

#[test]
fn a_future_that_panics_fails_its_span_and_was_not_cancelled() {
    let tracer = keeping();
    let future = async { panic!("on purpose") };
    let mut future = Box::pin(future.in_span(tracer.start("task").begin()));
    let polled =
        catch_unwind(AssertUnwindSafe(|| poll_once::<dyn Future<Output = ()>>(future.as_mut())));
    assert!(polled.is_err());
    assert_eq!(Context::current(), Context::default());
    drop(future);
    let trace = tracer.failed(1).remove(0);
    assert!(trace.spans[0].attributes.iter().all(|a| &*a.key != "cancelled"));
}
