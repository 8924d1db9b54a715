//! Finished spans as OTLP has them.
//!
//! Written by hand rather than through `opentelemetry-proto`: its types own every key, name and id, so that a span of
//! three attributes would be a dozen allocations. The tests read it with theirs.

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use perf_monitor_tracing::{
    Attribute, Event, FinishedSpan, FinishedTrace, Link, OwnedValue, SpanKind, StatusCode,
};
use prost::Message;

use super::resource::ResourceAttributes;
use crate::wire::{Wire, varint_len};

/// Spans on their way into one request.
#[derive(Debug)]
pub(crate) struct SpanEncoder {
    /// The resource of `ResourceSpans` and the scope of `ScopeSpans`, encoded.
    resource: Vec<u8>,
    scope: Vec<u8>,
    /// Room for the head of the request, whose length depends on that of the spans, then the spans.
    wire: Wire,
    spans: usize,
    /// Bytes of the request before: the next is likely to have as many.
    before: usize,
}

/// The flags of a span beyond those of W3C: it is known whether its parent is in another process, and that it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
const SAMPLED: u32 = 1;

/// On the local root of a trace that was not sampled, but kept for how it came out: other processes may have dropped
/// their parts of it.
const REASON: &str = "sampling.reason";

impl SpanEncoder {
    pub(crate) fn new(resource: &ResourceAttributes) -> SpanEncoder {
        let mut head = Wire::default();
        head.bytes_of(1, &resource.message().encode_to_vec());
        let scope = InstrumentationScope {
            name: "perf-monitor".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        let mut scope_head = Wire::default();
        scope_head.bytes_of(1, &scope.encode_to_vec());
        SpanEncoder {
            resource: head.into_bytes(),
            scope: scope_head.into_bytes(),
            wire: Wire::default(),
            spans: 0,
            before: 0,
        }
    }

    /// How many spans there are.
    pub(crate) fn spans(&self) -> usize {
        self.spans
    }

    /// Bytes of the request as it is, within a few.
    pub(crate) fn len(&self) -> usize {
        self.wire.len().max(self.head_room())
    }

    /// The most that the head of a request takes.
    fn head_room(&self) -> usize {
        let begin = 1 + varint_len(u64::MAX);
        self.resource.len() + self.scope.len() + 2 * begin
    }

    /// Adds the spans of a trace.
    pub(crate) fn add(&mut self, trace: &FinishedTrace) {
        if self.spans == 0 {
            self.wire = Wire::with_capacity((self.before + self.before / 8).max(1024));
            self.wire.append(&vec![0; self.head_room()]);
        }
        let reason = reason(trace);
        for (place, span) in trace.spans.iter().enumerate() {
            let reason = reason.filter(|_| place == 0);
            self.wire.message(2, |wire| write_span(wire, span, trace.sampled, reason));
        }
        self.spans += trace.spans.len();
    }

    /// How far it has come, for [`back_to`](Self::back_to).
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.wire.len(), self.spans)
    }

    /// Forgets what was added since then.
    pub(crate) fn back_to(&mut self, (len, spans): (usize, usize)) {
        self.wire.truncate(len);
        self.spans = spans;
    }

    /// The request with all that was added, which is forgotten then.
    pub(crate) fn finish(&mut self) -> Bytes {
        let head_room = self.head_room();
        let mut request = std::mem::take(&mut self.wire).into_bytes();
        let head = self.head(request.len() - head_room);
        let begin = head_room - head.len();
        request[begin..head_room].copy_from_slice(head.bytes());
        self.before = request.len();
        self.spans = 0;
        Bytes::from(request).slice(begin..)
    }

    /// What comes before so many bytes of spans.
    fn head(&self, spans: usize) -> Wire {
        let of_scope = self.scope.len() + spans;
        let of_resource = self.resource.len() + 1 + varint_len(of_scope as u64) + of_scope;
        let mut head = Wire::with_capacity(self.head_room());
        head.begin(1, of_resource);
        head.append(&self.resource);
        head.begin(2, of_scope);
        head.append(&self.scope);
        head
    }

    /// Forgets what was added.
    pub(crate) fn clear(&mut self) {
        self.wire = Wire::default();
        self.spans = 0;
    }
}

