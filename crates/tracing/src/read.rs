//! Spans as readers see them: open ones, finished ones, by how they came out.

use std::sync::Arc;
use std::time::Duration;

use perf_monitor_core::Instant;

use crate::context::{SpanContext, TraceFlags};
use crate::engine::Core;
use crate::finished::Kept;
use crate::group;
use crate::id::{SpanId, TraceId};
use crate::order::Entry;
use crate::payload::{self, Content, Record, Tag};
use crate::slot::{self, Seen};
use crate::slowest::chain;
use crate::tracer::DistributedTracer;
use crate::value::{OwnedValue, SpanKind, StatusCode};

/// A span that has not ended yet.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenSpan {
    /// Its identity.
    pub context: SpanContext,
    /// The span above it.
    pub parent: Option<SpanId>,
    /// Its name.
    pub name: Arc<str>,
    /// What its work has to do with other services.
    pub kind: SpanKind,
    /// For how long it has been open.
    pub age: Duration,
}

/// The spans of one trace that ended within this process, below one local root.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedTrace {
    /// The trace.
    pub trace_id: TraceId,
    /// Its spans in the order in which they began.
    pub spans: Vec<FinishedSpan>,
    /// Whether any of them failed.
    pub failed: bool,
    /// Whether any of them took longer than nearly all of its name.
    pub slow: bool,
    /// Whether it was sampled as it began; if not, it is kept for how it came out.
    pub sampled: bool,
    /// Whether somebody asked for it to be kept.
    pub forced: bool,
    /// Whether an exporter has sent it.
    pub exported: bool,
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedSpan {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The span above it.
    pub parent: Option<SpanId>,
    /// Whether that is in another process.
    pub parent_is_remote: bool,
    /// Its name.
    pub name: Arc<str>,
    /// What its work has to do with other services.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// How it came out.
    pub status: StatusCode,
    /// Whether it took longer than nearly all of its name.
    pub slow: bool,
    /// What was kept with it, in the order in which it came.
    pub attributes: Vec<Attribute>,
    /// What happened meanwhile.
    pub events: Vec<Event>,
    /// Other spans that it refers to.
    pub links: Vec<Link>,
    /// The trace state that came with a remote parent; empty otherwise.
    pub trace_state: Box<str>,
    /// Attributes, events and links that found no room; 255 stands for that many or more.
    pub dropped: u8,
}

/// A value under a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The key.
    pub key: Arc<str>,
    /// The value.
    pub value: OwnedValue,
}

/// Something that happened within a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What.
    pub name: Arc<str>,
    /// When, in nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// What was kept with it.
    pub attributes: Vec<Attribute>,
}

/// A reference to another span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
}

impl FinishedTrace {
    /// The span that has no parent among these: the first of them to begin.
    pub fn root(&self) -> Option<&FinishedSpan> {
        self.spans.first()
    }
}

/// Reading copies one trace at a time, and nobody who records waits for it.
impl DistributedTracer {
    /// The spans that have not ended, the oldest first.
    ///
    /// # Cost
    /// A look at each slot, which stops nobody.
    pub fn open_spans(&self) -> Vec<OpenSpan> {
        let core = &*self.core;
        let now_ns = core.ns(Instant::now());
        let seen = core.slots.iter().filter_map(|slot| slot.read());
        let mut open: Vec<_> = seen.filter(|seen| !seen.log.has(slot::ENDED)).collect();
        open.sort_unstable_by_key(|seen| seen.start_ns);
        open.iter().filter_map(|seen| open_span(core, seen, now_ns)).collect()
    }

    /// The last `most` traces that were kept, the newest first.
    pub fn recent(&self, most: usize) -> Vec<FinishedTrace> {
        self.newest(most, |_| true)
    }

    /// Those with something that failed, the newest first.
    pub fn failed(&self, most: usize) -> Vec<FinishedTrace> {
        self.newest(most, |entry| u64::from(entry.flags) & group::FAILED != 0)
    }

    /// Those with the spans that took longest of their names, or longer than nearly all of them, the
    /// longest first.
    pub fn slow(&self, most: usize) -> Vec<FinishedTrace> {
        let slow = |entry: &Entry| u64::from(entry.flags) & group::SLOW != 0 || entry.slowest > 0;
        let mut found = self.newest(usize::MAX, slow);
        let longest = |trace: &FinishedTrace| trace.root().map_or(0, |root| root.duration_ns);
        found.sort_by_key(|trace| std::cmp::Reverse(longest(trace)));
        found.truncate(most);
        found
    }

    /// What is kept of one trace: one part for each local root, the oldest first.
    pub fn trace(&self, id: TraceId) -> Vec<FinishedTrace> {
        let core = &*self.core;
        let found = self.find(|first, _| core.slot(first).trace() == id.get());
        self.copy(found.into_iter())
    }

    fn newest(&self, most: usize, which: impl Fn(&Entry) -> bool) -> Vec<FinishedTrace> {
        let found = self.find(|_, entry| which(entry));
        self.copy(found.into_iter().rev().take(most))
    }

