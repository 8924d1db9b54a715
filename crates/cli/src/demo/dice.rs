//! Chance, the same in every run.

use std::cell::Cell;
use std::time::Duration;

/// Random numbers by splitmix64.
pub(super) struct Dice(Cell<u64>);

impl Dice {
    /// Dice that fall as those of the same `seed` do.
    pub(super) fn new(seed: u64) -> Dice {
        Dice(Cell::new(seed))
    }

    /// A number from 0 up to 1.
    pub(super) fn share(&self) -> f64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something that happens in this share of cases happens.
    pub(super) fn happens(&self, share: f64) -> bool {
        self.share() < share
    }

    /// A time whose logarithm is even between those of `least` and `most`: mostly short, sometimes long.
    pub(super) fn time(&self, least: Duration, most: Duration) -> Duration {
        least.mul_f64((most.as_secs_f64() / least.as_secs_f64()).powf(self.share()))
    }

    /// The time to the next of events that come independently of each other, `mean` apart.
    pub(super) fn pause(&self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.share()).ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_within_their_bounds_and_pauses_have_their_mean() {
        let dice = Dice::new(1);
        let (least, most) = (Duration::from_millis(2), Duration::from_millis(80));
        let slack = Duration::from_nanos(1);
        for _ in 0..1000 {
            let time = dice.time(least, most);
            assert!(time + slack >= least && time <= most + slack, "{time:?}");
        }
        let total: Duration = (0..10_000).map(|_| dice.pause(least)).sum();
        assert!((19..=21).contains(&total.as_secs()), "{total:?}");
    }
}
