//! The value of a series at one moment as a data point.

use perf_monitor_core::{Exemplar, FamilyInfo, HistogramValue, SeriesInfo, Unit, Value};
use prost::encoding::{sint32, uint64};

use super::attributes;
use super::exponential::Exponential;
use crate::number::scaled;
use crate::wire::Wire;

/// What a value is of.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) family: &'a FamilyInfo,
    pub(super) series: &'a SeriesInfo,
    /// When it was read.
    pub(super) unix_ns: u64,
}

impl Subject<'_> {
    /// Writes the fields of the data point.
    pub(super) fn write(&self, wire: &mut Wire, value: Value<'_>) {
        match value {
            Value::Counter(n) => {
                wire.fixed64(2, self.series.started_unix_ns);
                self.integer(wire, n);
            }
            Value::FloatCounter(x) => {
                wire.fixed64(2, self.series.started_unix_ns);
                self.double(wire, x);
            }
            // A gauge has no start.
            Value::Gauge(x) => self.double(wire, x),
            Value::Histogram(value) => self.histogram(wire, value),
        }
    }

    /// A number that stays an integer where it is in its base unit; past 2^63, which OTLP's do not reach, it becomes a
    /// double.
    fn integer(&self, wire: &mut Wire, n: u64) {
        let unit = self.family.unit;
        match i64::try_from(n) {
            Ok(_) if unit.decimals() == 0 => wire.fixed64(6, n),
            _ => wire.fixed64(4, in_base(n, unit).to_bits()),
        }
        self.when_and_where(wire);
    }

    /// NaN is the plain one, whatever was recorded: Prometheus takes another for the end of the series.
    fn double(&self, wire: &mut Wire, x: f64) {
        let x = if x.is_nan() { f64::NAN } else { scaled(x, self.family.unit.decimals()) };
        wire.fixed64(4, x.to_bits());
        self.when_and_where(wire);
    }

    /// The time and the attributes of a number. The time is not before the series began, even if somebody set the clock
    /// back.
    fn when_and_where(&self, wire: &mut Wire) {
        wire.fixed64(3, self.unix_ns.max(self.series.started_unix_ns));
        attributes::write(wire, 7, self.family, self.series);
    }

    fn histogram(&self, wire: &mut Wire, value: &HistogramValue) {
        let unit = self.family.unit;
        let buckets = Exponential::of(value, unit);
        attributes::write(wire, 1, self.family, self.series);
        wire.fixed64(2, self.series.started_unix_ns);
        wire.fixed64(3, self.unix_ns.max(self.series.started_unix_ns));
        wire.fixed64(4, value.count);
        wire.fixed64(5, in_base(value.sum, value.sum_unit).to_bits());
        wire.append(&encoded(|out| sint32::encode(6, &buckets.scale, out)));
        wire.fixed64(7, buckets.zeros);
        wire.bytes_of(
            8,
            &encoded(|out| {
                sint32::encode(1, &buckets.offset, out);
                uint64::encode_packed(2, &buckets.counts, out);
            }),
        );
        value.exemplars.iter().for_each(|one| write_exemplar(wire, one, unit));
        if value.count > 0 {
            wire.fixed64(12, in_base(smallest(value), unit).to_bits());
            wire.fixed64(13, in_base(value.max, unit).to_bits());
        }
    }
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

fn in_base(raw: u64, unit: Unit) -> f64 {
    scaled(raw as f64, unit.decimals())
}

/// The lower end of the lowest cell: the smallest value, or too low by less than a cell.
///
/// What found no room for its octave's cells is counted in the highest of them, which may lie above every value.
fn smallest(value: &HistogramValue) -> u64 {
    let lowest = value.iter_values().next().map_or(0, |(lowest, ..)| lowest);
    lowest.min(value.max)
}

/// The exemplar; a span of 0 is left out, as OTLP has no such id.
fn write_exemplar(wire: &mut Wire, one: &Exemplar, unit: Unit) {
    wire.message(11, |wire| {
        wire.fixed64(2, one.unix_ns);
        wire.fixed64(3, in_base(one.value, unit).to_bits());
        if one.span_id != 0 {
            wire.bytes_of(4, &one.span_id.to_be_bytes());
        }
        wire.bytes_of(5, &one.trace_id.to_be_bytes());
    });
}
