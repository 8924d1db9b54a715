//! Durations as Prometheus writes them.

use std::time::Duration;

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The duration that a text such as `90s`, `1h30m` or `0` says: units from years to milliseconds, each
/// once, the larger first.
///
/// # Errors
/// A sentence that says what is wrong.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(perf_monitor_alerting::parse_duration("1m30s"), Ok(Duration::from_secs(90)));
/// assert!(perf_monitor_alerting::parse_duration("30s1m").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: write such as 30s, 5m or 1h30m");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut ms, mut next) = (text, 0_u64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let at = UNITS.iter().position(|(name, _)| *name == &rest[..unit]).ok_or_else(wrong)?;
        if at < next {
            return Err(wrong());
        }
        next = at + 1;
        let add = number.checked_mul(UNITS[at].1).and_then(|add| ms.checked_add(add));
        // Prometheus keeps nanoseconds in 63 bits.
        ms = add.filter(|ms| *ms < i64::MAX as u64 / 1_000_000).ok_or_else(wrong)?;
        rest = &rest[unit..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_millis(ms)) }
}

/// The same back.
pub(crate) fn show_duration(duration: Duration) -> String {
    let mut ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".into();
    }
    let mut out = String::new();
    for (name, unit) in UNITS {
        // Prometheus writes years and weeks only where nothing is left over.
        let whole = ["y", "w"].contains(&name);
        if ms >= unit && (!whole || ms % unit == 0) {
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
        for text in ["", "5", "m", "5x", "1.5h", "-5m", "5m5m", "1s1m", "99999999999y"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