/// Why a trace is there that was not sampled.
fn reason(trace: &FinishedTrace) -> Option<&'static str> {
    match trace {
        FinishedTrace { sampled: true, .. } => None,
        FinishedTrace { failed: true, .. } => Some("failed"),
        FinishedTrace { forced: true, .. } => Some("forced"),
        _ => Some("slow"),
    }
}

fn write_span(wire: &mut Wire, span: &FinishedSpan, sampled: bool, reason: Option<&str>) {
    wire.bytes_of(1, &span.trace_id.to_bytes());
    wire.bytes_of(2, &span.span_id.to_bytes());
    wire.text(3, &span.trace_state);
    if let Some(parent) = span.parent {
        wire.bytes_of(4, &parent.to_bytes());
    }
    wire.text(5, &span.name);
    wire.varint(6, kind(span.kind));
    wire.fixed64(7, span.start_unix_ns);
    wire.fixed64(8, span.start_unix_ns.saturating_add(span.duration_ns));
    span.attributes.iter().for_each(|attribute| write_attribute(wire, 9, attribute));
    if let Some(reason) = reason {
        wire.message(9, |wire| {
            wire.text(1, REASON);
            wire.message(2, |wire| wire.bytes_of(1, reason.as_bytes()));
        });
    }
    // the tracer counts attributes, events and links as one
    if span.dropped > 0 {
        wire.varint(10, span.dropped.into());
    }
    span.events.iter().for_each(|event| write_event(wire, event));
    span.links.iter().for_each(|link| write_link(wire, link));
    write_status(wire, &span.status);
    wire.fixed32(16, flags(span, sampled));
}

