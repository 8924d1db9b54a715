//! The labels of a series as attributes.

use perf_monitor_core::{FamilyInfo, SeriesInfo};

use crate::wire::Wire;

/// What OpenTelemetry calls the series that takes what had no room.
const OVERFLOW: &str = "otel.metric.overflow";

/// Writes the labels of `series` as the repeated `field`, in the order of the family.
pub(super) fn write(wire: &mut Wire, field: u32, family: &FamilyInfo, series: &SeriesInfo) {
    if series.overflow {
        return attribute(wire, field, OVERFLOW, |value| value.varint(2, 1));
    }
    for (name, text) in series.labels(family) {
        attribute(wire, field, name, |value| value.bytes_of(1, text.as_bytes()));
    }
}

fn attribute(wire: &mut Wire, field: u32, key: &str, value: impl FnOnce(&mut Wire)) {
    wire.message(field, |wire| {
        wire.text(1, key);
        wire.message(2, value);
    });
}
