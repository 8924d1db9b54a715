//! How a span begins.

use perf_monitor_core::{Context, Instant};

use crate::context::SpanContext;
use crate::engine::Core;
use crate::free::NIL;
use crate::group::{self, Join};
use crate::key;
use crate::local::{Local, owned};
use crate::metrics::{Loss, Misuse};
use crate::slot::{self, Begin, Log};
pub(crate) use crate::start::{Begun, How, Parent, Start, halves};
use crate::sync::{Ordering, fence};

/// What a parent means for a span below it.
enum Below {
    Root { trace: u128, parent: u64, sampled: Option<bool>, flags: u64 },
    Child { trace: u128, parent: u64, group: u16, generation: u16, flags: u64 },
    Nowhere { trace: u128, marker: u16 },
}

impl Core {
    /// Begins a span at `now`.
    #[inline(always)]
    pub(crate) fn begin(&self, local: Local, start: Start<'_>, now: Instant) -> Begun {
        let start_ns = self.ns(now);
        let below = match start.parent {
            Parent::Root => self.new_trace(local),
            Parent::Current => self.below_current(local),
            Parent::Id(id) => self.below_id(local, id),
            Parent::Context(context) => self.below_context(context),
            Parent::Untraced => Below::Nowhere { trace: local.trace(), marker: key::UNSAMPLED },
        };
        match below {
            Below::Root { trace, parent, sampled, flags } => {
                let begin = Raw { trace, parent, start_ns, group: NIL, generation: 0, flags };
                self.begin_root(local, start, begin, sampled)
            }
            Below::Child { trace, parent, group, generation, flags } => {
                let begin = Raw { trace, parent, start_ns, group, generation, flags };
                self.begin_child(local, start, begin)
            }
            Below::Nowhere { trace, marker } => {
                self.count_loss(marker);
                self.begin_nowhere(local, start, trace, start_ns, marker)
            }
        }
    }

    #[inline(always)]
    fn new_trace(&self, local: Local) -> Below {
        Below::Root { trace: local.trace(), parent: 0, sampled: None, flags: 0 }
    }

    #[inline(always)]
    fn below_current(&self, local: Local) -> Below {
        let current = Context::current();
        if current.span_id == 0 {
            return self.new_trace(local);
        }
        self.below_span(current.trace_id, current.span_id).unwrap_or(Below::Root {
            trace: current.trace_id,
            parent: current.span_id,
            sampled: None,
            flags: 0,
        })
    }

    /// Below a span that may be one of this tracer's.
    #[inline(always)]
    fn below_span(&self, trace: u128, id: u64) -> Option<Below> {
        let (place, _) = key::open(id);
        let Some(parent) = self.slots.get(usize::from(place)) else {
            return key::is_marker(place).then_some(Below::Nowhere { trace, marker: place });
        };
        if parent.id.load(Ordering::Acquire) != id {
            return None;
        }
        let log = parent.log();
        let group = parent.group.load(Ordering::Relaxed);
        let generation = parent.generation.load(Ordering::Relaxed);
        // As in `Slot::read`: what was read is of this span if it still is there.
        fence(Ordering::Acquire);
        if parent.id.load(Ordering::Relaxed) != id {
            return None;
        }
        if log.has(slot::MEASURED) {
            return Some(Below::Nowhere { trace, marker: key::UNSAMPLED });
        }
        let flags = log.0 & (slot::SAMPLED | slot::FORCED | slot::GIVEN);
        Some(Below::Child { trace, parent: id, group, generation, flags })
    }

    fn below_id(&self, local: Local, id: u64) -> Below {
        let (place, _) = key::open(id);
        let seen = self.slots.get(usize::from(place)).and_then(|slot| slot.read_if(id));
        let current = Context::current();
        let trace = match seen {
            Some(seen) => seen.trace,
            None if current.span_id == id => current.trace_id,
            None if key::is_marker(place) => local.trace(),
            None => {
                self.count_stranger(id);
                return self.new_trace(local);
            }
        };
        self.below_span(trace, id).unwrap_or_else(|| self.new_trace(local))
    }

    fn below_context(&self, context: &SpanContext) -> Below {
        let (trace, parent) = (context.trace_id.get(), context.span_id.get());
        let mut from = if context.remote { slot::REMOTE } else { 0 };
        from |= if context.flags.is_random() { 0 } else { slot::GIVEN };
        let sampled = Some(context.is_sampled());
        let elsewhere = Below::Root { trace, parent, sampled, flags: from };
        if context.remote {
            return elsewhere;
        }
        self.below_span(trace, parent).unwrap_or(elsewhere)
    }

