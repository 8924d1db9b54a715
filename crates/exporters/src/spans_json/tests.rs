//! The document of fixed spans, byte by byte.

use std::fs;
use std::path::Path;
use std::time::Duration;

use perf_monitor_http::{ChunkSource, Request};
use perf_monitor_tracing::{
    Attribute, Event, FinishedSpan, FinishedTrace, Link, OpenSpan, OwnedValue, SpanContext, SpanId,
    SpanKind, StatusCode, TraceFlags, TraceId,
};
use serde_json::{Value, json};

use super::encode::{self, Traces};
use super::query::{Query, State};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const START_NS: u64 = 1_700_000_000_250_000_000;

/// A name by somebody who means no good.
const HOSTILE: &str = "\"},{\"x\":\"\\\n\u{0}\u{1b}</script>\u{202e}ü🙂";

fn trace_id() -> TraceId {
    TRACE.parse().unwrap()
}

fn id(number: u64) -> SpanId {
    SpanId::new(number).unwrap()
}

fn span(number: u64, name: &str) -> FinishedSpan {
    FinishedSpan {
        trace_id: trace_id(),
        span_id: id(number),
        parent: (number > 1).then(|| id(number - 1)),
        parent_is_remote: false,
        name: name.into(),
        kind: SpanKind::Internal,
        start_unix_ns: START_NS + number,
        duration_ns: 12_500_000 / number,
        status: StatusCode::Unset,
        slow: false,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        trace_state: "".into(),
        dropped: 0,
    }
}

fn attributes<const N: usize>(values: [(&str, OwnedValue); N]) -> Vec<Attribute> {
    values.into_iter().map(|(key, value)| Attribute { key: key.into(), value }).collect()
}

fn trace(spans: Vec<FinishedSpan>) -> FinishedTrace {
    FinishedTrace {
        trace_id: trace_id(),
        spans,
        failed: false,
        slow: false,
        sampled: true,
        forced: false,
        exported: false,
    }
}

/// Traces with something of everything.
fn traces() -> Vec<FinishedTrace> {
    let server = FinishedSpan {
        parent: Some(id(0xdead_beef)),
        parent_is_remote: true,
        kind: SpanKind::Server,
        status: StatusCode::Ok,
        slow: true,
        trace_state: "vendor=a\"b".into(),
        attributes: attributes([
            ("route", OwnedValue::Str("/cart".into())),
            ("cached", OwnedValue::Bool(false)),
            ("rows", OwnedValue::I64(i64::MIN)),
            ("share", OwnedValue::F64(0.1)),
            ("none", OwnedValue::F64(f64::NAN)),
        ]),
        ..span(1, "GET /cart")
    };
    let query = FinishedSpan {
        kind: SpanKind::Client,
        status: StatusCode::Error("no \"connection\"".into()),
        events: vec![Event {
            name: "retry".into(),
            unix_ns: START_NS + 7,
            attributes: attributes([("attempt", OwnedValue::I64(2))]),
        }],
        links: vec![Link { trace_id: trace_id(), span_id: id(9) }],
        dropped: 255,
        ..span(2, "db.query")
    };
    let failed = FinishedTrace {
        failed: true,
        slow: true,
        forced: true,
        exported: true,
        ..trace(vec![server, query])
    };
    let hostile = FinishedSpan {
        status: StatusCode::Error("".into()),
        attributes: attributes([(HOSTILE, OwnedValue::Str(HOSTILE.into()))]),
        ..span(1, HOSTILE)
    };
    vec![failed, trace(vec![hostile])]
}

fn query(state: State, limit: usize) -> Query {
    Query { state, name: None, trace: None, limit }
}

/// The document, in as many chunks as it takes.
fn written(query: &Query, found: Vec<FinishedTrace>) -> Vec<String> {
    let mut traces = Traces::new(query, found);
    let mut chunks = Vec::new();
    loop {
        let mut chunk = Vec::new();
        let more = traces.next_chunk(&mut chunk);
        chunks.push(String::from_utf8(chunk).unwrap());
        if !more {
            return chunks;
        }
    }
}

#[track_caller]
fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{} is not what was written:\n{actual}", path.display());
    serde_json::from_str::<Value>(actual).unwrap();
}

#[test]
fn finished_traces_are_written_as_documented() {
    let mut found = traces();
    found.push(trace(vec![span(1, "one too many")]));
    check("spans.json", &written(&query(State::Recent, 2), found).concat());
}

#[test]
fn open_spans_are_written_as_documented() {
    let spans = [("checkout", SpanKind::Internal), (HOSTILE, SpanKind::Consumer)];
    let spans = spans.into_iter().enumerate().map(|(i, (name, kind))| OpenSpan {
        context: SpanContext::new(trace_id(), id(i as u64 + 2)).flags(TraceFlags::SAMPLED),
        parent: (i == 1).then(|| id(1)),
        name: name.into(),
        kind,
        age: Duration::from_micros(83_250),
    });
    let text = encode::open(&query(State::Open, 2), spans.collect());
    check("spans_open.json", &String::from_utf8(text).unwrap());
}

#[test]
fn an_answer_without_spans_is_a_document_too() {
    for (text, items) in [
        (written(&query(State::Slow, 5), Vec::new()).concat(), "traces"),
        (String::from_utf8(encode::open(&query(State::Open, 5), Vec::new())).unwrap(), "spans"),
    ] {
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&document[items], &document["more"]), (&json!([]), &json!(false)));
    }
}

#[test]
fn a_large_trace_is_written_in_chunks() {
    let found = vec![trace((1..=1_000).map(|number| span(number, "step")).collect())];
    let chunks = written(&query(State::Recent, 1), found);
    assert!(chunks.len() > 4 && chunks.iter().all(|chunk| chunk.len() < 40_000));
    let document: Value = serde_json::from_str(&chunks.concat()).unwrap();
    assert_eq!(document["traces"][0]["spans"].as_array().unwrap().len(), 1_000);
}

#[test]
fn what_cannot_be_asked_for_is_named_with_the_choices() {
    for (query, choices) in [
        ("state=closed", "state \"closed\": use open, recent, slow or failed"),
        ("state=", "state \"\": use open, recent, slow or failed"),
        ("limit=0", "limit \"0\": give a number from 1 to 200"),
        ("limit=201", "limit \"201\": give a number from 1 to 200"),
        ("limit=all", "limit \"all\": give a number from 1 to 200"),
        ("limit=-1", "limit \"-1\": give a number from 1 to 200"),
        ("trace=7", "trace \"7\": give 32 hexadecimal digits that are not all zero"),
        ("trace=%0a%1b", "trace \"\\n\\u{1b}\": give 32 hexadecimal digits that are not all zero"),
        ("trace=00000000000000000000000000000000", "not all zero"),
        ("name=%ff", "name: give UTF-8, with %25 for a percent sign"),
        ("limit=2&state=%zz", "state: give UTF-8, with %25 for a percent sign"),
    ] {
        let error = Query::of(&request(query)).unwrap_err();
        assert!(error.ends_with(choices), "{query}: {error}");
    }
    let all = request("trace=4BF92F3577B34DA6A3CE929D0E0E4736&limit=200&state=slow&name=a+b");
    let query = Query::of(&all).unwrap();
    assert_eq!((query.trace, query.limit, query.state), (Some(trace_id()), 200, State::Slow));
    assert_eq!(query.name.as_deref(), Some("a b"));
}

fn request(query: &str) -> Request {
    ::http::Request::get(format!("/api/spans?{query}")).body(Default::default()).unwrap()
}
