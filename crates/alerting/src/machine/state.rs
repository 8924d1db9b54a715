//! One alert's way from inactive over pending and firing to resolved.

use super::moment::{Maybe, Moment, millis};
use super::timing::{Flapping, NoData, Timing};

/// Firings that are remembered, whatever a rule asks for.
const MAX_FIRES: usize = 16;

/// Where an alert stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Its condition does not hold.
    #[default]
    Inactive,
    /// Its condition holds, not yet for long enough, or it rests since it last fired.
    Pending,
    /// It fires.
    Firing,
}

/// What one look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The condition holds.
    Active,
    /// The condition does not hold, and what clears the alert does neither: a firing alert goes on.
    Between,
    /// The alert may clear.
    Clear,
    /// Nothing is known.
    NoData,
}

/// What a step changed that others must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It fires from now on.
    Fired,
    /// It fires no more.
    Resolved(Reason),
}

/// Why an alert resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its condition is gone.
    Condition,
    /// Its data is gone for longer than the rule allows.
    NoData,
    /// Its rule is gone.
    RuleRemoved,
}

/// The state of one alert. Pure: it reads no clock and does nothing but change.
#[derive(Clone, Debug, Default)]
pub struct AlertState {
    phase: Phase,
    /// Watched time since which the condition holds, while pending, or is gone, while firing.
    since_ms: Maybe,
    /// Watched time since which there is no data.
    missing_since_ms: Maybe,
    /// Watched time of the last step.
    last_ms: i64,
    /// Steady times of the last firings, the oldest first: anew at each, which is rare. Of those before the last
    /// there are as many as may count for flapping.
    fires_ms: Box<[i64]>,
}

impl AlertState {
    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the last look found no data.
    pub fn is_missing(&self) -> bool {
        self.missing_since_ms.get().is_some()
    }

    /// How long it has been pending, in milliseconds of watched time.
    pub fn held_ms(&self, now: Moment) -> i64 {
        let since = self.since_ms.get().filter(|_| self.phase == Phase::Pending);
        since.map_or(0, |since| now.watched_ms - since)
    }

    /// When it last fired, in steady milliseconds.
    pub fn last_fired_ms(&self) -> Option<i64> {
        self.fires_ms.last().copied()
    }

    /// Whether it has fired so often that its resolve waits for calm.
    pub fn is_flapping(&self, timing: &Timing, now: Moment) -> bool {
        timing.flapping.is_some_and(|flapping| self.fires_within(flapping, now))
    }

    /// Whether nothing in here would be missed.
    pub fn is_forgettable(&self, timing: &Timing, now: Moment) -> bool {
        let rest = timing.flapping.map_or(0, |f| millis(f.within)).max(millis(timing.cooldown));
        let fired = self.last_fired_ms();
        self.phase == Phase::Inactive && fired.is_none_or(|at| now.steady_ms - at >= rest)
    }

    /// One that fires, or has fired, since before this process began: at `fired_ms` of steady time.
    pub fn restored(firing: bool, fired_ms: i64, now: Moment) -> AlertState {
        let phase = if firing { Phase::Firing } else { Phase::Inactive };
        let fires_ms = Box::new([fired_ms]);
        AlertState { phase, fires_ms, last_ms: now.watched_ms, ..AlertState::default() }
    }

    /// Makes an inactive one pending, since `held_ms` of watched time.
    pub fn resume_pending(&mut self, held_ms: i64, now: Moment) {
        if self.phase == Phase::Inactive {
            self.phase = Phase::Pending;
            self.since_ms = Maybe::of(now.watched_ms - held_ms.max(0));
            self.last_ms = now.watched_ms;
        }
    }

