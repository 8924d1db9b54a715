//! Units of the metrics crate, as the registry records them.

use ::metrics::Unit as Given;
use perf_monitor_core::{HistogramOptions, Unit};

/// How a metric's numbers become what the registry records, and what it calls them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cells {
    pub(super) unit: Unit,
    /// What a number is multiplied by before it is recorded; exports divide by the same.
    pub(super) scale: f64,
}

/// The highest value of a histogram, which is as much as one digit allows: 26 days in
/// nanoseconds, 2 PiB, 2.2 thousand million in millionths.
const HIGHEST: u64 = (1 << 51) - 1;

pub(super) fn histogram_options() -> HistogramOptions {
    HistogramOptions::default().highest(HIGHEST)
}

impl Cells {
    /// Of a counter or a gauge: only units that are Prometheus' own have a name there.
    pub(super) fn plain(unit: Option<Given>) -> Cells {
        let unit = match unit {
            Some(Given::Seconds) => Unit::Seconds,
            Some(Given::Bytes) => Unit::Bytes,
            _ => Unit::None,
        };
        Cells { unit, scale: 1.0 }
    }

    /// Of a histogram, whose cells are whole numbers: in a unit so small that nothing is lost.
    pub(super) fn fine(name: &str, unit: Option<Given>) -> Cells {
        match unit.or_else(|| unit_of(name)) {
            Some(Given::Seconds) => Cells { unit: Unit::Nanoseconds, scale: 1e9 },
            Some(Given::Bytes) => Cells { unit: Unit::Bytes, scale: 1.0 },
            Some(Given::Count | Given::Nanoseconds) => Cells { unit: Unit::None, scale: 1.0 },
            _ => Cells { unit: Unit::Millionths, scale: 1e6 },
        }
    }

    /// The whole number to record; none where there is no such.
    #[inline(always)]
    pub(super) fn whole(scale: f64, value: f64) -> Option<u64> {
        let scaled = value * scale;
        // Not a number is not above anything. What is too large becomes the largest.
        (scaled >= 0.0).then_some((scaled + 0.5) as u64)
    }
}

/// The unit that a name ends in.
fn unit_of(name: &str) -> Option<Given> {
    let (_, last) = name.rsplit_once(|c: char| !c.is_ascii_alphanumeric())?;
    match last {
        "seconds" => Some(Given::Seconds),
        "bytes" => Some(Given::Bytes),
        "nanoseconds" => Some(Given::Nanoseconds),
        _ => None,
    }
}

/// How a help text tells of a unit that the registry has no name for.
pub(super) fn remark(unit: Option<Given>) -> Option<String> {
    match unit? {
        Given::Seconds | Given::Bytes | Given::Count => None,
        other => Some(format!(" In {}.", other.as_str().replace('_', " "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_recorded_so_finely_that_nothing_is_lost() {
        let of = |name, unit| Cells::fine(name, unit).unit;
        assert_eq!(of("a", Some(Given::Seconds)), Unit::Nanoseconds);
        assert_eq!(of("fetch.seconds", None), Unit::Nanoseconds);
        assert_eq!(of("fetch_seconds", Some(Given::Milliseconds)), Unit::Millionths);
        assert_eq!(of("body_bytes", None), Unit::Bytes);
        assert_eq!(of("a", None), Unit::Millionths);
        assert_eq!(Cells::whole(1e9, 0.003), Some(3_000_000));
        assert_eq!(Cells::whole(1e6, -0.0), Some(0));
        assert_eq!(Cells::whole(1e6, f64::INFINITY), Some(u64::MAX));
        assert_eq!(Cells::whole(1e6, -1.0), None);
        assert_eq!(Cells::whole(1e6, f64::NAN), None);
    }

    #[test]
    fn the_scale_is_what_an_export_undoes() {
        for unit in [Given::Seconds, Given::Bytes, Given::Count, Given::Kibibytes] {
            let cells = Cells::fine("a", Some(unit));
            assert_eq!(cells.scale * cells.unit.scale(), 1.0, "{unit:?}");
        }
    }
}
