//! Moments of the calendar, as payloads write them.

use perf_monitor_core::date_of;

/// Milliseconds since the Unix epoch as RFC 3339 in UTC, such as `2001-09-09T01:46:40.5Z`.
pub(crate) fn rfc3339(unix_ms: i64) -> String {
    let (seconds, ms) = (unix_ms.div_euclid(1_000), unix_ms.rem_euclid(1_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction = match ms {
        0 => String::new(),
        ms => format!(".{ms:03}").trim_end_matches('0').to_owned(),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// The moment that an RFC 3339 text says, in milliseconds since the Unix epoch.
pub(crate) fn of_rfc3339(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let separators = [(4, '-'), (7, '-'), (13, ':'), (16, ':')];
    if separators.iter().any(|(at, c)| text.get(*at..).is_none_or(|t| !t.starts_with(*c))) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    if !fits || second > 60 {
        return None;
    }
    let (fraction, zone) = text[19..].split_at(text[19..].find(['Z', 'z', '+', '-'])?);
    let ms = match fraction.strip_prefix('.') {
        Some(digits) => format!("{digits:0<3}").get(..3)?.parse().ok()?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    let offset = match zone.split_at(1) {
        ("Z" | "z", "") => 0,
        (sign, rest) => {
            let (hours, minutes) = rest.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second;
    Some(seconds * 1_000 + ms)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_and_read_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_000_000_000_500, "2001-09-09T01:46:40.5Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
            assert_eq!(of_rfc3339(text), Some(ms));
        }
        assert_eq!(of_rfc3339("2001-09-09T03:46:40+02:00"), Some(1_000_000_000_000));
        for text in ["", "yesterday", "2001-13-09T01:46:40Z", "2001-09-09T01:46:40", "äää-"] {
            assert_eq!(of_rfc3339(text), None, "{text}");
        }
    }
}
