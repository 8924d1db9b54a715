//! How spans are written.

use std::vec::IntoIter;

use perf_monitor_http::{CHUNK_BYTES, ChunkSource};
use perf_monitor_tracing::{
    Attribute, Event, FinishedSpan, FinishedTrace, Link, OpenSpan, OwnedValue, SpanId, StatusCode,
};

use super::query::Query;
use crate::escape::{push_all, push_json};
use crate::number::{push_decimal, push_float, push_integer};

/// By how many places nanoseconds are moved to be milliseconds.
const NS_PER_MS_DIGITS: usize = 6;

/// A chunk of this size, in bytes, takes no further span, so that most chunks fit where the listener wants them.
const FULL_BYTES: usize = CHUNK_BYTES - 2 * 1024;

/// Finished traces, written while they are read: each is forgotten once it is written.
pub(super) struct Traces {
    /// Written already, but not taken yet.
    head: Vec<u8>,
    traces: IntoIter<FinishedTrace>,
    /// What is left of the trace that is being written.
    spans: IntoIter<FinishedSpan>,
    place: Place,
}

/// Where in the document the next byte goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeTraces,
    BeforeSpans,
    AfterSpan,
}

impl Traces {
    /// The answer to `query`, of whose limit `found` may have one too many.
    pub(super) fn new(query: &Query, mut found: Vec<FinishedTrace>) -> Traces {
        let mut head = Vec::new();
        push_head(&mut head, query, found.len(), "traces");
        found.truncate(query.limit);
        let spans = Vec::new().into_iter();
        Traces { head, traces: found.into_iter(), spans, place: Place::BeforeTraces }
    }

    /// Appends a span, or what stands around the spans of a trace; returns whether more remains.
    fn step(&mut self, out: &mut Vec<u8>) -> bool {
        if let Some(span) = self.spans.next() {
            out.extend_from_slice(if self.place == Place::AfterSpan { b",\n" } else { b"\n" });
            push_span(out, &span);
            self.place = Place::AfterSpan;
            return true;
        }
        if self.place != Place::BeforeTraces {
            out.extend_from_slice(b"]}");
        }
        let Some(trace) = self.traces.next() else {
            out.extend_from_slice(b"]}\n");
            return false;
        };
        out.extend_from_slice(if self.place == Place::BeforeTraces { b"\n" } else { b",\n" });
        push_trace(out, &trace);
        self.spans = trace.spans.into_iter();
        self.place = Place::BeforeSpans;
        true
    }
}

impl ChunkSource for Traces {
    fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
        out.append(&mut self.head);
        while out.len() < FULL_BYTES {
            if !self.step(out) {
                return false;
            }
        }
        true
    }
}

/// The answer of open spans, of whose limit `found` may have one too many.
pub(super) fn open(query: &Query, mut found: Vec<OpenSpan>) -> Vec<u8> {
    let mut out = Vec::new();
    push_head(&mut out, query, found.len(), "spans");
    found.truncate(query.limit);
    for (i, span) in found.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"\n" } else { b",\n" });
        push_open(&mut out, span);
    }
    out.extend_from_slice(b"]}\n");
    out
}

fn push_head(out: &mut Vec<u8>, query: &Query, found: usize, items: &str) {
    push_all(out, &["{\"state\":\"", query.state.as_str(), "\",\"limit\":"]);
    push_integer(out, query.limit as u64);
    push_flag(out, "more", found > query.limit);
    push_all(out, &[",\"", items, "\":["]);
}

fn push_open(out: &mut Vec<u8>, span: &OpenSpan) {
    let trace = span.context.trace_id.to_string();
    let id = span.context.span_id.to_string();
    push_all(out, &["{\"trace_id\":\"", &trace, "\",\"span_id\":\"", &id, "\""]);
    push_parent(out, span.parent);
    push_text(out, ",\"name\":", &span.name);
    push_all(out, &[",\"kind\":\"", span.kind.as_str(), "\""]);
    push_flag(out, "sampled", span.context.is_sampled());
    out.extend_from_slice(b",\"age_ms\":");
    push_decimal(out, span.age.as_nanos() as u64, NS_PER_MS_DIGITS);
    out.push(b'}');
}

