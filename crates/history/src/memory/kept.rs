//! A series that is kept.

use crate::labels::Labels;
use crate::storage::{Change, Rollup, STALE, Samples, Span, is_stale};

use super::chain::Chain;
use super::pool::Pool;
use super::ring::Ring;
use super::rollups::Slots;
use super::slot::{Running, Slot};
use super::track::Values;

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) labels: Labels,
    /// Tells it from other series that have had its place.
    pub(super) sequence: u32,
    pub(super) fine: Chain<Values>,
    pub(super) coarse: Chain<Slots>,
    /// What the running slot of the coarse tier has so far.
    pub(super) slot: Running,
    /// Its newest value, and the tick of that or of its end.
    pub(super) newest: f64,
    pub(super) newest_tick: u32,
    pub(super) life: Life,
    pub(super) by: By,
}

/// Whether a series goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Live,
    /// The fine tier says that it ended; the coarse one will with its next slot.
    Ended,
    EndedInBoth,
}

/// Whose a series is: together with [`Life`] two bytes, as there is no room for more beside fifty series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Of a registry: it ends when it misses ticks.
    Registry,
    /// Of a rule, which says when it ends.
    Rule,
    /// Of a rule that has said so: it ends with the next tick, as it has a value in this one.
    EndingRule,
}

/// Where a series is read from: the pool and the times of ticks.
#[derive(Clone, Copy)]
pub(super) struct Tiers<'a> {
    pub(super) pool: &'a Pool,
    pub(super) fine: &'a Ring,
    pub(super) coarse: &'a Ring,
}

impl Kept {
    pub(super) fn new(labels: Labels, sequence: u32) -> Kept {
        Kept {
            labels,
            sequence,
            fine: Chain::new(),
            coarse: Chain::new(),
            slot: Running::default(),
            newest: 0.0,
            newest_tick: 0,
            life: Life::Live,
            by: By::Registry,
        }
    }

    /// Notes a value for both tiers; the fine one stores it apart. Tells whether it follows evenly: it is not below the
    /// value of the tick before.
    pub(super) fn note(&mut self, tick: u32, value: f64) -> bool {
        let follows = !self.has_ended() && self.newest_tick + 1 == tick && value >= self.newest;
        let even = value.is_finite() && (follows || self.fine.is_empty());
        (self.newest, self.newest_tick) = (value, tick);
        self.life = Life::Live;
        if self.by == By::EndingRule {
            self.by = By::Rule;
        }
        self.slot.add(value);
        even
    }

    /// Whether it has ended by now, at the end of `tick`.
    pub(super) fn ends(&self, tick: u32, stale_after: u32) -> bool {
        let missed = tick - self.newest_tick;
        let ends = match self.by {
            By::Registry => missed >= stale_after,
            By::Rule => false,
            By::EndingRule => missed > 0,
        };
        ends && !self.has_ended()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.life != Life::Live
    }

    pub(super) fn blocks(&self) -> u16 {
        self.fine.blocks + self.coarse.blocks
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fine.is_empty() && self.coarse.is_empty()
    }

    /// The newest value, if it is in `span`, without decoding anything.
    pub(super) fn newest_in(&self, fine: &Ring, span: Span) -> Option<(i64, f64)> {
        if self.fine.is_empty() || self.newest_tick < fine.first_tick() {
            return None;
        }
        let at_ms = fine.time_of(self.newest_tick);
        (span.from_ms <= at_ms && at_ms <= span.until_ms)
            .then_some((at_ms, if self.has_ended() { STALE } else { self.newest }))
    }

    /// How it changed over `span`, if that can be told from the span's ends alone: nothing in between is below what was
    /// before, and no tick is without a value. So a rate decodes the blocks of one point, not of all.
    pub(super) fn even_change(&self, tiers: Tiers<'_>, span: Span) -> Option<Change> {
        let Tiers { pool, fine, .. } = tiers;
        let (last, last_tick) = (self.newest_in(fine, span)?, self.newest_tick);
        let first_tick = fine.tick_from(span.from_ms);
        let even = !self.has_ended() && self.fine.is_even_from(pool, first_tick);
        if !even || span.from_ms < self.fine_from(tiers) || last_tick < first_tick {
            return None;
        }
        let mut first = None;
        self.fine.read(pool, first_tick, first_tick, |_, value| first = Some(value));
        let first = (fine.time_of(first_tick), first?);
        Some(Change { first, last, points: (last_tick - first_tick) as usize + 1, fallen: 0.0 })
    }