fn kind(kind: SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn flags(span: &FinishedSpan, sampled: bool) -> u32 {
    let sampled = if sampled { SAMPLED } else { 0 };
    let remote = if span.parent_is_remote { IS_REMOTE } else { 0 };
    sampled | HAS_IS_REMOTE | remote
}

#[inline]
fn write_attribute(wire: &mut Wire, field: u32, attribute: &Attribute) {
    wire.message(field, |wire| {
        wire.text(1, &attribute.key);
        wire.message(2, |wire| write_value(wire, &attribute.value));
    });
}

/// A value is there even when it is empty, 0 or false.
fn write_value(wire: &mut Wire, value: &OwnedValue) {
    match value {
        OwnedValue::Str(value) => wire.bytes_of(1, value.as_bytes()),
        OwnedValue::Bool(value) => wire.varint(2, u64::from(*value)),
        OwnedValue::I64(value) => wire.varint(3, *value as u64),
        OwnedValue::F64(value) => wire.fixed64(4, value.to_bits()),
    }
}

fn write_event(wire: &mut Wire, event: &Event) {
    wire.message(11, |wire| {
        wire.fixed64(1, event.unix_ns);
        wire.text(2, &event.name);
        event.attributes.iter().for_each(|attribute| write_attribute(wire, 3, attribute));
    });
}

fn write_link(wire: &mut Wire, link: &Link) {
    wire.message(13, |wire| {
        wire.bytes_of(1, &link.trace_id.to_bytes());
        wire.bytes_of(2, &link.span_id.to_bytes());
    });
}

fn write_status(wire: &mut Wire, status: &StatusCode) {
    match status {
        StatusCode::Unset => {}
        StatusCode::Ok => wire.message(15, |wire| wire.varint(3, 1)),
        StatusCode::Error(message) => wire.message(15, |wire| {
            wire.text(2, message);
            wire.varint(3, 2);
        }),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use perf_monitor_tracing::{SpanId, TraceId};
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = OwnedValue> {
        prop_oneof![
            any::<bool>().prop_map(OwnedValue::Bool),
            any::<i64>().prop_map(OwnedValue::I64),
            prop::num::f64::ANY.prop_map(OwnedValue::F64),
            any::<String>().prop_map(|text| OwnedValue::Str(text.into())),
            "x{120,300}".prop_map(|text| OwnedValue::Str(text.into())),
        ]
    }

    fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
        let one = (any::<String>(), values());
        let one = one.prop_map(|(key, value)| Attribute { key: key.into(), value });
        prop::collection::vec(one, 0..5)
    }

    fn spans() -> impl Strategy<Value = FinishedSpan> {
        let ids = (1..=u128::MAX, 1..=u64::MAX, any::<u64>());
        let events = prop::collection::vec((any::<String>(), any::<u64>(), attributes()), 0..3);
        let rest = (any::<String>(), any::<u64>(), any::<u64>(), any::<String>());
        (ids, rest, attributes(), events, any::<u8>()).prop_map(
            |(ids, (name, start_unix_ns, duration_ns, text), attributes, events, dropped)| {
                let event = |(name, unix_ns, attributes): (String, _, _)| Event {
                    name: name.into(),
                    unix_ns,
                    attributes,
                };
                let trace_id = TraceId::new(ids.0).unwrap();
                let span_id = SpanId::new(ids.1).unwrap();
                FinishedSpan {
                    trace_id,
                    span_id,
                    parent: SpanId::new(ids.2),
                    parent_is_remote: ids.2 % 2 == 0,
                    name: name.into(),
                    kind: SpanKind::Consumer,
                    start_unix_ns,
                    duration_ns,
                    status: StatusCode::Error(text.clone().into()),
                    slow: false,
                    attributes,
                    events: events.into_iter().map(event).collect(),
                    links: vec![Link { trace_id, span_id }],
                    trace_state: text.into(),
                    dropped,
                }
            },
        )
    }

    fn trace(spans: Vec<FinishedSpan>) -> FinishedTrace {
        FinishedTrace {
            trace_id: spans[0].trace_id,
            spans,
            failed: true,
            slow: false,
            sampled: true,
            forced: false,
            exported: false,
        }
    }

    fn decoded(request: &[u8]) -> Vec<Span> {
        let mut request = ExportTraceServiceRequest::decode(request).unwrap();
        assert_eq!(request.resource_spans.len(), 1);
        let mut resource = request.resource_spans.remove(0);
        assert_eq!(resource.scope_spans.len(), 1);
        assert!(resource.resource.is_some());
        resource.scope_spans.remove(0).spans
    }

    /// As bits, for what is not a number.
    fn same(theirs: Option<Value>, ours: &OwnedValue) -> bool {
        match (theirs.unwrap(), ours) {
            (Value::BoolValue(theirs), OwnedValue::Bool(ours)) => theirs == *ours,
            (Value::IntValue(theirs), OwnedValue::I64(ours)) => theirs == *ours,
            (Value::DoubleValue(theirs), OwnedValue::F64(ours)) => {
                theirs.to_bits() == ours.to_bits()
            }
            (Value::StringValue(theirs), OwnedValue::Str(ours)) => *theirs == **ours,
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn another_implementation_reads_what_was_written(
            first in prop::collection::vec(spans(), 1..4),
            left_out in prop::collection::vec(spans(), 1..4),
        ) {
            let mut encoder = SpanEncoder::new(&ResourceAttributes::of_this_process());
            for _ in 0..2 {
                encoder.add(&trace(first.clone()));
                let mark = encoder.mark();
                encoder.add(&trace(left_out.clone()));
                encoder.back_to(mark);
                prop_assert_eq!(encoder.spans(), first.len());
                let room = encoder.len();
                let request = encoder.finish();
                prop_assert!(request.len() <= room);
                let found = decoded(&request);
                prop_assert_eq!(found.len(), first.len());
                for (found, span) in found.iter().zip(&first) {
                    let end_ns = span.start_unix_ns.saturating_add(span.duration_ns);
                    prop_assert_eq!(&found.span_id[..], &span.span_id.to_bytes()[..]);
                    prop_assert_eq!(found.start_time_unix_nano, span.start_unix_ns);
                    prop_assert_eq!(found.end_time_unix_nano, end_ns);
                    prop_assert_eq!(&*found.trace_state, &*span.trace_state);
                    prop_assert_eq!(found.dropped_attributes_count, u32::from(span.dropped));
                    prop_assert_eq!(found.events.len(), span.events.len());
                    prop_assert_eq!(found.attributes.len(), span.attributes.len());
                    for (found, ours) in found.attributes.iter().zip(&span.attributes) {
                        prop_assert_eq!(&*found.key, &*ours.key);
                        prop_assert!(same(found.value.clone().unwrap().value, &ours.value));
                    }
                }
            }
        }
    }
}