    /// The first slots of traces with their numbers, the oldest first.
    pub(crate) fn find(&self, which: impl Fn(u16, &Entry) -> bool) -> Vec<(u16, u32)> {
        let kept = self.core.finished.lock(&self.core);
        let found = kept.lists.iter().filter(|(first, entry)| which(*first, entry));
        let mut found: Vec<_> = found.map(|(first, entry)| (first, entry.sequence)).collect();
        drop(kept);
        found.sort_unstable_by_key(|(_, sequence)| *sequence);
        found
    }

    fn copy(&self, found: impl Iterator<Item = (u16, u32)>) -> Vec<FinishedTrace> {
        let core = &*self.core;
        let wall_ns = core.wall_ns();
        let copied = found.filter_map(|(first, sequence)| {
            let kept = core.finished.lock(core);
            finished_trace(core, &kept, first, sequence, wall_ns)
        });
        copied.collect()
    }
}

fn open_span(core: &Core, seen: &Seen, now_ns: u64) -> Option<OpenSpan> {
    let sampled = if seen.log.has(slot::SAMPLED) { 1 } else { 0 };
    let context = SpanContext::new(TraceId::new(seen.trace)?, SpanId::new(seen.id)?);
    Some(OpenSpan {
        context: context.flags(TraceFlags::from_byte(sampled)),
        parent: SpanId::new(seen.parent),
        name: core.names.text(seen.name),
        kind: SpanKind::of(seen.log.kind()),
        age: Duration::from_nanos(now_ns.saturating_sub(seen.start_ns)),
    })
}

/// A kept trace, if it still is the one of this number.
pub(crate) fn finished_trace(
    core: &Core,
    kept: &Kept,
    first: u16,
    sequence: u32,
    wall_ns: u64,
) -> Option<FinishedTrace> {
    let entry = *kept.lists.entry(first);
    if entry.sequence != sequence {
        return None;
    }
    let seen = chain(core, first).filter_map(|slot| core.slot(slot).read());
    let mut spans: Vec<_> = seen.filter_map(|seen| finished_span(core, &seen, wall_ns)).collect();
    spans.sort_by_key(|span| span.start_unix_ns);
    let has = |flag: u64| u64::from(entry.flags) & flag != 0;
    Some(FinishedTrace {
        trace_id: spans.first()?.trace_id,
        spans,
        failed: has(group::FAILED),
        slow: has(group::SLOW),
        sampled: has(group::SAMPLED),
        forced: has(group::FORCED),
        exported: entry.was_sent(),
    })
}

fn finished_span(core: &Core, seen: &Seen, wall_ns: u64) -> Option<FinishedSpan> {
    let mut span = FinishedSpan {
        trace_id: TraceId::new(seen.trace)?,
        span_id: SpanId::new(seen.id)?,
        parent: SpanId::new(seen.parent),
        parent_is_remote: seen.log.has(slot::REMOTE),
        name: core.names.text(seen.name),
        kind: SpanKind::of(seen.log.kind()),
        start_unix_ns: wall_ns + seen.start_ns,
        duration_ns: seen.end_ns.saturating_sub(seen.start_ns),
        status: status(seen),
        slow: seen.log.has(slot::SLOW),
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        trace_state: "".into(),
        dropped: seen.log.lost(),
    };
    let records = payload::read(core, seen.log.cell());
    records.into_iter().for_each(|record| add(&mut span, record, wall_ns));
    Some(span)
}

fn status(seen: &Seen) -> StatusCode {
    if seen.log.has(slot::FAILED) {
        StatusCode::Error("".into())
    } else if seen.log.has(slot::FINE) {
        StatusCode::Ok
    } else {
        StatusCode::Unset
    }
}

fn add(span: &mut FinishedSpan, record: Record, wall_ns: u64) {
    let Record { tag, key, value } = record;
    match (tag, value) {
        (tag, Content::Text(text)) if tag == Tag::Message as u8 => {
            span.status = StatusCode::Error(text);
        }
        (tag, Content::Text(text)) if tag == Tag::State as u8 => span.trace_state = text,
        (tag, Content::I64(ns)) if tag == Tag::Event as u8 => {
            let unix_ns = wall_ns.wrapping_add(ns as u64);
            span.events.push(Event { name: key, unix_ns, attributes: Vec::new() });
        }
        (tag, Content::Words([high, low, id])) if tag == Tag::Link as u8 => {
            let trace = TraceId::new(u128::from(high) << 64 | u128::from(low));
            let link = trace.zip(SpanId::new(id));
            span.links.extend(link.map(|(trace_id, span_id)| Link { trace_id, span_id }));
        }
        (tag, value) => {
            let Some(value) = owned(value) else { return };
            let event = span.events.last_mut().filter(|_| tag == Tag::EventAttribute as u8);
            let place = event.map_or(&mut span.attributes, |event| &mut event.attributes);
            place.push(Attribute { key, value });
        }
    }
}

fn owned(value: Content) -> Option<OwnedValue> {
    match value {
        Content::Bool(value) => Some(OwnedValue::Bool(value)),
        Content::I64(value) => Some(OwnedValue::I64(value)),
        Content::F64(value) => Some(OwnedValue::F64(value)),
        Content::Text(value) => Some(OwnedValue::Str(value)),
        Content::Words(_) => None,
    }
}
