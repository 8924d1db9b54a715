//! What becomes of spans and events of the `tracing` crate.
#![cfg(feature = "subscriber")]

mod support;

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::thread;

use perf_monitor_core::Context;
use perf_monitor_tracing::{
    DistributedTracer, FinishedSpan, FinishedTrace, FutureExt, OwnedValue, SpanKind, StatusCode,
    TracerOptions, TracingLayer,
};
use support::{all, counter, durations, keeping, poll_once, tree, with_registry, yield_once};
use tracing::field::Empty;
use tracing::instrument::Instrument;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level, Span, debug, error, info, info_span, instrument, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;

fn subscriber(layer: TracingLayer) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(layer))
}

/// Runs `f` with all its spans in a tracer that keeps everything.
fn with(f: impl FnOnce(&DistributedTracer)) -> DistributedTracer {
    let tracer = keeping();
    let subscriber = subscriber(TracingLayer::new(&tracer));
    tracing::dispatcher::with_default(&subscriber, || f(&tracer));
    assert_eq!(Context::current(), Context::default());
    assert!(tracer.open_spans().is_empty());
    let stats = tracer.stats();
    assert_eq!(
        (stats.stale, stats.foreign, stats.ended_twice, stats.event_after_end),
        (0, 0, 0, 0)
    );
    tracer
}

fn trees(tracer: &DistributedTracer) -> Vec<String> {
    tracer.recent(10).iter().map(tree).collect()
}

fn only(tracer: &DistributedTracer) -> FinishedTrace {
    let mut traces = tracer.recent(10);
    assert_eq!(traces.len(), 1);
    traces.remove(0)
}

fn span(trace: &FinishedTrace, name: &str) -> FinishedSpan {
    trace.spans.iter().find(|span| &*span.name == name).unwrap().clone()
}

fn attributes(span: &FinishedSpan) -> Vec<(&str, OwnedValue)> {
    span.attributes.iter().map(|a| (&*a.key, a.value.clone())).collect()
}

fn text(text: &str) -> OwnedValue {
    OwnedValue::Str(text.into())
}

#[instrument]
fn handle(id: u32) {
    load("orders");
    info_span!("render").in_scope(|| ());
}

#[instrument(fields(rows = Empty))]
fn load(table: &str) {
    Span::current().record("rows", 7);
}

#[test]
fn instrumented_functions_make_one_trace() {
    let trace = only(&with(|_| handle(3)));
    assert_eq!(tree(&trace), "handle(load render)");
    assert_eq!(attributes(&span(&trace, "handle")), [("id", OwnedValue::I64(3))]);
    let load = span(&trace, "load");
    assert_eq!(attributes(&load), [("table", text("orders")), ("rows", OwnedValue::I64(7))]);
    let root = trace.root().unwrap();
    for span in &trace.spans {
        assert_eq!(span.trace_id, root.trace_id);
        assert_eq!(span.kind, SpanKind::Internal);
        assert!(span.start_unix_ns >= root.start_unix_ns);
    }
}

#[test]
fn fields_keep_their_types() {
    let failure = "x".parse::<i32>().unwrap_err();
    let trace = only(&with(|_| {
        let failure: &dyn std::error::Error = &failure;
        info_span!(
            "work",
            yes = true,
            small = -5_i8,
            share = 0.25,
            fits = i64::MAX as u64,
            hash = u64::MAX,
            vast = u128::MAX,
            low = i128::MIN,
            shown = %"text",
            debugged = ?Some(1),
            failure,
            unit = Empty,
        );
    }));
    let all = trace.spans[0].clone();
    let expected = [
        ("yes", OwnedValue::Bool(true)),
        ("small", OwnedValue::I64(-5)),
        ("share", OwnedValue::F64(0.25)),
        ("fits", OwnedValue::I64(i64::MAX)),
        ("hash", text("18446744073709551615")),
        ("vast", text("340282366920938463463374607431768211455")),
        ("low", text("-170141183460469231731687303715884105728")),
        ("shown", text("text")),
        ("debugged", text("Some(1)")),
        ("failure", text("invalid digit found in string")),
    ];
    assert_eq!(attributes(&all), expected);
}

