//! Spans as they arrive, read by another implementation.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Code;
use perf_monitor_exporters::OtlpExporter;
use perf_monitor_tracing::{
    DistributedTracer, FinishedTrace, OwnedValue, SpanContext, SpanId, SpanKind, StatusCode,
    TraceFlags, TraceId, TraceState, TracerOptions,
};

use crate::receiver::{Receiver, Running, metric, traced};

/// A trace of several levels with everything that a span can have.
pub(crate) fn make_a_trace(tracer: &DistributedTracer) {
    let remote = SpanContext::new(TraceId::new(0xabcd << 64 | 5).unwrap(), SpanId::new(7).unwrap());
    let state = TraceState::new("vendor=1,other=2").unwrap();
    let remote = remote.flags(TraceFlags::SAMPLED).remote().state(state);
    let mut server = tracer.start("GET /orders").kind(SpanKind::Server).parent(remote).guard();
    server.attribute("http.request.method", "GET");
    server.attribute("empty", "");
    server.attribute("rows", -3_i64);
    server.attribute("none", 0_i64);
    server.attribute("share", 0.25);
    server.attribute("nothing", 0.0);
    server.attribute("cached", true);
    server.attribute("stale", false);
    server.dynamic_attribute("umlaut \u{fc} \u{1f980}", "\u{e9}\n\"");
    server.event("retry", &[("attempt", 2_i64.into()), ("why", "timeout".into())]);
    server.event("done", &[]);
    let cause = tracer.root("cause");
    server.link(&cause.context());
    drop(cause);
    {
        let mut query = tracer.span("query");
        query.set_kind(SpanKind::Client);
        query.fail("connection refused");
        drop(tracer.span("parse"));
    }
    server.succeed();
}

fn key_values(list: &[KeyValue]) -> HashMap<&str, &Value> {
    let value = |one: &AnyValue| one.value.is_some();
    assert!(list.iter().all(|one| one.value.as_ref().is_some_and(value)));
    list.iter()
        .map(|one| (&*one.key, one.value.as_ref().unwrap().value.as_ref().unwrap()))
        .collect()
}

fn theirs(value: &OwnedValue) -> Value {
    match value {
        OwnedValue::Bool(value) => Value::BoolValue(*value),
        OwnedValue::I64(value) => Value::IntValue(*value),
        OwnedValue::F64(value) => Value::DoubleValue(*value),
        OwnedValue::Str(value) => Value::StringValue(value.to_string()),
    }
}

