//! Time as the state machine sees it.

use std::time::Duration;

/// One reading of the clocks, in milliseconds. The machine knows no other time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Time during which rules were looked at: what `for` and `keep_firing_for` are measured in.
    pub watched_ms: i64,
    /// Steady time: what cooldowns and repeats are measured in.
    pub steady_ms: i64,
    /// The time of day, to show; nothing is measured in it.
    pub unix_ms: i64,
}

/// A time in milliseconds, or none, in the room of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Maybe(i64);

impl Maybe {
    pub(crate) const NOT: Maybe = Maybe(i64::MIN);

    pub(crate) fn of(ms: i64) -> Maybe {
        Maybe(ms)
    }

    pub(crate) fn get(self) -> Option<i64> {
        (self != Maybe::NOT).then_some(self.0)
    }

    pub(crate) fn get_or_insert(&mut self, ms: i64) -> i64 {
        if *self == Maybe::NOT {
            *self = Maybe(ms);
        }
        self.0
    }
}

impl Default for Maybe {
    fn default() -> Maybe {
        Maybe::NOT
    }
}

/// Turns readings of a steady clock and of the time of day into [`Moment`]s.
///
/// A gap between two looks (a suspended machine, a stalled process) counts as watched for `max_gap`
/// at most: nobody knows what was true meanwhile. A clock that goes backwards counts as standing.
#[derive(Clone, Debug)]
pub struct Timeline {
    max_gap_ms: i64,
    now: Moment,
    begun: bool,
}

impl Timeline {
    /// A timeline whose looks are worth `max_gap` at most.
    pub fn new(max_gap: Duration) -> Timeline {
        Timeline { max_gap_ms: millis(max_gap), now: Moment::default(), begun: false }
    }

    /// The moment of these readings, in milliseconds.
    pub fn look(&mut self, steady_ms: i64, unix_ms: i64) -> Moment {
        let passed = match self.begun {
            true => steady_ms.saturating_sub(self.now.steady_ms).max(0),
            false => 0,
        };
        self.begun = true;
        self.now = Moment {
            watched_ms: self.now.watched_ms + passed.min(self.max_gap_ms),
            steady_ms: self.now.steady_ms.max(steady_ms),
            unix_ms,
        };
        self.now
    }

    /// The last moment.
    pub fn now(&self) -> Moment {
        self.now
    }
}

/// A duration in milliseconds; the longest that an `i64` holds stands for more.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspended_hour_counts_as_one_gap_and_a_clock_set_back_as_nothing() {
        let mut line = Timeline::new(Duration::from_secs(10));
        assert_eq!(line.look(5_000, 100_000).watched_ms, 0);
        assert_eq!(line.look(6_000, 101_000).watched_ms, 1_000);
        let after = line.look(3_606_000, 3_701_000);
        assert_eq!((after.watched_ms, after.steady_ms), (11_000, 3_606_000));
        let back = line.look(3_600_000, 50);
        assert_eq!((back.watched_ms, back.steady_ms, back.unix_ms), (11_000, 3_606_000, 50));
    }
}