#[test]
fn long_texts_are_cut_and_too_many_are_counted() {
    let tracer = with(|_| {
        let long = "é".repeat(300);
        info_span!("work", shown = %long, debugged = ?long, told = long);
        let busy = info_span!("busy", value = Empty);
        for value in 0..2_000 {
            busy.record("value", value);
        }
    });
    let traces = tracer.recent(2);
    for (_, value) in attributes(&traces[1].spans[0]) {
        let OwnedValue::Str(value) = value else { panic!("a text") };
        assert!((255..=256).contains(&value.len()), "{}", value.len());
    }
    let busy = &traces[0].spans[0];
    assert!(busy.attributes.len() < 100);
    assert_eq!(busy.dropped, u8::MAX);
    assert!(tracer.stats().lost_payload > 1_000);
}

#[test]
fn a_span_whose_fields_are_all_empty_lost_nothing() {
    let tracer = with(|_| drop(info_span!("work", rows = Empty, table = Empty)));
    assert_eq!(only(&tracer).spans[0].dropped, 0);
    assert_eq!(tracer.stats().lost_payload, 0);
}

#[test]
fn events_are_kept_with_their_level_message_and_fields() {
    let trace = only(&with(|_| {
        error!(value = ?Hostile, "outside, nobody's");
        let _work = info_span!("work").entered();
        info!(attempt = 2, why = "busy", "retrying {}", "soon");
        debug!(size = 3);
    }));
    let events = &trace.spans[0].events;
    assert_eq!(events.len(), 2);
    assert_eq!(&*events[0].name, "retrying soon");
    let values: Vec<_> = events[0].attributes.iter().map(|a| (&*a.key, a.value.clone())).collect();
    let expected =
        [("level", text("INFO")), ("attempt", OwnedValue::I64(2)), ("why", text("busy"))];
    assert_eq!(values, expected);
    assert!(events[1].name.starts_with("event "), "{}", events[1].name);
    assert!(events[0].unix_ns >= trace.spans[0].start_unix_ns);
    assert_eq!(trace.spans[0].status, StatusCode::Unset);
}

#[instrument(err)]
fn refuses() -> Result<(), &'static str> {
    Err("no such order")
}

#[test]
fn an_error_fails_its_span_alone() {
    let tracer = with(|_| {
        info_span!("request").in_scope(|| {
            let _ = refuses();
            warn!("answered from the cache");
        });
    });
    let trace = tracer.failed(1).remove(0);
    assert_eq!(span(&trace, "refuses").status, StatusCode::Error("no such order".into()));
    assert_eq!(span(&trace, "request").status, StatusCode::Unset);
    let event = &span(&trace, "refuses").events[0];
    assert_eq!(event.attributes[1].value, text("no such order"));
}

#[test]
fn whether_errors_fail_can_be_told_apart_from_which_events_are_kept() {
    let (tracer, quiet) = (keeping(), keeping());
    let fails_not = TracingLayer::new(&tracer).errors_fail(false).events(LevelFilter::WARN);
    let keeps_not = TracingLayer::new(&quiet).events(LevelFilter::OFF);
    for layer in [fails_not, keeps_not] {
        tracing::dispatcher::with_default(&subscriber(layer), || {
            let _work = info_span!("work").entered();
            info!("left out");
            error!("broken");
        });
    }
    let (loud, quiet) = (only(&tracer), only(&quiet));
    assert_eq!(loud.spans[0].status, StatusCode::Unset);
    assert_eq!(loud.spans[0].events.len(), 1);
    assert_eq!(quiet.spans[0].status, StatusCode::Error("broken".into()));
    assert_eq!(quiet.spans[0].events.len(), 0);
}

#[test]
fn errors_are_counted_when_nothing_is_recorded() {
    let options = TracerOptions { ratio: 0.0, tail: false, ..TracerOptions::default() };
    let (registry, tracer) = with_registry(options);
    let subscriber = subscriber(TracingLayer::new(&tracer));
    tracing::dispatcher::with_default(&subscriber, || {
        let work = info_span!("work", value = ?Hostile);
        work.record("value", tracing::field::debug(Hostile));
        let _work = work.entered();
        info!(value = ?Hostile, "left out");
        error!(value = ?Hostile, "broken");
        drop(info_span!("told", otel.status_code = "ERROR"));
    });
    assert!(tracer.recent(1).is_empty());
    assert_eq!(durations(&registry, "work"), 1);
    assert_eq!(counter(&registry, "span_errors_total", &[("span", "work")]), 1);
    assert_eq!(counter(&registry, "span_errors_total", &[("span", "told")]), 1);
}

