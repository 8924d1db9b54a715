//! Their registries behind ours in one exposition.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::vec;

use perf_monitor_core::{FamilyInfo, SeriesInfo, Value, Visitor};
use prometheus::proto::{Histogram, Metric, MetricFamily, MetricType, Summary};

#[allow(unused_imports)]
use crate::bridge::model::ValueOf;
use crate::escape::{push_all, push_escaped};
use crate::format::Format;
use crate::label::push_pair;
use crate::number::{push_decimal, push_edge, push_float, push_integer};
use crate::scrape::Encode;
use crate::stats::ExporterStats;
use crate::text::TextEncoder;

/// Writes our families, then those that `prometheus` registries gather.
pub(crate) struct Gathered {
    encoder: TextEncoder,
    names: HashSet<Box<str>>,
    registries: vec::IntoIter<prometheus::Registry>,
    families: vec::IntoIter<MetricFamily>,
    stats: Arc<ExporterStats>,
}

impl Gathered {
    pub(crate) fn new(
        encoder: TextEncoder,
        registries: Vec<prometheus::Registry>,
        stats: Arc<ExporterStats>,
    ) -> Gathered {
        Gathered {
            encoder,
            names: HashSet::new(),
            registries: registries.into_iter(),
            families: Vec::new().into_iter(),
            stats,
        }
    }

    fn gather(&mut self, registry: &prometheus::Registry) {
        match catch_unwind(AssertUnwindSafe(|| registry.gather())) {
            Ok(families) => self.families = families.into_iter(),
            Err(_) => self.stats.gather_panics.add_one(),
        }
    }

    fn family(&mut self, family: &MetricFamily) {
        let name = family.name();
        let readable = family.get_field_type() != MetricType::UNTYPED;
        if readable && is_name(name) && self.names.insert(name.into()) {
            self.encoder.note_family(name);
            return Foreign::new(&mut self.encoder, family).write(family);
        }
        self.stats.families_skipped.add_one();
        if self.encoder.format() == Format::Text {
            let out = self.encoder.buffer();
            out.extend_from_slice(b"# left out, because its name is taken or it cannot be read: ");
            push_escaped(out, name, false);
            out.push(b'\n');
        }
    }
}

impl Visitor for Gathered {
    fn family(&mut self, family: &FamilyInfo) {
        self.names.insert(family.name.clone());
        self.encoder.family(family);
    }

    fn series(&mut self, family: &FamilyInfo, series: &SeriesInfo, value: Value<'_>) {
        self.encoder.series(family, series, value);
    }
}

impl Encode for Gathered {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self.encoder.buffer()
    }

    fn rest(&mut self) -> bool {
        if let Some(family) = self.families.next() {
            self.family(&family);
        } else if let Some(registry) = self.registries.next() {
            self.gather(&registry);
        } else {
            self.encoder.finish();
            return false;
        }
        true
    }
}

/// One family of theirs on its way into the encoder's buffer.
struct Foreign<'a> {
    encoder: &'a mut TextEncoder,
    /// The name that suffixes are added to.
    base: &'a str,
    open_metrics: bool,
}

impl<'a> Foreign<'a> {
    fn new(encoder: &'a mut TextEncoder, family: &'a MetricFamily) -> Foreign<'a> {
        let name = family.name();
        let open_metrics = encoder.format() == Format::OpenMetrics;
        let base = match family.get_field_type() {
            MetricType::COUNTER if open_metrics => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        Foreign { encoder, base, open_metrics }
    }

    fn write(&mut self, family: &MetricFamily) {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::SUMMARY => "summary",
            MetricType::HISTOGRAM => "histogram",
            MetricType::UNTYPED => return,
        };
        self.encoder.header(self.base, family.help(), kind, "");
        for metric in family.get_metric() {
            self.metric(family.get_field_type(), metric);
        }
    }

    fn metric(&mut self, kind: MetricType, metric: &Metric) {
        match kind {
            MetricType::COUNTER => {
                let suffix = if self.open_metrics { "_total" } else { "" };
                self.sample(metric, suffix, None, metric.get_counter().value());
            }
            MetricType::GAUGE => self.sample(metric, "", None, metric.get_gauge().value()),
            MetricType::HISTOGRAM => self.histogram(metric, metric.get_histogram()),
            MetricType::SUMMARY => self.summary(metric, metric.get_summary()),
            // The model has no way to read one.
            MetricType::UNTYPED => {}
        }
    }

    fn histogram(&mut self, metric: &Metric, histogram: &Histogram) {
        let buckets = histogram.get_bucket().iter();
        for bucket in buckets.filter(|bucket| bucket.upper_bound().is_finite()) {
            let edge = Some(("le", bucket.upper_bound()));
            self.sample(metric, "_bucket", edge, bucket.cumulative_count() as f64);
        }
        let count = histogram.get_sample_count() as f64;
        self.sample(metric, "_bucket", Some(("le", f64::INFINITY)), count);
        self.sample(metric, "_sum", None, histogram.get_sample_sum());
        self.sample(metric, "_count", None, count);
    }

    fn summary(&mut self, metric: &Metric, summary: &Summary) {
        for quantile in summary.get_quantile() {
            self.sample(metric, "", Some(("quantile", quantile.quantile())), quantile.value());
        }
        self.sample(metric, "_sum", None, summary.sample_sum());
        self.sample(metric, "_count", None, summary.sample_count() as f64);
    }

    fn sample(&mut self, metric: &Metric, suffix: &str, number: Option<(&str, f64)>, value: f64) {
        let open_metrics = self.open_metrics;
        let (labels, out) = self.encoder.const_labels_and_buffer();
        push_all(out, &[self.base, suffix, "{"]);
        let start = out.len();
        for (name, value) in labels {
            if !metric.get_label().iter().any(|own| own.name() == &**name) {
                push_pair(out, name, value);
                out.push(b',');
            }
        }
        for own in metric.get_label() {
            push_pair(out, own.name(), own.value());
            out.push(b',');
        }
        if let Some((name, number)) = number {
            push_all(out, &[name, "=\""]);
            push_edge(out, number, open_metrics);
            out.extend_from_slice(b"\",");
        }
        match out.len() == start {
            true => out.truncate(start - 1),
            false => *out.last_mut().expect("a label was pushed") = b'}',
        }
        out.push(b' ');
        push_float(out, value);
        push_timestamp(out, metric.timestamp_ms(), open_metrics);
        out.push(b'\n');
    }
}

/// Milliseconds in the text format, seconds in OpenMetrics; 0 is none.
fn push_timestamp(out: &mut Vec<u8>, unix_ms: i64, open_metrics: bool) {
    if unix_ms == 0 {
        return;
    }
    out.extend_from_slice(if unix_ms < 0 { b" -" } else { b" " });
    match open_metrics {
        true => push_decimal(out, unix_ms.unsigned_abs(), 3),
        false => push_integer(out, unix_ms.unsigned_abs()),
    }
}

fn is_name(name: &str) -> bool {
    let first = |b: u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b':');
    name.bytes().next().is_some_and(first) && name.bytes().all(|b| first(b) || b.is_ascii_digit())
}
