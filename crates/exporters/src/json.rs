//! A registry's families as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use perf_monitor_core::{FamilyInfo, HistogramValue, Kind, SeriesInfo, Unit, Value, Visitor};

use crate::escape::{push_all, push_json};
use crate::number::{push_decimal, push_float, push_integer, scaled};
use crate::scrape::Encode;

/// The quantiles of a histogram, by their names.
pub(crate) const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)];

/// Writes what a registry visits it with as one JSON object.
pub(crate) struct JsonEncoder {
    out: Vec<u8>,
    /// The family whose series are being written.
    family: Option<Box<str>>,
    first_series: bool,
}

impl JsonEncoder {
    pub(crate) fn new() -> JsonEncoder {
        let mut out = b"{\"timestamp\":".to_vec();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        push_decimal(&mut out, now.as_millis() as u64, 3);
        out.extend_from_slice(b",\"families\":[");
        JsonEncoder { out, family: None, first_series: true }
    }

    fn end_family(&mut self) -> bool {
        let open = self.family.take().is_some();
        if open {
            self.out.extend_from_slice(b"]}");
        }
        open
    }

    fn histogram(&mut self, family: &FamilyInfo, value: &HistogramValue) {
        let out = &mut self.out;
        out.extend_from_slice(b"\"count\":");
        push_integer(out, value.count);
        out.extend_from_slice(b",\"sum\":");
        push_decimal(out, value.sum, value.sum_unit.decimals());
        let mut push = |name: &str, recorded: u64| {
            push_all(out, &[",\"", name, "\":"]);
            match value.count {
                0 => out.extend_from_slice(b"null"),
                _ => push_decimal(out, recorded, family.unit.decimals()),
            }
        };
        push("max", value.max);
        for (name, quantile) in QUANTILES {
            push(name, value.value_at_quantile(quantile).min(value.max));
        }
    }

    fn float(&mut self, x: f64) {
        match x.is_finite() {
            true => push_float(&mut self.out, x),
            false => self.out.extend_from_slice(b"null"),
        }
    }
}

impl Visitor for JsonEncoder {
    fn family(&mut self, family: &FamilyInfo) {
        if self.family.as_ref() == Some(&family.name) {
            return;
        }
        if self.end_family() {
            self.out.push(b',');
        }
        self.family = Some(family.name.clone());
        self.first_series = true;
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let out = &mut self.out;
        push_all(out, &["{\"name\":\"", &family.name, "\",\"help\":"]);
        push_json(out, &family.help);
        let unit = family.unit.base_name();
        push_all(out, &[",\"unit\":\"", unit, "\",\"kind\":\"", kind, "\",\"series\":["]);
    }

    fn series(&mut self, family: &FamilyInfo, series: &SeriesInfo, value: Value<'_>) {
        let out = &mut self.out;
        if !std::mem::replace(&mut self.first_series, false) {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"labels\":{");
        for (i, (name, value)) in series.labels(family).enumerate() {
            push_all(out, &[if i == 0 { "\"" } else { ",\"" }, name, "\":"]);
            push_json(out, value);
        }
        out.extend_from_slice(b"},\"started\":");
        push_decimal(out, series.started_unix_ns, Unit::Nanoseconds.decimals());
        out.push(b',');
        if !matches!(value, Value::Histogram(_)) {
            out.extend_from_slice(b"\"value\":");
        }
        match value {
            Value::Counter(n) => push_decimal(out, n, family.unit.decimals()),
            Value::FloatCounter(x) | Value::Gauge(x) => {
                self.float(scaled(x, family.unit.decimals()));
            }
            Value::Histogram(value) => self.histogram(family, value),
        }
        self.out.push(b'}');
    }
}

impl Encode for JsonEncoder {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    fn rest(&mut self) -> bool {
        self.end_family();
        self.out.extend_from_slice(b"]}\n");
        false
    }
}