#[test]
fn parents_may_be_told() {
    let tracer = with(|_| {
        let first = info_span!("first");
        let _inside = info_span!("second").entered();
        drop(info_span!(parent: &first, "child of first"));
        drop(info_span!(parent: None, "root"));
        info!(parent: &first, "seen");
        info!(parent: None, "nobody's");
    });
    let mut trees = trees(&tracer);
    trees.sort();
    assert_eq!(trees, ["first(child of first)", "root", "second"]);
    let traces = tracer.recent(10);
    let first = traces.iter().find(|trace| &*trace.spans[0].name == "first").unwrap();
    assert_eq!(&*first.spans[0].events[0].name, "seen");
    assert_eq!(traces.iter().flat_map(|t| &t.spans).flat_map(|s| &s.events).count(), 1);
}

#[test]
fn following_another_span_is_a_link() {
    let tracer = with(|_| {
        let (cause, effect) = (info_span!("cause"), info_span!("effect"));
        effect.follows_from(&cause);
        effect.follows_from(Span::none());
    });
    let traces = tracer.recent(2);
    let of = |name| traces.iter().find(|trace| &*trace.spans[0].name == name).unwrap();
    let (cause, effect) = (&of("cause").spans[0], &of("effect").spans[0]);
    assert_eq!(effect.links.len(), 1);
    assert_eq!(
        (effect.links[0].trace_id, effect.links[0].span_id),
        (cause.trace_id, cause.span_id)
    );
}

#[test]
fn spans_of_the_tracer_are_above_and_below() {
    let trace = only(&with(|tracer| {
        let _request = tracer.root("request");
        info!("in the request");
        let _handle = info_span!("handle").entered();
        {
            let _query = tracer.span("query");
            info!("in the query");
            drop(info_span!("row"));
        }
        info!("in the handler");
    }));
    assert_eq!(tree(&trace), "request(handle(query(row)))");
    for (name, event) in
        [("request", "in the request"), ("query", "in the query"), ("handle", "in the handler")]
    {
        let span = span(&trace, name);
        assert_eq!(span.events.len(), 1, "{name}");
        assert_eq!(&*span.events[0].name, event);
    }
}

#[test]
fn an_error_within_a_guard_is_not_the_span_outside() {
    let trace = only(&with(|tracer| {
        let _handle = info_span!("handle").entered();
        let _query = tracer.span("query");
        error!("refused");
    }));
    assert_eq!(span(&trace, "handle").status, StatusCode::Unset);
    assert_eq!(span(&trace, "query").events.len(), 1);
}

#[test]
fn futures_are_in_their_span_while_they_are_polled() {
    let tracer = with(|tracer| {
        let mut outer = pin!(
            async {
                info!("begun");
                yield_once().await;
                async { yield_once().await }.in_span(tracer.start("ours").begin()).await;
                async { yield_once().await }.instrument(info_span!("inner")).await;
                info!("done");
            }
            .instrument(info_span!("outer"))
        );
        let step = async { drop((yield_once().await, info_span!("step"))) };
        let mut other = pin!(step.instrument(info_span!("other")));
        let mut stepped = false;
        while poll_once(outer.as_mut()).is_pending() {
            assert_eq!(Context::current(), Context::default());
            stepped = stepped || poll_once(other.as_mut()).is_ready();
        }
    });
    let mut trees = trees(&tracer);
    trees.sort();
    assert_eq!(trees, ["other(step)", "outer(ours inner)"]);
}

#[test]
fn a_future_that_is_dropped_early_ends_its_span() {
    let tracer = with(|_| {
        let mut waits = Box::pin(async { yield_once().await }.instrument(info_span!("waits")));
        assert!(poll_once(waits.as_mut()).is_pending());
    });
    assert_eq!(trees(&tracer), ["waits"]);
}

#[test]
fn a_span_may_be_entered_by_several_threads_and_ends_on_the_last() {
    let tracer = keeping();
    let subscriber = subscriber(TracingLayer::new(&tracer));
    let work = tracing::dispatcher::with_default(&subscriber, || info_span!("work"));
    thread::scope(|scope| {
        for _ in 0..4 {
            let (work, subscriber) = (work.clone(), &subscriber);
            scope.spawn(move || {
                tracing::dispatcher::with_default(subscriber, || {
                    let _inside = work.enter();
                    info_span!("step").in_scope(|| info!("stepped"));
                    work.record("none", 1);
                });
                assert_eq!(Context::current(), Context::default());
            });
        }
    });
    assert_eq!(tracer.open_spans().len(), 1);
    thread::spawn(move || drop(work)).join().unwrap();
    assert!(tracer.open_spans().is_empty());
    assert_eq!(tree(&only(&tracer)), "work(step step step step)");
}

