//! How a span is given attributes, events, links.

use perf_monitor_core::Instant;

use crate::AttributeValue;
use crate::engine::Core;
use crate::free::NIL;
use crate::key;
use crate::local::Local;
use crate::metrics::Detail;
use crate::payload::{Key, Tag, Writer, has_room};
use crate::slot::{self, Log, Refused};
use crate::start::Begun;
use crate::sync::Ordering;

impl Core {
    /// Adds to what a span carries, from any thread.
    pub(crate) fn append_shared(
        &self,
        id: u64,
        write: impl FnOnce(&mut Writer<'_>),
    ) -> Result<(), Refused> {
        let (place, sequence) = key::open(id);
        let slot = self.slots.get(usize::from(place)).ok_or(Refused::Gone)?;
        let log = slot.log();
        if log.has(slot::MEASURED | slot::PLAIN) && slot.id.load(Ordering::Acquire) == id {
            return if log.has(slot::PLAIN) { Err(Refused::Held) } else { Ok(()) };
        }
        let mut writer = Writer::apart(self);
        write(&mut writer);
        let Some(segment) = writer.segment() else {
            self.count_lost_detail();
            return slot.change(id, sequence, Log::with_loss).map(|_| ());
        };
        let added = slot.change(id, sequence, |log| {
            if !has_room(self, log.cell()) {
                return log.with_loss();
            }
            self.cells.lead(segment.oldest, log.cell());
            log.with_cell(segment.newest)
        });
        let taken = added.is_ok_and(|before| has_room(self, before.cell()));
        if !taken {
            self.cells.lead(segment.oldest, NIL);
            self.cells.push_all(Local.home(), segment.newest);
        }
        if added.is_ok() && !taken {
            self.count_lost_detail();
        }
        added.map(|_| ())
    }

    /// The same on the thread that alone may end it.
    #[inline]
    pub(crate) fn append_plain(&self, place: u16, write: impl FnOnce(&mut Writer<'_>)) {
        let slot = self.slot(place);
        let log = slot.log();
        let mut writer = Writer::behind(self, log.cell());
        write(&mut writer);
        let next = match writer.finish() {
            Some(newest) => log.with_cell(newest),
            None => {
                self.count_lost_detail();
                log.with_loss()
            }
        };
        if next != log {
            slot.log.store(next.0, Ordering::Relaxed);
        }
    }

    #[cold]
    fn count_lost_detail(&self) {
        self.metrics.detail(Detail::Payload).inc();
    }

    /// What a trace carries for others, kept with its local root.
    pub(crate) fn write_state(&self, begun: &Begun, state: &str) {
        if begun.slot == NIL || state.is_empty() {
            return;
        }
        let write = |writer: &mut Writer<'_>| writer.message(Tag::State, state);
        let slot = self.slot(begun.slot);
        if begun.flags & slot::PLAIN != 0 {
            self.append_plain(begun.slot, write);
            slot.log.store(slot.log().0 | slot::STATE, Ordering::Relaxed);
        } else if self.append_shared(begun.id, write).is_ok() {
            self.change_shared(begun.id, |log| Log(log.0 | slot::STATE));
        }
    }

    /// Writes an event that happens now.
    pub(crate) fn write_event<'k, 'v, V>(
        &self,
        writer: &mut Writer<'_>,
        name: Key<'_>,
        attributes: impl IntoIterator<Item = (Key<'k>, V)>,
    ) where
        V: Into<AttributeValue<'v>>,
    {
        writer.event(name, self.ns(Instant::now()));
        for (key, value) in attributes {
            writer.attribute(Tag::EventAttribute, key, value.into());
        }
    }
}
