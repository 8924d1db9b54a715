//! A series that is kept.

use crate::labels::Labels;
use crate::storage::{Rollup, Samples, Span};

use super::chain::Chain;
use super::pool::Pool;
use super::ring::Ring;
use super::rollups::{Slot, Slots};
use super::track::Values;

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) labels: Labels,
    /// Tells it from other series that have had its place.
    pub(super) sequence: u64,
    pub(super) fine: Chain<Values>,
    pub(super) coarse: Chain<Slots>,
    /// What the running slot of the coarse tier has so far.
    pub(super) slot: Option<Slot>,
    /// Its newest value, or the marker of its end, and the tick of that.
    pub(super) newest: f64,
    pub(super) newest_tick: u32,
    /// Whether the fine tier and the coarse tier say that it ended.
    pub(super) ended: bool,
    pub(super) coarse_ended: bool,
}

/// Where a series is read from: the pool and the times of ticks.
#[derive(Clone, Copy)]
pub(super) struct Tiers<'a> {
    pub(super) pool: &'a Pool,
    pub(super) fine: &'a Ring,
    pub(super) coarse: &'a Ring,
}

impl Kept {
    pub(super) fn new(labels: Labels, sequence: u64) -> Kept {
        Kept {
            labels,
            sequence,
            fine: Chain::new(),
            coarse: Chain::new(),
            slot: None,
            newest: 0.0,
            newest_tick: 0,
            ended: false,
            coarse_ended: false,
        }
    }

    /// Notes a value for both tiers; the fine one stores it apart.
    pub(super) fn note(&mut self, tick: u32, value: f64) {
        (self.newest, self.newest_tick) = (value, tick);
        (self.ended, self.coarse_ended) = (false, false);
        match &mut self.slot {
            Some(slot) => slot.add(value),
            None => self.slot = Some(Slot::of(value)),
        }
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
        (span.from_ms <= at_ms && at_ms <= span.until_ms).then_some((at_ms, self.newest))
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
        self.fine.read(pool, from, end - 1, |tick, value| into.push(fine.time_of(tick), value));
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
        let newest = coarse.newest_ms().unwrap_or(i64::MIN);
        let shared = coarse.tick_from(fine_from);
        if shared <= first && fine_from <= newest {
            return span.from_ms; // there is nothing before
        }
        let shared_is_asked = fine_from <= newest
            && coarse.time_of(shared) <= span.until_ms
            && shared < self.coarse.next_tick;
        let end = coarse.tick_from(span.until_ms.saturating_add(1));
        let end = end.min(if shared_is_asked { shared + 1 } else { shared });
        let from = coarse.tick_from(span.from_ms).max(first);
        if from < end {
            self.coarse.read(pool, from, end - 1, |tick, slot| {
                into.push(coarse.time_of(tick), slot.last);
                into.rollups.push(rollup(slot));
            });
        }
        if shared_is_asked { coarse.time_of(shared) + 1 } else { span.from_ms }
    }
}

fn rollup(slot: Slot) -> Rollup {
    let Slot { min, max, sum, count, .. } = slot;
    Rollup { min, max, sum, count: u32::from(count) }
}