#[test]
fn spans_that_are_left_out_of_order_leave_the_thread_outside() {
    let tracer = with(|_| {
        let (first, second) = (info_span!("first"), info_span!("second"));
        let (in_first, in_second) = (first.enter(), second.enter());
        drop(in_first);
        drop(info_span!("in second"));
        drop(in_second);
        assert_eq!(Context::current(), Context::default());
        drop(info_span!("outside"));
        let again = (second.enter(), first.enter(), second.enter());
        drop(info_span!("in second too"));
        drop(again);
    });
    let mut trees = trees(&tracer);
    trees.sort();
    assert_eq!(trees, ["first", "outside", "second(in second in second too)"]);
}

#[test]
fn a_parent_whose_handle_goes_first_ends_after_its_child() {
    let tracer = with(|_| {
        let parent = info_span!("parent");
        let child = info_span!(parent: &parent, "child");
        drop(parent);
        drop(child);
    });
    let trace = only(&tracer);
    assert_eq!(tree(&trace), "parent(child)");
    let (parent, child) = (span(&trace, "parent"), span(&trace, "child"));
    let end = |span: &FinishedSpan| span.start_unix_ns + span.duration_ns;
    assert!(end(&parent) >= end(&child));
}

#[test]
fn filters_by_level_and_target_are_those_of_the_subscriber() {
    let tracer = keeping();
    let targets =
        Targets::new().with_target("app", Level::INFO).with_target("app::noise", Level::ERROR);
    let layer = TracingLayer::new(&tracer).with_filter(targets);
    let everything = tracing_subscriber::layer::Identity::new();
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(layer).with(everything));
    tracing::dispatcher::with_default(&subscriber, || {
        let _work = info_span!(target: "app", "work").entered();
        let _hidden = tracing::debug_span!(target: "app", "hidden").entered();
        let _noise = info_span!(target: "app::noise", "noise").entered();
        info!(target: "app", "seen");
        info!(target: "elsewhere", "unseen");
        error!(target: "app", "broken");
        drop(info_span!(target: "app", "below"));
    });
    let trace = only(&tracer);
    assert_eq!(tree(&trace), "work(below)");
    assert_eq!(span(&trace, "work").events.len(), 2);
    assert_eq!(span(&trace, "work").status, StatusCode::Error("broken".into()));
}

#[test]
fn what_another_layer_alone_sees_is_not_recorded() {
    let tracer = keeping();
    let spans_only = TracingLayer::new(&tracer).with_filter(filter_fn(|about| about.is_span()));
    let subscriber = Dispatch::new(tracing_subscriber::registry().with(spans_only));
    tracing::dispatcher::with_default(&subscriber, || {
        let _work = info_span!("work").entered();
        error!("unseen");
    });
    assert_eq!(only(&tracer).spans[0].events.len(), 0);
}

#[test]
fn what_this_project_says_is_left_out() {
    let tracer = with(|_| {
        let _work = info_span!("work").entered();
        let _ours = info_span!(target: "perf_monitor_http::client", "send", x = Empty).entered();
        Span::current().record("x", 1);
        error!(target: "perf_monitor", "not told");
        drop(info_span!(target: "perf_monitoring", "theirs"));
    });
    let trace = only(&tracer);
    assert_eq!(tree(&trace), "work(theirs)");
    assert_eq!(span(&trace, "work").events.len(), 0);
    assert_eq!(attributes(&span(&trace, "work")), []);
}

#[test]
fn below_an_untraced_span_nothing_is_recorded() {
    let tracer = with(|tracer| {
        let _export = tracer.start("export").untraced().guard();
        let _connect = info_span!("connect", value = ?Hostile).entered();
        info!(value = ?Hostile, "connected");
    });
    assert!(tracer.recent(1).is_empty());
}

#[test]
fn fields_for_opentelemetry_are_applied() {
    let trace = only(&with(|_| {
        let request = info_span!(
            "request",
            otel.name = "GET /orders",
            otel.kind = "Server",
            route = "/orders",
            otel.status_code = Empty,
            otel.status_message = Empty,
        );
        request.in_scope(|| drop(info_span!("send", otel.kind = ?SpanKind::Client)));
        request.record("otel.status_code", "OK");
        let failed = info_span!(parent: &request, "failed", otel.status_message = Empty);
        failed.record("otel.status_message", "gone");
    }));
    assert_eq!(tree(&trace), "GET /orders(send failed)");
    let request = span(&trace, "GET /orders");
    assert_eq!(request.kind, SpanKind::Server);
    assert_eq!(request.status, StatusCode::Ok);
    assert_eq!(attributes(&request), [("route", text("/orders"))]);
    assert_eq!(span(&trace, "send").kind, SpanKind::Client);
    assert_eq!(span(&trace, "failed").status, StatusCode::Error("gone".into()));
}

