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
}
