//! Moments as dates of the calendar, in UTC.

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
        let (year, month, day) = date(seconds / DAY_S);
        let (hour, minute, second) = (seconds % DAY_S / 3_600, seconds % 3_600 / 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}")
    }

    /// What is beyond the full second.
    pub(crate) fn nanos(self) -> u64 {
        self.unix_ns % 1_000_000_000
    }
}

/// Year, month and day of a number of days since 1970, by Howard Hinnant's `civil_from_days`: the year begins in March,
/// so that the leap day is its last, and 400 of them are 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
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

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = date(0);
        for days in 1..=146_097 {
            let (year, month, day) = date(days);
            let next = match (before.1, before.2) {
                _ if day > 1 => (before.0, before.1, before.2 + 1),
                (12, 31) => (before.0 + 1, 1, 1),
                (month, 28..=31) => (before.0, month + 1, 1),
                _ => panic!("{before:?} is not the end of a month"),
            };
            assert_eq!((year, month, day), next);
            before = next;
        }
        assert_eq!(before, (2370, 1, 1));
    }
}