    /// Takes in what a look at `now` found.
    ///
    /// `now` must not be before that of the last step.
    pub fn step(&mut self, timing: &Timing, now: Moment, found: Found) -> Option<Change> {
        let passed = now.watched_ms - self.last_ms;
        self.last_ms = now.watched_ms;
        if found == Found::NoData && timing.no_data != NoData::Resolve {
            return self.without_data(timing, now, passed);
        }
        let is_missing = found == Found::NoData && self.phase != Phase::Inactive;
        let since = self.missing_since_ms.get().unwrap_or(now.watched_ms);
        self.missing_since_ms = if is_missing { Maybe::of(since) } else { Maybe::NOT };
        match (self.phase, found) {
            (_, Found::Active) => self.active(timing, now),
            (Phase::Firing, Found::Between) => {
                self.since_ms = Maybe::NOT;
                None
            }
            (Phase::Firing, Found::Clear | Found::NoData) => self.clear(timing, now, found),
            (Phase::Inactive | Phase::Pending, _) => {
                self.phase = Phase::Inactive;
                None
            }
        }
    }

    fn active(&mut self, timing: &Timing, now: Moment) -> Option<Change> {
        if self.phase == Phase::Firing {
            self.since_ms = Maybe::NOT;
            return None;
        }
        if self.phase == Phase::Inactive {
            self.phase = Phase::Pending;
            self.since_ms = Maybe::of(now.watched_ms);
        }
        let held = self.held_ms(now) >= millis(timing.hold);
        (held && self.is_rested(timing, now)).then(|| self.fire(timing, now))
    }

    fn is_rested(&self, timing: &Timing, now: Moment) -> bool {
        self.last_fired_ms().is_none_or(|at| now.steady_ms - at >= millis(timing.cooldown))
    }

    fn fire(&mut self, timing: &Timing, now: Moment) -> Change {
        self.phase = Phase::Firing;
        self.since_ms = Maybe::NOT;
        let within = timing.flapping.map_or(0, |flapping| millis(flapping.within));
        let from = now.steady_ms.saturating_sub(within);
        let counts = self.fires_ms.iter().filter(|at| **at > from).count();
        let kept = self.fires_ms[self.fires_ms.len() - counts.min(MAX_FIRES - 1)..].iter();
        self.fires_ms = kept.copied().chain([now.steady_ms]).collect();
        Change::Fired
    }

    fn clear(&mut self, timing: &Timing, now: Moment, found: Found) -> Option<Change> {
        let since = self.since_ms.get_or_insert(now.watched_ms);
        let calm = timing.flapping.filter(|f| self.fires_within(*f, now)).map(|f| f.calm);
        let wait = timing.keep_firing.max(calm.unwrap_or_default());
        if now.watched_ms - since < millis(wait) {
            return None;
        }
        let no_data = found == Found::NoData;
        Some(self.resolve(if no_data { Reason::NoData } else { Reason::Condition }))
    }

    fn resolve(&mut self, reason: Reason) -> Change {
        self.phase = Phase::Inactive;
        self.since_ms = Maybe::NOT;
        self.missing_since_ms = Maybe::NOT;
        Change::Resolved(reason)
    }

    /// Nothing moves: what is being waited for begins later by the time that has passed.
    fn without_data(&mut self, timing: &Timing, now: Moment, passed: i64) -> Option<Change> {
        if self.phase == Phase::Inactive {
            return None;
        }
        let since = self.missing_since_ms.get_or_insert(now.watched_ms);
        self.since_ms = self.since_ms.get().map_or(Maybe::NOT, |at| Maybe::of(at + passed));
        match timing.no_data {
            NoData::KeepFor(most) if now.watched_ms - since >= millis(most) => {
                let fired = self.phase == Phase::Firing;
                let change = self.resolve(Reason::NoData);
                fired.then_some(change)
            }
            _ => None,
        }
    }

    fn fires_within(&self, flapping: Flapping, now: Moment) -> bool {
        let from = now.steady_ms.saturating_sub(millis(flapping.within));
        let fires = self.fires_ms.iter().filter(|at| **at > from).count();
        fires >= usize::from(flapping.fires.clamp(2, MAX_FIRES as u8))
    }

    /// What it takes on the heap, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.fires_ms.len() * size_of::<i64>()
    }
}
