//! Spans by their ids alone, which any thread may use.

use perf_monitor_core::Instant;

use crate::id::SpanId;
use crate::key;
use crate::local::{Local, owned};
use crate::metrics::Misuse;
use crate::payload::{Key, Tag, Writer};
use crate::slot::{self, Log, Refused};
use crate::start::{How, Parent, Start};
use crate::sync::Ordering;
use crate::tracer::DistributedTracer;
use crate::value::AttributeValue;

/// The same span from anywhere, by its id. An id that has ended, is of another process, or was never given
/// out does no harm: it is counted in `perf_monitor_span_misuse_total`.
impl DistributedTracer {
    /// Begins a span below `parent`; without one, the root of a new trace. It lasts until
    /// [`end_span`](Self::end_span). The calling thread's own span is neither used nor changed.
    ///
    /// # Cost
    /// `span/by-id`, with its end: two reads of the clock, a look-up of the name by its text, two
    /// exchanges.
    ///
    /// ```
    /// # use perf_monitor_tracing::{DistributedTracer, TracerOptions};
    /// # let registry = perf_monitor_core::Registry::new();
    /// let tracer = DistributedTracer::new(&registry, TracerOptions::default())?;
    /// let order = tracer.start_span("order", None);
    /// let payment = tracer.start_span("payment", Some(order));
    /// tracer.add_event(payment, "paid", &[("amount", 3)]);
    /// tracer.end_span(payment);
    /// tracer.end_span(order);
    /// assert_eq!(tracer.recent(1)[0].spans.len(), 2);
    /// # Ok::<(), perf_monitor_tracing::Error>(())
    /// ```
    #[inline]
    pub fn start_span(&self, name: &str, parent: Option<SpanId>) -> SpanId {
        let core = &*self.core;
        let name = core.names.of(name, &core.metrics);
        let parent = parent.map_or(Parent::Root, |id| Parent::Id(id.get()));
        let start = Start { name, kind: 0, forced: false, how: How::ById, parent };
        let begun = core.begin(Local, start, Instant::now());
        SpanId::new(begun.id).expect("ids are never zero")
    }

    /// Ends a span. A guard's span ends with its guard: its id counts as foreign here.
    #[inline]
    pub fn end_span(&self, id: SpanId) {
        let (core, now) = (&*self.core, Instant::now());
        if key::is_marker(key::open(id.get()).0) {
            return; // It found no room, which was counted as it began.
        }
        let ended = core.end_shared(Local, id.get(), now, false);
        if let Err(refused) = ended {
            self.count(id, refused, Misuse::EndedTwice);
        }
    }

    /// Says that the work of a span failed, with the reason; an empty one is not kept.
    pub fn fail_span(&self, id: SpanId, why: &str) {
        let core = &*self.core;
        let (place, sequence) = key::open(id.get());
        let Some(slot) = core.slots.get(usize::from(place)) else {
            return self.count_unknown(id, place);
        };
        if slot.log().has(slot::PLAIN) && slot.id.load(Ordering::Acquire) == id.get() {
            return self.count(id, Refused::Held, Misuse::EventAfterEnd);
        }
        match slot.change(id.get(), sequence, |log| Log(log.0 | slot::FAILED)) {
            Err(refused) => self.count(id, refused, Misuse::EventAfterEnd),
            Ok(_) if !why.is_empty() => {
                self.append(id, |writer| writer.message(Tag::Message, why));
            }
            Ok(_) => {}
        }
    }

    /// Keeps what happened now with a span.
    pub fn add_event<'v, V>(&self, id: SpanId, name: &str, attributes: &[(&str, V)])
    where
        V: Clone + Into<AttributeValue<'v>>,
    {
        let attributes = attributes.iter().map(|(key, value)| (Key::Text(key), value.clone()));
        self.append(id, |writer| self.core.write_event(writer, Key::Text(name), attributes));
    }

    /// Keeps a value with a span.
    pub fn add_attribute<'v>(&self, id: SpanId, key: &str, value: impl Into<AttributeValue<'v>>) {
        let value = value.into();
        self.append(id, |writer| writer.attribute(Tag::Attribute, Key::Text(key), value));
    }

    fn append(&self, id: SpanId, write: impl FnOnce(&mut Writer<'_>)) {
        let core = &*self.core;
        let (place, _) = key::open(id.get());
        let Some(slot) = core.slots.get(usize::from(place)) else {
            return self.count_unknown(id, place);
        };
        // A guard's span takes them on the guard's thread, which is known by what it owns.
        let seen = slot.read_if(id.get());
        let plain = seen.filter(|seen| seen.log.has(slot::PLAIN) && !seen.log.has(slot::ENDED));
        let here = plain.is_some_and(|seen| {
            let group = owned(core.id, seen.group, seen.generation);
            Local.owned() == group
        });
        if here {
            return core.append_plain(place, write);
        }
        if let Err(refused) = core.append_shared(id.get(), write) {
            self.count(id, refused, Misuse::EventAfterEnd);
        }
    }

    #[cold]
    fn count_unknown(&self, id: SpanId, place: u16) {
        if !key::is_marker(place) {
            self.core.count_stranger(id.get());
        }
    }

    #[cold]
    fn count(&self, id: SpanId, refused: Refused, ended: Misuse) {
        let metrics = &self.core.metrics;
        match refused {
            Refused::Ended => metrics.misuse(ended).inc(),
            Refused::Held => metrics.misuse(Misuse::Foreign).inc(),
            Refused::Gone => self.core.count_stranger(id.get()),
        }
    }
}