fn push_trace(out: &mut Vec<u8>, trace: &FinishedTrace) {
    push_all(out, &["{\"trace_id\":\"", &trace.trace_id.to_string(), "\""]);
    push_flag(out, "failed", trace.failed);
    push_flag(out, "slow", trace.slow);
    push_flag(out, "sampled", trace.sampled);
    push_flag(out, "forced", trace.forced);
    push_flag(out, "exported", trace.exported);
    out.extend_from_slice(b",\"spans\":[");
}

fn push_span(out: &mut Vec<u8>, span: &FinishedSpan) {
    push_all(out, &["{\"span_id\":\"", &span.span_id.to_string(), "\""]);
    push_parent(out, span.parent);
    push_flag(out, "parent_is_remote", span.parent_is_remote);
    push_text(out, ",\"name\":", &span.name);
    push_all(out, &[",\"kind\":\"", span.kind.as_str(), "\",\"start_unix_ns\":"]);
    push_integer(out, span.start_unix_ns);
    out.extend_from_slice(b",\"duration_ms\":");
    push_decimal(out, span.duration_ns, NS_PER_MS_DIGITS);
    push_status(out, &span.status);
    push_flag(out, "slow", span.slow);
    push_attributes(out, &span.attributes);
    push_list(out, ",\"events\":[", &span.events, push_event);
    push_list(out, ",\"links\":[", &span.links, push_link);
    push_text(out, ",\"trace_state\":", &span.trace_state);
    out.extend_from_slice(b",\"dropped\":");
    push_integer(out, span.dropped.into());
    out.push(b'}');
}

fn push_status(out: &mut Vec<u8>, status: &StatusCode) {
    match status {
        StatusCode::Unset => out.extend_from_slice(b",\"status\":\"unset\""),
        StatusCode::Ok => out.extend_from_slice(b",\"status\":\"ok\""),
        StatusCode::Error(message) => {
            out.extend_from_slice(b",\"status\":\"error\"");
            push_text(out, ",\"message\":", message);
        }
    }
}

fn push_attributes(out: &mut Vec<u8>, attributes: &[Attribute]) {
    push_list(out, ",\"attributes\":[", attributes, |out, Attribute { key, value }| {
        push_text(out, "{\"key\":", key);
        push_value(out, value);
        out.push(b'}');
    });
}

fn push_value(out: &mut Vec<u8>, value: &OwnedValue) {
    match value {
        OwnedValue::Bool(value) => {
            push_all(
                out,
                &[",\"type\":\"bool\",\"value\":", if *value { "true" } else { "false" }],
            );
        }
        OwnedValue::I64(value) => {
            let sign = if *value < 0 { "-" } else { "" };
            push_all(out, &[",\"type\":\"int\",\"value\":", sign]);
            push_integer(out, value.unsigned_abs());
        }
        OwnedValue::F64(value) => {
            out.extend_from_slice(b",\"type\":\"float\",\"value\":");
            match value.is_finite() {
                true => push_float(out, *value),
                false => out.extend_from_slice(b"null"),
            }
        }
        OwnedValue::Str(value) => push_text(out, ",\"type\":\"string\",\"value\":", value),
    }
}

fn push_event(out: &mut Vec<u8>, event: &Event) {
    push_text(out, "{\"name\":", &event.name);
    out.extend_from_slice(b",\"unix_ns\":");
    push_integer(out, event.unix_ns);
    push_attributes(out, &event.attributes);
    out.push(b'}');
}

fn push_link(out: &mut Vec<u8>, link: &Link) {
    let (trace, span) = (link.trace_id.to_string(), link.span_id.to_string());
    push_all(out, &["{\"trace_id\":\"", &trace, "\",\"span_id\":\"", &span, "\"}"]);
}

fn push_parent(out: &mut Vec<u8>, parent: Option<SpanId>) {
    match parent {
        Some(id) => push_all(out, &[",\"parent_id\":\"", &id.to_string(), "\""]),
        None => out.extend_from_slice(b",\"parent_id\":null"),
    }
}

fn push_list<T>(out: &mut Vec<u8>, head: &str, items: &[T], push: fn(&mut Vec<u8>, &T)) {
    out.extend_from_slice(head.as_bytes());
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

fn push_text(out: &mut Vec<u8>, head: &str, text: &str) {
    out.extend_from_slice(head.as_bytes());
    push_json(out, text);
}

fn push_flag(out: &mut Vec<u8>, name: &str, on: bool) {
    push_all(out, &[",\"", name, "\":", if on { "true" } else { "false" }]);
}
