//! How long to wait for a receiver that takes nothing.

use std::time::Duration;

/// No receiver may ask for more.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);

/// Exponential waits with full jitter, so that services that lost a receiver together do not come back
/// to it together.
#[derive(Debug)]
pub(super) struct Backoff {
    /// The first wait is up to this long; each after it up to twice as long.
    first: Duration,
    /// No wait of our own is longer.
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new((first, longest): (Duration, Duration)) -> Backoff {
        Backoff { first, longest, failures: 0 }
    }

    /// How long to wait after one more failure; `random` is in `0..1`.
    pub(super) fn wait(&mut self, asked: Option<Duration>, random: f64) -> Duration {
        let bound = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        match asked {
            // Those who were all told the same moment spread over the time after it.
            Some(asked) => asked.min(LONGEST_ASKED) + self.first.mul_f64(random),
            None => bound.mul_f64(random),
        }
    }

    /// It took something.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A number in `0..1`, other than that of any other process: std seeds its hashes from the system's
/// randomness.
pub(super) fn random() -> f64 {
    (random_bits() >> 11) as f64 / (1_u64 << 53) as f64
}

pub(super) fn random_bits() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new((Duration::from_secs(1), Duration::from_secs(300)))
    }

    #[test]
    fn waits_double_up_to_five_minutes_until_something_was_taken() {
        let mut backoff = backoff();
        let mut wait = |random| backoff.wait(None, random).as_secs_f64();
        let waits: Vec<f64> = (0..10).map(|_| wait(0.5)).collect();
        assert_eq!(waits, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 150.0]);
        assert_eq!(wait(0.0), 0.0);
        backoff.reset();
        assert_eq!(backoff.wait(None, 0.5), Duration::from_millis(500));
    }

    #[test]
    fn what_is_asked_for_is_waited_for_within_bounds() {
        let mut backoff = backoff();
        let wait = backoff.wait(Some(Duration::from_secs(7)), 0.25);
        assert_eq!(wait, Duration::from_millis(7_250));
        assert_eq!(backoff.wait(Some(Duration::MAX), 0.0), LONGEST_ASKED);
    }
}
