//! Durations as Prometheus writes them.

use std::time::Duration;

/// Milliseconds of each unit, in the order in which a duration may have them.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The duration that a text such as `90s`, `1h30m` or `0` says: units from years to milliseconds, each once, the larger
/// first. Prometheus keeps nanoseconds in 63 bits, so there is none of more than 292 years.
///
/// # Errors
/// A sentence that says what is wrong.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(perf_monitor_history::parse_duration("1m30s"), Ok(Duration::from_secs(90)));
/// assert!(perf_monitor_history::parse_duration("30s1m").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: write such as 30s, 5m or 1h30m");
    let ms = if text == "0" { Some(0) } else { milliseconds(text) };
    ms.map(Duration::from_millis).ok_or_else(wrong)
}

fn milliseconds(text: &str) -> Option<u64> {
    let (mut rest, mut units, mut ms) = (text, &UNITS[..], None);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let index = units.iter().position(|(unit, _)| *unit == &after[..letters])?;
        let sum = number.checked_mul(units[index].1)?.checked_add(ms.unwrap_or(0))?;
        ms = Some(sum).filter(|ms| *ms < i64::MAX as u64 / 1_000_000);
        ms?;
        units = &units[index + 1..];
        rest = &after[letters..];
    }
    ms
}

/// The same back, such as `1h30m`: in whole milliseconds, `0s` for less.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(perf_monitor_history::show_duration(Duration::from_secs(90)), "1m30s");
/// ```
pub fn show_duration(duration: Duration) -> String {
    let mut ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".into();
    }
    let mut out = String::new();
    for (name, unit) in UNITS {
        // Prometheus writes years and weeks only where nothing is left over.
        let whole = ["y", "w"].contains(&name);
        if ms >= unit && (!whole || ms.is_multiple_of(unit)) {
            out += &format!("{}{name}", ms / unit);
            ms %= unit;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_back() {
        for text in ["0s", "1ms", "30s", "5m", "1h30m", "1d", "2w", "1y", "8d", "1m1s1ms"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
        for text in
            ["", "5", "m", "5x", "1.5h", "-5m", "5m5m", "1s1m", "300y", "99999999999y", "5ä"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
