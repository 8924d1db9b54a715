//! Days as dates.

/// Year, month and day, in the Gregorian calendar, of a number of days since 1970-01-01.
///
/// By Howard Hinnant's `civil_from_days`, which is exact for all of the calendar: the year begins in March, so that the
/// leap day is its last, and 400 of them are 146,097 days.
///
/// ```
/// assert_eq!(perf_monitor_core::date_of(11_016), (2000, 2, 29));
/// assert_eq!(perf_monitor_core::date_of(-1), (1969, 12, 31));
/// ```
pub fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = date_of(0);
        for days in 1..=146_097 {
            let (year, month, day) = date_of(days);
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
