//! Units as UCUM writes them.

use perf_monitor_core::Unit;

/// The code of what `unit` is exported in; empty for a plain number.
pub(super) fn ucum(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanoseconds | Unit::Microseconds | Unit::Seconds => "s",
        Unit::Bytes => "By",
        Unit::Ratio => "1",
        // Not `1`: Prometheus would append `_ratio` to the names of gauges.
        Unit::None | Unit::Millionths => "",
    }
}