/// Whether what arrived is what the tracer had.
fn assert_same(ours: &[FinishedTrace], arrived: &[Span]) {
    let ours: Vec<_> =
        ours.iter().flat_map(|trace| trace.spans.iter().map(move |span| (trace, span))).collect();
    assert_eq!(ours.len(), arrived.len());
    for (trace, span) in ours {
        let id = span.span_id.to_bytes();
        let found = arrived.iter().find(|one| one.span_id == id).expect("a span is missing");
        assert_eq!(found.trace_id, span.trace_id.to_bytes());
        let parent = span.parent.map(|id| id.to_bytes().to_vec()).unwrap_or_default();
        assert_eq!(found.parent_span_id, parent);
        assert_eq!((&*found.name, &*found.trace_state), (&*span.name, &*span.trace_state));
        assert_eq!(found.end_time_unix_nano - found.start_time_unix_nano, span.duration_ns);
        assert!(found.start_time_unix_nano.abs_diff(span.start_unix_ns) < 1_000_000_000);
        let kind = match span.kind {
            SpanKind::Internal => Kind::Internal,
            SpanKind::Server => Kind::Server,
            SpanKind::Client => Kind::Client,
            SpanKind::Producer => Kind::Producer,
            SpanKind::Consumer => Kind::Consumer,
        };
        assert_eq!(found.kind(), kind);
        let attributes = key_values(&found.attributes);
        assert_eq!(attributes.len(), span.attributes.len());
        for attribute in &span.attributes {
            assert_eq!(attributes[&*attribute.key], &theirs(&attribute.value));
        }
        let names: Vec<_> = found.events.iter().map(|event| &*event.name).collect();
        assert_eq!(names, span.events.iter().map(|event| &*event.name).collect::<Vec<_>>());
        for (theirs_of, event) in found.events.iter().zip(&span.events) {
            let attributes = key_values(&theirs_of.attributes);
            assert_eq!(attributes.len(), event.attributes.len());
            for attribute in &event.attributes {
                assert_eq!(attributes[&*attribute.key], &theirs(&attribute.value));
            }
            let within = found.start_time_unix_nano..=found.end_time_unix_nano;
            assert!(within.contains(&theirs_of.time_unix_nano), "an event is within its span");
        }
        let links: Vec<_> =
            found.links.iter().map(|link| (&link.trace_id, &link.span_id)).collect();
        let wanted = span.links.iter().map(|l| (l.trace_id.to_bytes(), l.span_id.to_bytes()));
        let wanted: Vec<_> = wanted.collect();
        assert_eq!(links.len(), wanted.len());
        for ((trace, id), (wanted_trace, wanted_id)) in links.iter().zip(&wanted) {
            assert_eq!((&trace[..], &id[..]), (&wanted_trace[..], &wanted_id[..]));
        }
        let status = found.status.clone().unwrap_or_default();
        let (code, message) = match &span.status {
            StatusCode::Unset => (Code::Unset, ""),
            StatusCode::Ok => (Code::Ok, ""),
            StatusCode::Error(message) => (Code::Error, &**message),
        };
        assert_eq!((status.code(), &*status.message), (code, message));
        let remote = if span.parent_is_remote { 0x300 } else { 0x100 };
        assert_eq!(found.flags, remote | u32::from(trace.sampled));
    }
}

#[tokio::test]
async fn a_trace_arrives_as_it_was_recorded() {
    let receiver = Receiver::start(Vec::new()).await;
    let (registry, tracer) = traced();
    make_a_trace(&tracer);
    let recorded = tracer.recent(9);
    assert!(recorded.iter().any(|trace| trace.spans.len() == 3), "{recorded:?}");
    let exporter = OtlpExporter::new(&registry, Some(&tracer), receiver.options()).unwrap();
    let running = Running::start(exporter);
    receiver.until(|got| got.iter().map(|one| one.spans().len()).sum::<usize>() >= 4).await;
    running.stop().await;
    assert_same(&recorded, &receiver.spans());
    assert_eq!(metric(&registry, "perf_monitor_otlp_spans_sent_total"), 4.0);
    assert_eq!(tracer.waiting_spans(), 0);
    assert!(tracer.recent(9).iter().all(|trace| trace.exported));
}

