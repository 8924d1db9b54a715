//! What a history holds, behind its lock.

use perf_monitor_core::{FamilyInfo, Kind};

use crate::error::Error;
use crate::labels::Labels;
use crate::storage::{STALE, is_stale};

use super::kept::{By, Kept, Life, Tiers};
use super::options::{LABELS, Options, Plan};
use super::pool::{BYTES_PER_BLOCK, Pool, SEGMENT_BYTES};
use super::ring::Ring;
use super::slot::Slot;
use super::stats::Stats;
use super::table::Table;
use super::walk::Walk;

/// A clock that is set back by more than this makes history begin anew; less, and ticks wait until time catches up.
const MOST_BACK_MS: i64 = 60_000;

#[derive(Debug)]
pub(super) struct Store {
    pub(super) plan: Plan,
    pool: Pool,
    fine: Ring,
    coarse: Ring,
    pub(super) table: Table,
    pub(super) walk: Walk,
    /// The number of the running slot of the coarse tier.
    slot: i64,
    tick: u32,
    stats: Stats,
}

impl Store {
    pub(super) fn new(options: &Options) -> Result<Store, Error> {
        let plan = Plan::new(options, Table::BYTES_PER_SERIES + Walk::BYTES_PER_SERIES)?;
        Ok(Store {
            pool: Pool::new(plan.bytes / SEGMENT_BYTES),
            fine: Ring::new(plan.fine.points, plan.fine.keep_ms),
            coarse: Ring::new(plan.coarse.points, plan.coarse.keep_ms),
            table: Table::new(plan.series),
            walk: Walk::new(plan.series),
            slot: 0,
            tick: 0,
            stats: Stats { limit_bytes: options.bytes, ..Stats::default() },
            plan,
        })
    }

