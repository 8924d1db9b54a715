//! How long to wait for a collector that does not take what it is sent.

use std::time::Duration;

use perf_monitor_http::Error;

/// The first wait is up to this long; each after it up to twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// No wait of our own is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// No collector may ask for more.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Exponential waits with full jitter: anything between nothing and the bound, which doubles. Services that lost their
/// collector together do not come back to it together.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait after one more failure; `random` is in `0..1`.
    pub(crate) fn wait(&mut self, asked: Option<Duration>, random: f64) -> Duration {
        let bound = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        match asked {
            // Those who were all told the same moment spread over the second after it.
            Some(asked) => asked.min(LONGEST_ASKED) + FIRST.mul_f64(random),
            None => bound.mul_f64(random),
        }
    }

    /// The collector took something.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A number in `0..1`, other than that of any other process: std seeds its hashes from the system's randomness.
pub(crate) fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// The time that a `Retry-After` asks for, as seconds or as a moment that is still to come.
pub(crate) fn retry_after(value: &str, now_unix_ns: u64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = httpdate::parse_http_date(value).ok()?;
    let now = std::time::UNIX_EPOCH + Duration::from_nanos(now_unix_ns);
    Some(moment.duration_since(now).unwrap_or_default())
}

/// Why a request came to nothing, by the name of its series.
pub(crate) fn reason(error: &Error) -> &'static str {
    if error.is_connect() {
        "connect"
    } else if error.is_timeout() {
        "timeout"
    } else if error.is_too_large() {
        "too_large"
    } else {
        "broken"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_until_something_was_taken() {
        let mut backoff = Backoff::default();
        let mut wait = |random| backoff.wait(None, random).as_secs_f64();
        let waits: Vec<f64> = (0..8).map(|_| wait(0.5)).collect();
        assert_eq!(waits, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!(wait(0.0), 0.0);
        (0..100).for_each(|_| assert!(wait(0.999) < 60.0));
        backoff.reset();
        assert_eq!(backoff.wait(None, 0.5), Duration::from_millis(500));
    }

    #[test]
    fn what_is_asked_for_is_waited_for_within_bounds() {
        let mut backoff = Backoff::default();
        let asked = Some(Duration::from_secs(7));
        assert_eq!(backoff.wait(asked, 0.25), Duration::from_millis(7_250));
        let asked = Some(Duration::from_secs(u64::MAX));
        assert_eq!(backoff.wait(asked, 0.0), LONGEST_ASKED);
    }

    #[test]
    fn random_numbers_differ_within_their_range() {
        let numbers: Vec<f64> = (0..1_000).map(|_| random()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(numbers.iter().any(|number| *number < 0.1));
        assert!(numbers.iter().any(|number| *number > 0.9));
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_moment() {
        let now_ns = 784_111_777 * 1_000_000_000; // Sun, 06 Nov 1994 08:49:37 GMT
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now_ns), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
