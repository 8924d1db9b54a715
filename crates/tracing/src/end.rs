//! How a span ends, which may be the end of its trace.

use perf_monitor_core::Instant;

use crate::engine::Core;
use crate::free::NIL;
use crate::group::{self, State};
use crate::key;
use crate::local::Local;
use crate::slot::{self, Log, Refused};
use crate::stack::Bundle;
use crate::start::Begun;
use crate::sync::Ordering;

impl Core {
    /// Records how long a span took, with what that means for its trace.
    #[inline(always)]
    fn measure(&self, name: u16, ns: u64, failed: bool) -> u64 {
        let name = self.names.get(name);
        name.durations.record(ns);
        let mut flags = 0;
        if failed {
            name.errors.inc();
            flags |= group::FAILED;
        }
        if ns > name.slow_above.load(Ordering::Relaxed) {
            flags |= group::SLOW;
        }
        if ns > name.slowest_above.load(Ordering::Relaxed) {
            flags |= group::SLOWEST;
        }
        flags
    }

    /// Ends a span that is not recorded.
    #[inline(always)]
    pub(crate) fn end_nowhere(&self, begun: &Begun, ns: u64, failed: bool) {
        let flags = self.measure(begun.name, ns, failed) & (group::FAILED | group::SLOW);
        if flags != 0 && begun.group != NIL {
            self.group(begun.group).mark(begun.generation, flags);
        }
        self.metrics.unsampled.inc();
    }

    /// Ends a span on its own thread.
    #[inline(always)]
    pub(crate) fn end_plain(&self, local: Local, begun: &Begun, ns: u64, failed: bool) {
        let slot = self.slot(begun.slot);
        let flags = self.measure(begun.name, ns, failed);
        slot.end_ns.store(begun.start_ns + ns, Ordering::Relaxed);
        slot.log.store(slot.log().0 | slot::ENDED | of_span(flags), Ordering::Relaxed);
        if begun.flags & slot::ROOT != 0 {
            return self.end_trace(local, begun.slot, flags);
        }
        let group = self.group(begun.group);
        match group.push_own(begun.generation, begun.slot, flags, &slot.next) {
            State::Open => {}
            state => self.end_late(local, begun.slot, flags, state),
        }
    }

    /// Ends a span that anybody may have ended.
    pub(crate) fn end_shared(
        &self,
        local: Local,
        id: u64,
        now: Instant,
        failed: bool,
    ) -> Result<(), Refused> {
        let (place, sequence) = key::open(id);
        let slot = self.slots.get(usize::from(place)).ok_or(Refused::Gone)?;
        if slot.log().has(slot::PLAIN) && slot.id.load(Ordering::Acquire) == id {
            return Err(Refused::Held);
        }
        let said = if failed { slot::FAILED } else { 0 };
        let before = slot.change(id, sequence, |log| Log(log.0 | slot::ENDED | said))?;
        // From here on it is this call's alone.
        let (start_ns, end_ns) = (slot.start_ns.load(Ordering::Relaxed), self.ns(now));
        slot.end_ns.store(end_ns.max(start_ns), Ordering::Relaxed);
        let failed = failed || before.has(slot::FAILED);
        let name = slot.name.load(Ordering::Relaxed);
        let flags = self.measure(name, end_ns.saturating_sub(start_ns), failed);
        if before.has(slot::MEASURED) {
            self.metrics.unsampled.inc();
            self.free_one(place);
            return Ok(());
        }
        slot.log.store(slot.log().0 | of_span(flags), Ordering::Relaxed);
        if before.has(slot::ROOT) {
            self.end_trace(local, place, flags);
            return Ok(());
        }
        let group = slot.group.load(Ordering::Relaxed);
        let generation = slot.generation.load(Ordering::Relaxed);
        match self.group(group).push(generation, place, flags, &slot.next) {
            State::Open => {}
            state => self.end_late(local, place, flags, state),
        }
        Ok(())
    }

    fn free_one(&self, place: u16) {
        self.slot(place).next.store(NIL, Ordering::Relaxed);
        self.release(place);
    }

    /// Ends the trace of a local root that has ended.
    #[inline(always)]
    fn end_trace(&self, local: Local, root: u16, flags: u64) {
        let closed = self.group(root).close(flags, |flags| self.sampling.keeps(flags));
        let rest = match (closed.own, closed.shared) {
            (NIL, shared) => shared,
            (own, NIL) => own,
            (own, shared) => {
                self.last(own).next.store(shared, Ordering::Relaxed);
                own
            }
        };
        self.slot(root).next.store(rest, Ordering::Relaxed);
        let count = closed.count + 1;
        if closed.kept {
            self.metrics.kept.add(u64::from(count));
            self.finished.keep(self, bundle(local, root, count, closed.flags));
        } else {
            self.metrics.dropped.add(u64::from(count));
            self.release(root);
        }
    }

    fn last(&self, first: u16) -> &slot::Slot {
        let mut last = self.slot(first);
        loop {
            match last.next.load(Ordering::Relaxed) {
                NIL => return last,
                next => last = self.slot(next),
            }
        }
    }

    /// Ends a span whose local root has ended before: it goes the same way, unless it has reasons of
    /// its own to be kept.
    #[cold]
    fn end_late(&self, local: Local, place: u16, flags: u64, state: State) {
        let slot = self.slot(place);
        let log = slot.log();
        let mut flags = flags;
        if state == State::Kept || state == State::Gone && log.has(slot::SAMPLED) {
            flags |= group::SAMPLED;
        }
        flags |= if log.has(slot::FORCED) { group::FORCED } else { 0 };
        slot.next.store(NIL, Ordering::Relaxed);
        if self.sampling.keeps(flags) {
            self.metrics.kept.inc();
            self.finished.keep(self, bundle(local, place, 1, flags));
        } else {
            self.metrics.dropped.inc();
            self.release(place);
        }
    }
}

#[inline(always)]
fn bundle(local: Local, first: u16, count: u16, flags: u64) -> Bundle {
    Bundle { first, count, flags: flags as u8, home: local.home() as u8 }
}

/// The flags of a log by those of a group.
#[inline(always)]
fn of_span(flags: u64) -> u64 {
    let failed = if flags & group::FAILED != 0 { slot::FAILED } else { 0 };
    failed | if flags & group::SLOW != 0 { slot::SLOW } else { 0 }
}
