//! A registry's series as comma-separated values.

use std::vec;

use perf_monitor_core::{
    FamilyInfo, HistogramValue, Kind, Registry, SeriesInfo, Unit, Value, Visitor,
};
use perf_monitor_instruments::ResourceSample;

use crate::escape::push_all;
use crate::json::QUANTILES;
use crate::label::push_pair;
use crate::moment::Moment;
use crate::number::{push_decimal, push_float, push_integer, scaled};
use crate::scrape::{Encode, Scrape};

const HEADER: &[u8] = b"time,metric,type,unit,labels,sample,value\r\n";

/// Samples of the resource history that are written in one step.
const SAMPLES_AT_ONCE: usize = 64;

/// What `registry` holds at this moment and the history of its resources, as comma-separated values.
///
/// The format is RFC 4180's: a header, lines that end in CRLF, cells with commas or quotes in quotes. There is one row
/// for each series and sample of it, with these columns:
///
/// | column | what stands there |
/// |---|---|
/// | `time` | UTC as `2025-01-21T15:30:00.123Z`, the same in all rows of the registry |
/// | `metric` | the family's name |
/// | `type` | `counter`, `gauge` or `histogram` |
/// | `unit` | `seconds`, `bytes`, `ratio`, `percent`, or nothing for a plain number |
/// | `labels` | as Prometheus writes them: `route="/a",method="GET"` |
/// | `sample` | `total` of a counter, `value` of a gauge; `count`, `sum`, `max`, `p50`, `p90`, `p95`, `p99`, `p999` |
/// | `value` | in the base unit; `NaN`, `Inf` and `-Inf` where it is no number |
///
/// A histogram without values has no maximum and no percentiles. Each sample of the history has rows of its own time,
/// `resource_cpu_percent`, `resource_memory_bytes`, `resource_disk_io_bytes` and `resource_network_io_bytes` (the last
/// two: what came since the sample before); what was not known has none.
///
/// No text begins with a character that makes it a formula in a spreadsheet, whatever stands in the labels: their cell
/// begins with a label's name.
///
/// For large registries [`Scrape::csv`] gives the same in chunks.
///
/// ```
/// use perf_monitor_core::Registry;
///
/// let registry = Registry::new();
/// registry.counter(("jobs_total", "Jobs that were run."))?.add(3);
/// let csv = perf_monitor_exporters::to_csv(&registry, &[]);
/// assert!(csv.starts_with("time,metric,type,unit,labels,sample,value\r\n"));
/// assert!(csv.ends_with("Z,jobs_total,counter,,,total,3\r\n"));
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
pub fn to_csv(registry: &Registry, history: &[ResourceSample]) -> String {
    let csv = Scrape::csv(registry, history.to_vec()).read_to_end();
    String::from_utf8(csv).expect("names and labels are UTF-8")
}

/// Writes what a registry visits it with as rows, then a history of samples.
pub(crate) struct CsvEncoder {
    out: Vec<u8>,
    /// The cell of when the registry was read.
    now: Box<str>,
    history: vec::IntoIter<ResourceSample>,
    /// The labels of the series at hand, as text and as a cell.
    labels: Vec<u8>,
    labels_cell: Vec<u8>,
}

impl CsvEncoder {
    pub(crate) fn new(unix_ns: u64, history: Vec<ResourceSample>) -> CsvEncoder {
        CsvEncoder {
            out: HEADER.to_vec(),
            now: cell_of(unix_ns),
            history: history.into_iter(),
            labels: Vec::new(),
            labels_cell: Vec::new(),
        }
    }

    /// Begins a row of the series at hand, up to its value.
    fn open(&mut self, family: &FamilyInfo, unit: &str, sample: &str) {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        push_all(&mut self.out, &[&self.now, ",", &family.name, ",", kind, ",", unit, ","]);
        self.out.extend_from_slice(&self.labels_cell);
        push_all(&mut self.out, &[",", sample, ","]);
    }

    fn decimal(&mut self, family: &FamilyInfo, sample: &str, n: u64, unit: Unit) {
        self.open(family, family.unit.base_name(), sample);
        push_decimal(&mut self.out, n, unit.decimals());
        self.end();
    }

    fn float(&mut self, family: &FamilyInfo, sample: &str, x: f64) {
        self.open(family, family.unit.base_name(), sample);
        match x == f64::INFINITY {
            true => self.out.extend_from_slice(b"Inf"),
            false => push_float(&mut self.out, scaled(x, family.unit.decimals())),
        }
        self.end();
    }

    fn histogram(&mut self, family: &FamilyInfo, value: &HistogramValue) {
        self.open(family, "", "count");
        push_integer(&mut self.out, value.count);
        self.end();
        self.decimal(family, "sum", value.sum, value.sum_unit);
        if value.count == 0 {
            return;
        }
        self.decimal(family, "max", value.max, family.unit);
        for (sample, quantile) in QUANTILES {
            let recorded = value.value_at_quantile(quantile).min(value.max);
            self.decimal(family, sample, recorded, family.unit);
        }
    }

    fn end(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }

    fn resources(&mut self, sample: &ResourceSample) {
        let time = cell_of(sample.unix_ns);
        let mut row = |metric: &str, unit: &str, value: Option<f64>| {
            let Some(value) = value else { return };
            push_all(&mut self.out, &[&time, ",", metric, ",gauge,", unit, ",,value,"]);
            push_float(&mut self.out, value);
            self.out.extend_from_slice(b"\r\n");
        };
        let bytes = |n: Option<u64>| n.map(|n| n as f64);
        row("resource_cpu_percent", "percent", sample.cpu_percent);
        row("resource_memory_bytes", "bytes", bytes(sample.memory_bytes));
        row("resource_disk_io_bytes", "bytes", bytes(sample.disk_io_bytes));
        row("resource_network_io_bytes", "bytes", bytes(sample.network_io_bytes));
    }
}

impl Visitor for CsvEncoder {
    fn series(&mut self, family: &FamilyInfo, series: &SeriesInfo, value: Value<'_>) {
        self.labels.clear();
        self.labels_cell.clear();
        for (i, (name, value)) in series.labels(family).enumerate() {
            if i > 0 {
                self.labels.push(b',');
            }
            push_pair(&mut self.labels, name, value);
        }
        push_cell(&mut self.labels_cell, &self.labels);
        match value {
            Value::Counter(n) => self.decimal(family, "total", n, family.unit),
            Value::FloatCounter(x) => self.float(family, "total", x),
            Value::Gauge(x) => self.float(family, "value", x),
            Value::Histogram(value) => self.histogram(family, value),
        }
    }
}

impl Encode for CsvEncoder {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    fn rest(&mut self) -> bool {
        for _ in 0..SAMPLES_AT_ONCE {
            let Some(sample) = self.history.next() else { return false };
            self.resources(&sample);
        }
        true
    }
}

fn cell_of(unix_ns: u64) -> Box<str> {
    let moment = Moment::of(unix_ns);
    format!("{}.{:03}Z", moment.with('T'), moment.nanos() / 1_000_000).into()
}

/// Appends a text in quotes, its own doubled; an empty one as nothing.
fn push_cell(out: &mut Vec<u8>, text: &[u8]) {
    if text.is_empty() {
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
