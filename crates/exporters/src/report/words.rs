//! Numbers with their units, as people read them.

use std::time::Duration;

/// Three digits and the unit: `850 ns`, `12.3 ms`, `2 min 5 s`.
pub(super) fn duration(duration: Duration) -> String {
    let ns = duration.as_nanos() as f64;
    if ns < 1e3 {
        return format!("{ns} ns");
    }
    for (unit_ns, unit) in [(1e3, "µs"), (1e6, "ms"), (1e9, "s")] {
        // What would be rounded to a thousand is one of the next unit, and sixty seconds are a minute.
        let most = if unit == "s" { 59.95 } else { 999.5 };
        if ns / unit_ns < most {
            return format!("{} {unit}", three_digits(ns / unit_ns));
        }
    }
    let seconds = (ns / 1e9).round() as u64;
    let [days, hours, minutes, seconds] =
        [seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60];
    match (days, hours) {
        (0, 0) => format!("{minutes} min {seconds} s"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{} d {hours} h", count(days)),
    }
}

/// The same, or a dash for what is not known.
pub(super) fn duration_or_dash(known: Option<Duration>) -> String {
    known.map_or_else(|| "-".to_owned(), duration)
}

/// Three digits and the unit: `512 B`, `1.25 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut of_unit = bytes as f64 / 1_024.0;
    let mut unit = 0;
    while of_unit >= 999.5 && unit + 1 < UNITS.len() {
        of_unit /= 1_024.0;
        unit += 1;
    }
    format!("{} {}", three_digits(of_unit), UNITS[unit])
}

/// With commas between the thousands; a million millions and more as a power of ten.
pub(super) fn count(n: u64) -> String {
    if n >= 1_000_000_000_000 {
        return format!("{:.2e}", n as f64);
    }
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 run`, `2 runs`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A share of one in percent, to a tenth.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// So many a second.
pub(super) fn rate(per_s: f64) -> String {
    match per_s < 999.95 {
        true => format!("{per_s:.1}/s"),
        false => format!("{}/s", count(per_s.round() as u64)),
    }
}

fn three_digits(x: f64) -> String {
    let decimals = match x {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{x:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_the_unit_that_fits() {
        for (ns, wanted) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_996, "10.0 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (50_000_000, "50.0 ms"),
            (1_250_000_000, "1.25 s"),
            (59_960_000_000, "1 min 0 s"),
            (125_000_000_000, "2 min 5 s"),
            (3_600_000_000_000, "1 h 0 min"),
            (100_000_000_000_000, "1 d 3 h"),
        ] {
            assert_eq!(duration(Duration::from_nanos(ns)), wanted);
        }
        assert_eq!(duration_or_dash(None), "-");
    }

    #[test]
    fn sizes_and_counts_are_short() {
        for (n, wanted) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.00 KiB"),
            (5 << 20, "5.00 MiB"),
            (1_023 << 10, "1.00 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(n), wanted);
        }
        assert_eq!(
            (&*count(999), &*count(1_000), &*count(1_234_567)),
            ("999", "1,000", "1,234,567")
        );
        assert_eq!((&*count(999_999_999_999), &*count(u64::MAX)), ("999,999,999,999", "1.84e19"));
        assert_eq!((&*counted(1, "run", "runs"), &*counted(0, "run", "runs")), ("1 run", "0 runs"));
        assert_eq!((&*rate(20.0), &*rate(1_234.5)), ("20.0/s", "1,235/s"));
    }
}
