//! Numbers as the digits of an exposition.

/// Appends `n` in decimal.
pub(crate) fn push_integer(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Appends `n / 10^decimals` with all its digits: a counter of nanoseconds stays exact where a float would not.
pub(crate) fn push_decimal(out: &mut Vec<u8>, n: u64, decimals: usize) {
    if decimals == 0 {
        return push_integer(out, n);
    }
    let one = 10u64.pow(decimals as u32);
    push_integer(out, n / one);
    if !n.is_multiple_of(one) {
        let start = out.len();
        push_integer(out, n % one + one);
        out[start] = b'.';
        let zeros = out.iter().rev().take_while(|&&digit| digit == b'0').count();
        out.truncate(out.len() - zeros);
    }
}

/// Appends the fewest digits that read back as `x`; whole numbers without a fraction, `NaN`, `+Inf` and `-Inf` as
/// Prometheus spells them.
pub(crate) fn push_float(out: &mut Vec<u8>, x: f64) {
    if let Some(n) = whole(x) {
        return push_integer(out, n);
    }
    if !x.is_finite() {
        let name: &[u8] = if x.is_nan() {
            b"NaN"
        } else if x > 0.0 {
            b"+Inf"
        } else {
            b"-Inf"
        };
        return out.extend_from_slice(name);
    }
    if let Some(n) = whole(-x) {
        out.push(b'-');
        return push_integer(out, n);
    }
    out.extend_from_slice(zmij::Buffer::new().format_finite(x).as_bytes());
}

/// Appends a recorded float, moved to the base unit by one correctly rounded division.
pub(crate) fn push_scaled(out: &mut Vec<u8>, x: f64, decimals: usize) {
    push_float(out, scaled(x, decimals));
}

/// `x` as an integer, if it is one that every float up to it is told apart from, and not below zero (-0 is).
#[inline]
pub(crate) fn whole(x: f64) -> Option<u64> {
    let n = x as u64;
    (n as f64 == x && n < 1 << 53 && x.is_sign_positive()).then_some(n)
}

/// Appends a bucket's edge as Go's libraries spell it (`0.25`, `1e+06`), because the spelling names the series: queries
/// and sums over services of several languages depend on it. OpenMetrics wants a point in it: `1.0`.
pub(crate) fn push_edge(out: &mut Vec<u8>, edge: f64, point: bool) {
    if !edge.is_finite() {
        return push_float(out, edge);
    }
    let scientific = format!("{edge:e}");
    let (digits, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    let text = match exponent {
        -4..6 if point && edge.fract() == 0.0 => format!("{edge}.0"),
        -4..6 => format!("{edge}"),
        6.. => format!("{digits}e+{exponent:02}"),
        _ => format!("{digits}e-{:02}", -exponent),
    };
    out.extend_from_slice(text.as_bytes());
}

/// A recorded float in the base unit.
pub(crate) fn scaled(x: f64, decimals: usize) -> f64 {
    if decimals == 0 { x } else { x / 10f64.powi(decimals as i32) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_spelled_as_prometheus_reads_them() {
        for (x, wanted) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (1e-9, "1e-9"),
            (9007199254740991.0, "9007199254740991"),
            (1e300, "1e+300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (0.000_5, "0.0005"),
        ] {
            assert_eq!(text(|out| push_float(out, x)), wanted);
        }
    }

    #[test]
    fn edges_are_spelled_as_go_spells_them() {
        for (edge, text_format, open_metrics) in [
            (0.0005, "0.0005", "0.0005"),
            (0.00005, "5e-05", "5e-05"),
            (1.0, "1", "1.0"),
            (0.0, "0", "0.0"),
            (-2.5, "-2.5", "-2.5"),
            (262144.0, "262144", "262144.0"),
            (1048576.0, "1.048576e+06", "1.048576e+06"),
            (1e6, "1e+06", "1e+06"),
            (1e100, "1e+100", "1e+100"),
        ] {
            assert_eq!(text(|out| push_edge(out, edge, false)), text_format);
            assert_eq!(text(|out| push_edge(out, edge, true)), open_metrics);
        }
    }

    #[test]
    fn decimals_are_exact_and_without_trailing_zeros() {
        for (n, decimals, wanted) in [
            (0, 9, "0"),
            (1, 9, "0.000000001"),
            (1_500_000_000, 9, "1.5"),
            (2_000_000, 6, "2"),
            (u64::MAX, 9, "18446744073.709551615"),
            (u64::MAX, 0, "18446744073709551615"),
            (1_000_010, 6, "1.00001"),
        ] {
            assert_eq!(text(|out| push_decimal(out, n, decimals)), wanted);
        }
    }

    proptest! {
        #[test]
        fn every_float_reads_back_as_itself(bits: u64) {
            let x = f64::from_bits(bits);
            let read: f64 = text(|out| push_float(out, x)).parse().unwrap();
            prop_assert!(read.to_bits() == x.to_bits() || (read.is_nan() && x.is_nan()));
        }
    }
}
