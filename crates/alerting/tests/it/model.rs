//! The state machine against a slow model that looks at everything that was ever found.

use std::time::Duration;

use perf_monitor_alerting::{
    AlertState, Change, Flapping, Found, Moment, NoData, Phase, Reason, Timing,
};
use proptest::prelude::*;

/// Everything that was found, and the changes that followed.
#[derive(Default)]
struct Model {
    /// Watched time, steady time, what was found, the phase after it, the change.
    steps: Vec<(i64, i64, Found, Phase, Option<Change>)>,
}

impl Model {
    fn phase(&self) -> Phase {
        self.steps.last().map_or(Phase::Inactive, |step| step.3)
    }

    /// Watched time since the first of the last steps that `go on`; without that in which nothing was
    /// found, which is the time from each such step back to the one before.
    fn lasted(&self, now: i64, found: Found, goes_on: impl Fn(&Found, Phase) -> bool) -> i64 {
        let mut begun = None;
        let mut blind = 0;
        let mut before = now;
        let mut was_blind = found == Found::NoData;
        for step in self.steps.iter().rev() {
            if was_blind {
                blind += before - step.0;
            }
            if !goes_on(&step.2, step.3) {
                break;
            }
            was_blind = step.2 == Found::NoData;
            before = step.0;
            if !was_blind {
                begun = Some((step.0, blind));
            }
        }
        begun.map_or(0, |(at, blind)| now - at - blind)
    }

    fn fires(&self) -> impl DoubleEndedIterator<Item = i64> {
        self.steps.iter().filter(|step| step.4 == Some(Change::Fired)).map(|step| step.1)
    }

    fn missing_for(&self, now: i64) -> i64 {
        let blind = self.steps.iter().rev().take_while(|step| step.2 == Found::NoData);
        blind.last().map_or(0, |step| now - step.0)
    }

    fn step(&mut self, timing: &Timing, at: Moment, found: Found) -> Option<Change> {
        let (now, steady) = (at.watched_ms, at.steady_ms);
        let ms = |duration: Duration| duration.as_millis() as i64;
        let phase = self.phase();
        let (next, change) = match (phase, found) {
            (_, Found::NoData) => match timing.no_data {
                NoData::Resolve => self.clear(timing, now, steady, found),
                NoData::KeepFor(most)
                    if phase != Phase::Inactive && self.missing_for(now) >= ms(most) =>
                {
                    let change = Change::Resolved(Reason::NoData);
                    (Phase::Inactive, (phase == Phase::Firing).then_some(change))
                }
                _ => (phase, None),
            },
            (Phase::Firing, Found::Active | Found::Between) => (Phase::Firing, None),
            (_, Found::Active) => {
                let held = self.lasted(now, found, |_, phase| phase == Phase::Pending);
                let rested =
                    self.fires().next_back().is_none_or(|f| steady - f >= ms(timing.cooldown));
                match held >= ms(timing.hold) && rested {
                    true => (Phase::Firing, Some(Change::Fired)),
                    false => (Phase::Pending, None),
                }
            }
            _ => self.clear(timing, now, steady, found),
        };
        self.steps.push((now, steady, found, next, change));
        change
    }

    fn clear(
        &self,
        timing: &Timing,
        now: i64,
        steady: i64,
        found: Found,
    ) -> (Phase, Option<Change>) {
        if self.phase() != Phase::Firing {
            return (Phase::Inactive, None);
        }
        let ms = |duration: Duration| duration.as_millis() as i64;
        let blind = timing.no_data == NoData::Resolve;
        let since =
            |f: &Found, phase| phase == Phase::Firing && matches!(f, Found::Clear | Found::NoData);
        let gone = match blind {
            // Then nothing found is as good as gone.
            true => {
                let steps = self.steps.iter().rev().take_while(|s| since(&s.2, s.3));
                steps.last().map_or(0, |step| now - step.0)
            }
            false => self.lasted(now, found, since),
        };
        let flaps = timing.flapping.is_some_and(|flapping| {
            let from = steady - ms(flapping.within);
            self.fires().rev().take(16).filter(|at| *at > from).count()
                >= usize::from(flapping.fires)
        });
        let calm = timing.flapping.filter(|_| flaps).map_or(0, |flapping| ms(flapping.calm));
        if gone < ms(timing.keep_firing).max(calm) {
            return (Phase::Firing, None);
        }
        let reason = if found == Found::NoData { Reason::NoData } else { Reason::Condition };
        (Phase::Inactive, Some(Change::Resolved(reason)))
    }
}

fn found() -> impl Strategy<Value = Found> {
    prop_oneof![
        4 => Just(Found::Active),
        3 => Just(Found::Clear),
        1 => Just(Found::Between),
        2 => Just(Found::NoData),
    ]
}

fn seconds(most: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), (1..most).prop_map(Duration::from_secs)]
}

fn timing() -> impl Strategy<Value = Timing> {
    let no_data = prop_oneof![
        Just(NoData::Keep),
        Just(NoData::Resolve),
        seconds(9).prop_map(NoData::KeepFor),
    ];
    let flapping =
        prop::option::of((2_u8..5, 5_u64..40, seconds(9)).prop_map(|(fires, within, calm)| {
            Flapping { fires, within: Duration::from_secs(within), calm }
        }));
    let times = (seconds(6), seconds(6), seconds(20));
    (times, no_data, flapping).prop_map(|((hold, keep_firing, cooldown), no_data, flapping)| {
        Timing { hold, keep_firing, cooldown, no_data, flapping }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_machine_does_what_the_model_does(
        timing in timing(),
        // How long until the next look, how much of that counts as watched, and what it finds.
        steps in prop::collection::vec((0_i64..4_000, prop::bool::weighted(0.9), found()), 1..80),
    ) {
        let (mut state, mut model) = (AlertState::default(), Model::default());
        let mut now = Moment::default();
        for (passed, is_watched, found) in steps {
            now.steady_ms += passed;
            now.watched_ms += if is_watched { passed } else { passed.min(500) };
            let change = state.step(&timing, now, found);
            prop_assert_eq!(change, model.step(&timing, now, found), "at {:?}", now);
            prop_assert_eq!(state.phase(), model.phase());
        }
    }

    #[test]
    fn firings_and_resolves_take_turns_and_firings_keep_their_distance(
        timing in timing(),
        steps in prop::collection::vec((0_i64..4_000, found()), 1..80),
    ) {
        let mut state = AlertState::default();
        let mut now = Moment::default();
        let (mut fires, mut last): (bool, Option<i64>) = (false, None);
        for (passed, found) in steps {
            now.steady_ms += passed;
            now.watched_ms += passed;
            match state.step(&timing, now, found) {
                Some(Change::Fired) => {
                    prop_assert!(!fires);
                    let rest = timing.cooldown.as_millis() as i64;
                    prop_assert!(last.is_none_or(|at| now.steady_ms - at >= rest));
                    (fires, last) = (true, Some(now.steady_ms));
                }
                Some(Change::Resolved(_)) => {
                    prop_assert!(fires);
                    fires = false;
                }
                None => {}
            }
            prop_assert_eq!(fires, state.phase() == Phase::Firing);
        }
    }
}