    /// The points in `span`: of the fine tier as far back as it reaches, of the coarse one before.
    pub(super) fn read(&self, tiers: Tiers<'_>, span: Span, into: &mut Samples) {
        let fine_from = self.fine_from(tiers);
        let mut from_ms = span.from_ms;
        if span.from_ms < fine_from {
            from_ms = self.read_coarse(tiers, span, fine_from, into);
        }
        let Tiers { pool, fine, .. } = tiers;
        let (from, end) =
            (fine.tick_from(from_ms), fine.tick_from(span.until_ms.saturating_add(1)));
        if from >= end || self.fine.is_empty() {
            return;
        }
        into.at_ms.reserve((end - from) as usize);
        into.values.reserve((end - from) as usize);
        let mut run = from..from;
        self.fine.read(pool, from, end - 1, |tick, value| {
            into.values.push(value);
            if tick != run.end {
                fine.times(run.start, run.len(), &mut into.at_ms);
                run.start = tick;
            }
            run.end = tick + 1;
        });
        fine.times(run.start, run.len(), &mut into.at_ms);
    }

    /// The time of the oldest point in the fine tier.
    fn fine_from(&self, tiers: Tiers<'_>) -> i64 {
        let Some(first) = self.fine.first_tick(tiers.pool) else { return i64::MAX };
        let first = first.max(tiers.fine.first_tick());
        let kept = first < self.fine.next_tick;
        if kept { tiers.fine.time_of(first) } else { i64::MAX }
    }

    /// Reads what lies before the fine tier; returns from when on that is to be read. A slot that both tiers have a part
    /// of is taken from the coarse one as a whole, so that nothing is in the answer twice or not at all.
    fn read_coarse(&self, tiers: Tiers<'_>, span: Span, fine_from: i64, into: &mut Samples) -> i64 {
        let Tiers { pool, coarse, .. } = tiers;
        let Some(first) = self.coarse.first_tick(pool) else { return span.from_ms };
        let first = first.max(coarse.first_tick());
        let both = coarse.tick_from(fine_from);
        if both <= first && coarse.newest_ms() >= Some(fine_from) {
            return span.from_ms; // there is nothing before
        }
        let shared = self.shares(tiers, both, fine_from, span);
        let end = coarse.tick_from(span.until_ms.saturating_add(1)).min(both + u32::from(shared));
        let from = coarse.tick_from(span.from_ms).max(first);
        if from < end {
            self.coarse.read(pool, from, end - 1, |tick, slot| {
                into.push(coarse.time_of(tick), slot.last);
                into.rollups.push(rollup(slot));
            });
        }
        if shared { coarse.time_of(both) + 1 } else { span.from_ms }
    }

    /// Whether the slot in which the fine tier begins is to be taken from the coarse one: it has ended, it is asked
    /// for, and the series did not end in it, which the coarse tier says with the next.
    fn shares(&self, tiers: Tiers<'_>, both: u32, fine_from: i64, span: Span) -> bool {
        let Tiers { pool, fine, coarse } = tiers;
        if coarse.newest_ms() < Some(fine_from) || both >= self.coarse.next_tick {
            return false;
        }
        let ends_ms = coarse.time_of(both);
        let (from, end) = (fine.tick_from(fine_from), fine.tick_from(ends_ms + 1));
        let mut ended = false;
        self.fine.read(pool, from, end.saturating_sub(1), |_, value| ended |= is_stale(value));
        ends_ms <= span.until_ms && !ended
    }
}

fn rollup(slot: Slot) -> Rollup {
    let Slot { min, max, sum, count, .. } = slot;
    Rollup { min, max, sum, count: u32::from(count) }
}