    #[inline(always)]
    fn begin_root(&self, local: Local, start: Start<'_>, raw: Raw, sampled: Option<bool>) -> Begun {
        let sampled = start.forced
            || sampled.unwrap_or_else(|| {
                self.sampling.head(raw.trace, self.names.get(start.name), raw.start_ns)
            });
        if !sampled && !self.sampling.tail() {
            return self.begin_nowhere(local, start, raw.trace, raw.start_ns, key::UNSAMPLED);
        }
        let Some(place) = self.take_slot(local) else {
            return self.begin_lost(local, start, raw, key::LOST);
        };
        let mut group_flags = if sampled { group::SAMPLED } else { 0 };
        group_flags |= if start.forced { group::FORCED } else { 0 };
        let generation = self.group(place).open(group_flags);
        let mut flags = raw.flags | slot::ROOT;
        flags |= if sampled { slot::SAMPLED } else { 0 };
        flags |= if start.how == How::Here { slot::PLAIN } else { 0 };
        if start.how == How::Here {
            local.set_owned(owned(self.id, place, generation));
        }
        self.publish(local, start, Raw { group: place, generation, flags, ..raw }, place)
    }

    #[inline(always)]
    fn begin_child(&self, local: Local, start: Start<'_>, raw: Raw) -> Begun {
        let (group, most) = (self.group(raw.group), self.options.spans_per_trace as u64);
        let own =
            start.how == How::Here && local.owned() == owned(self.id, raw.group, raw.generation);
        let joined = match own {
            true => group.join_own(raw.generation, most),
            false => group.join(raw.generation, most),
        };
        if joined == Join::Full {
            return self.begin_lost(local, start, raw, key::FULL);
        }
        let Some(place) = self.take_slot(local) else {
            return self.begin_lost(local, start, raw, key::LOST);
        };
        if start.forced {
            group.mark(raw.generation, group::FORCED);
        }
        let plain = if own { slot::PLAIN } else { 0 };
        self.publish(local, start, Raw { flags: raw.flags | plain, ..raw }, place)
    }

    #[inline(always)]
    fn publish(&self, local: Local, start: Start<'_>, raw: Raw, place: u16) -> Begun {
        let (id, sequence) = key::seal(local, place);
        let forced = if start.forced { slot::FORCED | slot::SAMPLED } else { 0 };
        let flags = raw.flags | forced;
        self.slot(place).publish(&Begin {
            id,
            trace: raw.trace,
            parent: raw.parent,
            start_ns: raw.start_ns,
            name: start.name,
            group: raw.group,
            generation: raw.generation,
            log: Log::open(flags, start.kind, sequence),
        });
        Begun {
            trace: halves(raw.trace),
            id,
            start_ns: raw.start_ns,
            slot: place,
            name: start.name,
            group: raw.group,
            generation: raw.generation,
            flags,
        }
    }

    // Inline, as all that return a span here: a call would have them written to memory in pieces and
    // copied as a whole, which the processor takes 4 ns for.
    #[inline(always)]
    fn begin_lost(&self, local: Local, start: Start<'_>, raw: Raw, marker: u16) -> Begun {
        self.count_loss(marker);
        let begun = self.begin_nowhere(local, start, raw.trace, raw.start_ns, marker);
        // So that its trace still learns how it came out.
        Begun { group: raw.group, generation: raw.generation, ..begun }
    }

    #[inline(always)]
    fn count_loss(&self, marker: u16) {
        if marker != key::UNSAMPLED {
            self.count_real_loss(marker);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_real_loss(&self, marker: u16) {
        match marker {
            key::LOST => self.metrics.lost(Loss::Slots).inc(),
            key::FULL => self.metrics.lost(Loss::TraceFull).inc(),
            _ => {}
        }
    }

    /// A span that is measured at most.
    #[inline(always)]
    fn begin_nowhere(
        &self,
        local: Local,
        start: Start<'_>,
        trace: u128,
        start_ns: u64,
        marker: u16,
    ) -> Begun {
        if start.how == How::ById
            && let Some(place) = self.take_slot(local)
        {
            let raw = Raw {
                trace,
                parent: 0,
                start_ns,
                group: NIL,
                generation: marker,
                flags: slot::MEASURED,
            };
            return self.publish(local, start, raw, place);
        }
        let (id, _) = key::seal(local, marker);
        let (slot, name) = (NIL, start.name);
        let trace = halves(trace);
        Begun { trace, id, start_ns, slot, name, group: NIL, generation: 0, flags: 0 }
    }

    /// Counts a call with an id that is nobody's: stale if this tracer may have given it out.
    #[cold]
    pub(crate) fn count_stranger(&self, id: u64) {
        let (place, sequence) = key::open(id);
        let known = usize::from(place) < self.slots.len() && key::was_given(sequence);
        self.metrics.misuse(if known { Misuse::Stale } else { Misuse::Foreign }).inc();
    }
}

/// What of a span is settled before it has a slot.
struct Raw {
    trace: u128,
    parent: u64,
    start_ns: u64,
    group: u16,
    generation: u16,
    flags: u64,
}
