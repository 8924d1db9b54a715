//! The unit in which a metric's numbers are recorded.

/// The unit of the recorded numbers of a metric.
///
/// A metric is recorded in the unit that is exact and cheap (integer nanoseconds, bytes) and
/// exported in the base unit that Prometheus asks for: `recorded * scale()` is in `base_name()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A plain number.
    #[default]
    None,
    /// Recorded in nanoseconds, exported in seconds.
    Nanoseconds,
    /// Recorded in microseconds, exported in seconds.
    Microseconds,
    /// Recorded and exported in seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Recorded in millionths, exported as a plain number: for fractions of a size that nobody knows
    /// beforehand.
    Millionths,
    /// A share of one, 0 to 1 (a core that is fully busy, a disk that is always in use).
    Ratio,
}

impl Unit {
    /// What a recorded number is multiplied by to be in the base unit.
    pub const fn scale(self) -> f64 {
        match self {
            Unit::Nanoseconds => 1e-9,
            Unit::Microseconds | Unit::Millionths => 1e-6,
            Unit::None | Unit::Seconds | Unit::Bytes | Unit::Ratio => 1.0,
        }
    }

    /// By how many decimal places a recorded number is moved to be in its base unit: nanoseconds by nine.
    pub const fn decimals(self) -> usize {
        match self {
            Unit::Nanoseconds => 9,
            Unit::Microseconds | Unit::Millionths => 6,
            Unit::None | Unit::Seconds | Unit::Bytes | Unit::Ratio => 0,
        }
    }

    /// The largest recorded number that is at or below `base`, which is in the base unit; `None` if there is none.
    ///
    /// 0.0025 s are 2500 µs although their product is 2499.9999999999995: what is within rounding of a whole number is
    /// one.
    pub fn recorded(self, base: f64) -> Option<u64> {
        let exact = base * 10f64.powi(self.decimals() as i32);
        let whole = exact.round();
        let near = (exact - whole).abs() <= whole.abs() * 4.0 * f64::EPSILON;
        let floor = if near { whole } else { exact.floor() };
        (floor >= 0.0).then_some(floor as u64)
    }

    /// The base unit's name, as a metric's name ends in it; empty for a plain number.
    pub const fn base_name(self) -> &'static str {
        match self {
            Unit::None | Unit::Millionths => "",
            Unit::Nanoseconds | Unit::Microseconds | Unit::Seconds => "seconds",
            Unit::Bytes => "bytes",
            Unit::Ratio => "ratio",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_units_export_as_seconds() {
        for unit in [Unit::Nanoseconds, Unit::Microseconds, Unit::Seconds] {
            assert_eq!(unit.base_name(), "seconds");
        }
        assert_eq!(Unit::Nanoseconds.scale(), 1e-9);
        assert_eq!(Unit::Bytes.scale(), 1.0);
    }

    #[test]
    fn decimals_agree_with_the_scale_of_each_unit() {
        for unit in [
            Unit::None,
            Unit::Nanoseconds,
            Unit::Microseconds,
            Unit::Seconds,
            Unit::Bytes,
            Unit::Millionths,
            Unit::Ratio,
        ] {
            assert_eq!(1.0 / 10f64.powi(unit.decimals() as i32), unit.scale());
        }
    }

    #[test]
    fn edges_in_base_units_meet_recorded_numbers_exactly() {
        for (micros, edge) in [500, 1_000, 2_500, 100_000, 250_000, 60_000_000]
            .into_iter()
            .zip([0.0005, 0.001, 0.0025, 0.1, 0.25, 60.0])
        {
            assert_eq!(Unit::Microseconds.recorded(edge), Some(micros), "{edge}");
            assert_eq!(Unit::Nanoseconds.recorded(edge), Some(micros * 1_000), "{edge}");
        }
        assert_eq!(Unit::Seconds.recorded(1.5), Some(1));
        assert_eq!(Unit::Bytes.recorded(0.0), Some(0));
        assert_eq!(Unit::Bytes.recorded(-0.5), None);
        assert_eq!(Unit::Bytes.recorded(1e30), Some(u64::MAX));
    }
}