#[tokio::test]
async fn a_request_says_who_sends() {
    let receiver = Receiver::start(Vec::new()).await;
    let (registry, tracer) = traced();
    drop(tracer.root("job"));
    let options = receiver.options().version("1.4.2").host("web-1").attribute("team", "a");
    let options = options.header("Api-Key", "k").unwrap();
    let running = Running::start(OtlpExporter::new(&registry, Some(&tracer), options).unwrap());
    let got = receiver.until_requests(1).await.remove(0);
    running.stop().await;
    assert!(got.head.contains("content-type: application/x-protobuf\r\n"), "{}", got.head);
    assert!(got.head.contains("api-key: k\r\n"), "{}", got.head);
    assert!(got.head.contains("user-agent: perf-monitor/"), "{}", got.head);
    let request = got.traces();
    let resource = request.resource_spans[0].resource.clone().unwrap();
    let attributes = key_values(&resource.attributes);
    let text = |text: &str| Value::StringValue(text.to_owned());
    assert_eq!(attributes["service.name"], &text("checkout"));
    assert_eq!(attributes["service.version"], &text("1.4.2"));
    assert_eq!(attributes["host.name"], &text("web-1"));
    assert_eq!(attributes["team"], &text("a"));
    assert_eq!(attributes["telemetry.sdk.name"], &text("perf-monitor"));
    assert_eq!(attributes["process.pid"], &Value::IntValue(std::process::id().into()));
    let scope = request.resource_spans[0].scope_spans[0].scope.clone().unwrap();
    assert_eq!((&*scope.name, &*scope.version), ("perf-monitor", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn compressed_requests_say_so() {
    let receiver = Receiver::start(Vec::new()).await;
    let (registry, tracer) = traced();
    (0..50).for_each(|_| make_a_trace(&tracer));
    let options = receiver.options().gzip(true);
    let running = Running::start(OtlpExporter::new(&registry, Some(&tracer), options).unwrap());
    let got = receiver.until_requests(1).await.remove(0);
    running.stop().await;
    assert!(got.head.contains("content-encoding: gzip\r\n"), "{}", got.head);
    assert_eq!(receiver.spans().len(), 200);
}

#[tokio::test]
async fn spans_and_bytes_of_a_request_are_bounded_and_traces_stay_whole() {
    let receiver = Receiver::start(Vec::new()).await;
    let (registry, tracer) = traced();
    (0..60).for_each(|_| make_a_trace(&tracer));
    let big = tracer.root("big");
    (0..20).for_each(|_| drop(tracer.span("child")));
    drop(big);
    let options = receiver.options().spans_per_request(10).request_bytes(3_000);
    let running = Running::start(OtlpExporter::new(&registry, Some(&tracer), options).unwrap());
    receiver.until(|got| got.iter().map(|one| one.spans().len()).sum::<usize>() >= 261).await;
    running.stop().await;
    for got in receiver.got() {
        let spans = got.spans();
        let big = spans.iter().any(|span| span.name == "big");
        assert!(if big { spans.len() == 21 } else { spans.len() <= 10 }, "{}", spans.len());
        assert!(big || got.body.len() <= 3_000, "{}", got.body.len());
    }
    let connections = receiver.got().iter().map(|got| got.connection).max();
    assert_eq!(connections, Some(0), "all went over one connection");
}

#[tokio::test]
async fn the_root_of_a_trace_that_was_not_sampled_says_why_it_is_there() {
    let receiver = Receiver::start(Vec::new()).await;
    let registry = perf_monitor_core::Registry::new();
    let options = TracerOptions { ratio: 0.0, ..TracerOptions::default() };
    let tracer = DistributedTracer::new(&registry, options).unwrap();
    {
        let _root = tracer.root("job");
        tracer.span("step").fail("no");
    }
    let running =
        Running::start(OtlpExporter::new(&registry, Some(&tracer), receiver.options()).unwrap());
    receiver.until(|got| got.iter().map(|one| one.spans().len()).sum::<usize>() >= 2).await;
    running.stop().await;
    for span in receiver.spans() {
        let failed = Value::StringValue("failed".to_owned());
        let reason = (span.name == "job").then_some(failed);
        assert_eq!(key_values(&span.attributes).get("sampling.reason"), reason.as_ref().as_ref());
        assert_eq!(span.flags, 0x100, "{} was not sampled", span.name);
    }
}

#[tokio::test]
async fn its_own_requests_are_in_no_trace() {
    let receiver = Receiver::start(Vec::new()).await;
    let (registry, tracer) = traced();
    let outer = tracer.root("outer");
    let exporter = OtlpExporter::new(&registry, Some(&tracer), receiver.options()).unwrap();
    let probe = tracer.clone();
    // What runs within the exporter is where its requests are.
    let closed = async move { drop(probe.span("inside")) };
    exporter.run(closed).await;
    drop(outer);
    let names: Vec<_> =
        tracer.recent(9).iter().flat_map(|t| t.spans.clone()).map(|s| s.name).collect();
    assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["outer"]);
}
