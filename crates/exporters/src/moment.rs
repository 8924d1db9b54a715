//! Moments as dates of the calendar, in UTC.

use perf_monitor_core::date_of;

const DAY_S: u64 = 86_400;

/// A moment, by its date and time in UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    unix_ns: u64,
}

impl Moment {
    pub(crate) fn of(unix_ns: u64) -> Moment {
        Moment { unix_ns }
    }

    /// `2025-01-21T15:30:00`, with `between` in place of the `T`.
    pub(crate) fn with(self, between: char) -> String {
        let seconds = self.unix_ns / 1_000_000_000;
        let (year, month, day) = date_of((seconds / DAY_S) as i64);
        let (hour, minute, second) = (seconds % DAY_S / 3_600, seconds % 3_600 / 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}")
    }

    /// What is beyond the full second.
    pub(crate) fn nanos(self) -> u64 {
        self.unix_ns % 1_000_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_the_calendar_s() {
        for (seconds, wanted) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_737_473_400, "2025-01-21 15:30:00"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(Moment::of(seconds * 1_000_000_000).with(' '), wanted);
        }
        assert_eq!(Moment::of(1_250_000_000).nanos(), 250_000_000);
        assert_eq!(Moment::of(u64::MAX).with('T'), "2554-07-21T23:34:33");
    }
}
