//! Events of the `tracing` crate, put into the span that they happen in.

use perf_monitor_core::Context;
use tracing_core::{Event, Level, Subscriber};
use tracing_subscriber::layer;
use tracing_subscriber::registry::LookupSpan;

use super::fields::Fields;
use super::layer::TracingLayer;
use crate::engine::Core;
use crate::key;
use crate::local::{Local, owned};
use crate::payload::{Key, Writer};
use crate::slot;
use crate::span::Span;
use crate::value::AttributeValue;

/// The field that is the text of an event.
const MESSAGE: &str = "message";
/// The field in which `#[instrument(err)]` tells an error.
const ERROR: &str = "error";

/// How the span of an event is written to.
#[derive(Clone, Copy)]
enum Way {
    /// It belongs to a guard on this thread.
    Plain(u16),
    Shared(u64),
}

impl TracingLayer {
    pub(super) fn keep_event<S>(&self, event: &Event<'_>, context: &layer::Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let fails = self.errors_fail && *event.metadata().level() == Level::ERROR;
        let keeps = *event.metadata().level() <= self.events;
        let span_id = match event.parent() {
            Some(parent) => self.span_of(context, parent, |span| span.id().get()),
            None => Some(Context::current().span_id),
        };
        let Some(way) = span_id.and_then(|id| way(&self.tracer.core, id)) else {
            if fails {
                self.fail(event, context, span_id, ""); // for its count, as nothing is recorded
            }
            return;
        };
        if !fails && !keeps {
            return;
        }
        Fields::with(
            |visit| event.record(visit),
            |fields| {
                if keeps {
                    write(&self.tracer.core, way, event, fields);
                }
                if fails {
                    let why = fields.text(MESSAGE).or(fields.text(ERROR)).unwrap_or_default();
                    self.fail(event, context, span_id, why);
                }
            },
        );
    }

    /// Says so to the span of the event, if it is one of the layer's: guards are told by their owners.
    fn fail<S>(
        &self,
        event: &Event<'_>,
        context: &layer::Context<'_, S>,
        span_id: Option<u64>,
        why: &str,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let fail = |span: &Span| {
            if Some(span.id().get()) == span_id {
                span.fail(why);
            }
        };
        if let Some(theirs) = context.event_span(event) {
            self.span_of(context, &theirs.id(), fail);
        }
    }
}

/// How to write to a span, if it is recorded.
fn way(core: &Core, id: u64) -> Option<Way> {
    let (place, _) = key::open(id);
    let seen = core.slots.get(usize::from(place))?.read_if(id)?;
    if seen.log.has(slot::MEASURED | slot::ENDED) {
        return None;
    }
    if !seen.log.has(slot::PLAIN) {
        return Some(Way::Shared(id));
    }
    let group = owned(core.id, seen.group, seen.generation);
    (Local.owned() == group).then_some(Way::Plain(place))
}

fn write(core: &Core, way: Way, event: &Event<'_>, fields: &Fields) {
    let metadata = event.metadata();
    let name = match fields.text(MESSAGE) {
        Some(message) if !message.is_empty() => Key::Text(message),
        _ => Key::Static(metadata.name()),
    };
    let level = AttributeValue::Str(metadata.level().as_str());
    let others = fields.iter().filter(|(key, _)| *key != MESSAGE);
    let all = std::iter::once(("level", level)).chain(others);
    let all = all.map(|(key, value)| (Key::Static(key), value));
    let write = |writer: &mut Writer<'_>| core.write_event(writer, name, all);
    match way {
        Way::Plain(place) => core.append_plain(place, write),
        // It may have ended meanwhile; then so be it.
        Way::Shared(id) => drop(core.append_shared(id, write)),
    }
}