    pub(super) fn tiers(&self) -> Tiers<'_> {
        Tiers { pool: &self.pool, fine: &self.fine, coarse: &self.coarse }
    }

    /// Begins a tick, or goes on with it; false if it is not to be recorded.
    pub(super) fn begin(&mut self, at_ms: i64) -> bool {
        if let Some(newest_ms) = self.fine.newest_ms() {
            if at_ms == newest_ms {
                return true; // more of the same tick
            }
            if at_ms < newest_ms.saturating_sub(MOST_BACK_MS) {
                self.restart();
            } else if at_ms.saturating_sub(newest_ms) < (self.plan.fine.step_ms + 1) / 2 {
                self.stats.early_ticks += 1;
                return false;
            }
        }
        let slot = at_ms.div_euclid(self.plan.coarse.step_ms);
        if slot != self.slot {
            self.end_slot();
            self.slot = slot;
        }
        self.tick = self.fine.push(at_ms);
        self.stats.ticks += 1;
        true
    }

    /// Goes on with the newest tick if `at_ms` is within a step of it, else begins one.
    pub(super) fn begin_or_join(&mut self, at_ms: i64) -> bool {
        let newest_ms = self.fine.newest_ms();
        let joins = newest_ms
            .is_some_and(|newest| (newest..newest + self.plan.fine.step_ms).contains(&at_ms));
        joins || self.begin(at_ms)
    }

    /// Forgets all series: their times are of another clock.
    pub(super) fn restart(&mut self) {
        let places: Vec<u16> = self.table.iter_mut().map(|(place, _)| place).collect();
        for place in places {
            self.table.remove(place, &mut self.pool);
        }
        self.fine.clear();
        self.coarse.clear();
        self.stats.restarts += 1;
    }

    /// Puts what the running slot has into the coarse tier.
    fn end_slot(&mut self) {
        let Some(newest_ms) = self.fine.newest_ms() else { return };
        let tick = self.coarse.push(newest_ms);
        for place in 0..self.plan.series as u16 {
            let Some(kept) = self.table.get_mut(place) else { continue };
            let slot = match kept.slot.end(kept.newest) {
                None if kept.life == Life::Ended => {
                    kept.life = Life::EndedInBoth;
                    Some(Slot::of(STALE))
                }
                slot => slot,
            };
            if let Some(slot) = slot {
                self.push(place, |kept, pool| kept.coarse.push(pool, tick, slot));
            }
        }
        let first_tick = self.coarse.first_tick();
        for (_, kept) in self.table.iter_mut() {
            kept.coarse.expire(&mut self.pool, first_tick);
        }
    }

    /// Records a value of the running tick.
    pub(super) fn put(&mut self, place: u16, value: f64) {
        let tick = self.tick;
        let Some(kept) = self.table.get_mut(place) else { return };
        if !kept.fine.is_empty() && kept.newest_tick == tick {
            return; // the series comes twice in this tick
        }
        let even = kept.note(tick, value);
        self.push(place, |kept, pool| {
            let pushed = kept.fine.push(pool, tick, value);
            if pushed && !even {
                kept.fine.mark_uneven(pool);
            }
            pushed
        });
    }

    /// Adds a point, for which others may have to go.
    fn push(&mut self, place: u16, add: impl Fn(&mut Kept, &mut Pool) -> bool) {
        loop {
            let Some(kept) = self.table.get_mut(place) else { return };
            if add(kept, &mut self.pool) {
                return;
            }
            if !self.make_room() {
                self.stats.lost_points += 1;
                return;
            }
        }
    }

    /// Takes the oldest block of the series that has most, in the tier where it has more; false if none has two.
    fn make_room(&mut self) -> bool {
        let kept = self.table.iter_mut().map(|(_, kept)| kept);
        let Some(kept) = kept.max_by_key(|kept| kept.blocks()) else { return false };
        let points = match kept.fine.blocks.max(kept.coarse.blocks) {
            0 | 1 => return false,
            _ if kept.fine.blocks >= kept.coarse.blocks => kept.fine.drop_oldest(&mut self.pool),
            _ => kept.coarse.drop_oldest(&mut self.pool),
        };
        self.stats.evicted_points += points;
        true
    }

    /// Whether a series of `family` may have to be kept, by its name alone.
    pub(super) fn wants(&self, family: &FamilyInfo) -> bool {
        let keep = &self.plan.keep;
        let wants = |suffix: &str| {
            let name = [&family.name, suffix].concat();
            keep.iter().any(|selector| selector.may_mean(&name))
        };
        let suffixes = match family.kind {
            Kind::Histogram => &["_bucket", "_sum", "_count"][..],
            _ => &[""],
        };
        keep.is_empty() || suffixes.iter().any(|suffix| wants(suffix))
    }

    /// The place of a series, which is made if it is to be kept and there is room.
    pub(super) fn place_of(&mut self, labels: Labels) -> Option<u16> {
        if let Some(place) = self.table.find(&labels) {
            return Some(place);
        }
        let kept = self.plan.keep.is_empty() || self.plan.keep.iter().any(|s| s.matches(&labels));
        if kept { self.make(labels) } else { None }
    }

    /// Makes a place for a series, if there is room.
    fn make(&mut self, labels: Labels) -> Option<u16> {
        let most = self.plan.bytes.saturating_sub(self.pool.bytes() + labels.bytes());
        let fits = |table: &Table| !table.is_full() && table.label_bytes() <= most;
        while !fits(&self.table) {
            if !self.evict_ended() {
                self.stats.refused_series += 1;
                return None;
            }
        }
        let place = self.table.insert(labels);
        self.allow();
        place
    }

    /// Gives the pool what labels leave, with some aside for those that may come.
    fn allow(&mut self) {
        let labels = self.table.label_bytes() + self.table.free() * LABELS;
        self.pool.allow(self.plan.bytes.saturating_sub(labels));
    }

    /// Gives up the series that ended first.
    fn evict_ended(&mut self) -> bool {
        let ended = self.table.iter_mut().filter(|(_, kept)| kept.has_ended());
        let Some((place, _)) = ended.min_by_key(|(_, kept)| kept.newest_tick) else { return false };
        self.table.remove(place, &mut self.pool);
        self.stats.evicted_series += 1;
        true
    }

    /// Takes what a rule made in the running tick, whatever else is kept; false if there is no room.
    pub(super) fn write(&mut self, labels: &Labels, value: f64) -> bool {
        let found = self.table.find(labels);
        if is_stale(value) {
            found.into_iter().for_each(|place| self.end_written(place));
            return true;
        }
        let Some(place) = found.or_else(|| self.make(labels.clone())) else { return false };
        if let Some(kept) = self.table.get_mut(place) {
            kept.by = By::Rule;
        }
        self.put(place, value);
        true
    }

    fn end_written(&mut self, place: u16) {
        let Some(kept) = self.table.get_mut(place) else { return };
        kept.by = By::EndingRule;
        if kept.ends(self.tick, u32::MAX) {
            self.mark_ended(place);
        }
    }

    fn mark_ended(&mut self, place: u16) {
        let tick = self.tick;
        let Some(kept) = self.table.get_mut(place) else { return };
        (kept.life, kept.newest_tick) = (Life::Ended, tick);
        self.push(place, |kept, pool| kept.fine.push(pool, tick, STALE));
        if let Some(kept) = self.table.get_mut(place) {
            kept.fine.mark_uneven(&mut self.pool);
        }
    }

    /// Ends a tick: marks series that missed too many, forgets what is too old.
    pub(super) fn end(&mut self) {
        let (tick, stale_after, first_tick) =
            (self.tick, self.plan.stale_after, self.fine.first_tick());
        for place in 0..self.plan.series as u16 {
            let Some(kept) = self.table.get_mut(place) else { continue };
            kept.fine.expire(&mut self.pool, first_tick);
            if (kept.has_ended() || kept.by != By::Registry) && kept.is_empty() {
                self.table.remove(place, &mut self.pool);
            } else if kept.ends(tick, stale_after) {
                self.mark_ended(place);
            }
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let blocks: usize = self.table.iter().map(|kept| usize::from(kept.blocks())).sum();
        let rings = self.fine.bytes() + self.coarse.bytes();
        Stats {
            bytes: self.pool.bytes() + rings + self.table.bytes() + self.walk.bytes(),
            point_bytes: blocks * BYTES_PER_BLOCK,
            series: self.table.len(),
            ended_series: self.table.iter().filter(|kept| kept.has_ended()).count(),
            ..self.stats
        }
    }
}