/// What must not be formatted, or panics.
struct Hostile;

impl fmt::Debug for Hostile {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("formatted")
    }
}

#[test]
fn a_panic_while_formatting_goes_on_and_leaves_no_cells_behind() {
    let tracer = keeping();
    let free = tracer.stats().free_payload_cells;
    let subscriber = subscriber(TracingLayer::new(&tracer));
    for _ in 0..100 {
        let panicked = tracing::dispatcher::with_default(&subscriber, || {
            catch_unwind(AssertUnwindSafe(|| {
                drop(info_span!("work", a = "before", b = ?Hostile, c = 1))
            }))
        });
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"formatted"));
    }
    let kept: usize = tracer.recent(1_000).iter().map(|trace| trace.spans.len()).sum();
    let stats = tracer.stats();
    assert_eq!(Context::current(), Context::default());
    assert_eq!(kept, 100);
    // One cell for each span, beside the few that the thread has in hand.
    assert!(free - stats.free_payload_cells < kept + 50, "{stats:?}");
}

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Makes spans with events while it is formatted.
struct Chatty;

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if DEPTH.replace(1) == 0 {
            info!(inner = ?"value", "while formatting");
            drop(info_span!("formatting", inner = ?1));
            DEPTH.set(0);
        }
        f.write_str("chatty")
    }
}

/// `tracing` leaves out what is said while an event or a new span is, but not during `record`. That
/// comes first here, as a callsite that is first reached while it leaves out may stay off.
#[test]
fn formatting_may_itself_use_spans() {
    let trace = only(&with(|_| {
        let work = info_span!("work", value = Empty).entered();
        work.record("value", tracing::field::debug(Chatty));
        info!(value = ?Chatty, "outer");
        drop(info_span!("below", value = ?Chatty));
    }));
    assert_eq!(tree(&trace), "work(formatting below)");
    let work = span(&trace, "work");
    let events: Vec<&str> = work.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["while formatting", "outer"]);
    assert_eq!(attributes(&work), [("value", text("chatty"))]);
    assert_eq!(attributes(&span(&trace, "below")), [("value", text("chatty"))]);
}

#[test]
fn a_panic_fails_the_spans_that_it_unwinds() {
    let tracer = with(|_| {
        let unwound = catch_unwind(|| {
            let _outer = info_span!("outer").entered();
            info_span!("inner").in_scope(|| panic!("broken"))
        });
        assert!(unwound.is_err());
    });
    let trace = only(&tracer);
    assert_eq!(tree(&trace), "outer(inner)");
    assert!(trace.spans.iter().all(|span| span.status.is_error()));
}

#[test]
fn of_a_second_layer_spans_are_left_out() {
    let (first, second) = (keeping(), keeping());
    let both = tracing_subscriber::registry()
        .with(TracingLayer::new(&first))
        .with(TracingLayer::new(&second));
    tracing::subscriber::with_default(both, || {
        let work = info_span!("work").entered();
        info!("seen");
        work.record("rows", 3);
        drop(first.span("below"));
    });
    assert_eq!(Context::current(), Context::default());
    let trace = only(&first);
    assert_eq!(tree(&trace), "work(below)");
    assert_eq!(span(&trace, "work").events.len(), 1);
    assert!(only(&second).spans[0].events.is_empty());
    assert!(first.open_spans().is_empty() && second.open_spans().is_empty());
}

#[test]
fn spans_that_outlive_their_subscriber_end_with_it() {
    let tracer = keeping();
    let span = {
        let subscriber = tracing_subscriber::registry().with(TracingLayer::new(&tracer));
        tracing::subscriber::with_default(subscriber, || info_span!("left"))
    };
    drop(span);
    assert!(tracer.open_spans().is_empty());
}

#[test]
fn names_made_while_the_program_runs_are_bounded() {
    let (_, tracer) = with_registry(TracerOptions { names: 8, ..all() });
    tracing::dispatcher::with_default(&subscriber(TracingLayer::new(&tracer)), || {
        (0..100).for_each(|n| drop(info_span!("work", otel.name = %format_args!("GET /{n}"))));
    });
    assert!(tracer.stats().names <= 9);
    assert!(tracer.stats().lost_names > 80);
}
