//! A registry's families as Prometheus text or OpenMetrics.

use perf_monitor_core::{
    FamilyInfo, HistogramValue, Kind, Registry, SeriesInfo, Unit, Value, Visitor,
};

use crate::edges::Edges;
use crate::error::Error;
use crate::escape::{push_all, push_escaped};
use crate::exemplar::Exemplars;
use crate::format::Format;
use crate::label::{Label, check_const_label, push_pair};
use crate::number::{push_decimal, push_integer, push_scaled, whole};
use crate::prepared::{Prepared, base, unit};

/// Writes what a registry visits it with, in Prometheus text 0.0.4 or OpenMetrics 1.0.0.
///
/// Numbers are exported in base units: counters of nanoseconds as seconds with all nine digits, floats with the fewest
/// digits that read back as the same number. Histograms are written with the buckets of [`Edges`]. The text format
/// knows no start times, and a family of their own would double a scrape for a number that Prometheus has no use for
/// there; so `_created` samples are in OpenMetrics alone.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::{Format, TextEncoder};
///
/// let registry = Registry::new();
/// registry.counter(("jobs_total", "Jobs that were run."))?.add(3);
/// let text = TextEncoder::new(Format::Text).encode(&registry);
/// assert_eq!(
///     String::from_utf8(text)?,
///     "# HELP jobs_total Jobs that were run.\n# TYPE jobs_total counter\njobs_total 3\n",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
/// `scrape/100k labelled counters and gauges, text`: at most 50 ns a series with the reading. Nothing is allocated per
/// series once the buffer has its size.
#[derive(Clone, Debug)]
pub struct TextEncoder {
    format: Format,
    edges: Edges,
    created: bool,
    const_labels: Vec<Label>,
    target: Vec<(&'static str, Box<str>)>,
    out: Vec<u8>,
    family: Prepared,
    /// The labels of the series at hand, for kinds that repeat them on many lines.
    labels: Vec<u8>,
    saw_target: bool,
}

impl TextEncoder {
    /// An encoder of `format` with the default edges and without constant labels.
    pub fn new(format: Format) -> TextEncoder {
        TextEncoder {
            format,
            edges: Edges::default(),
            created: true,
            const_labels: Vec::new(),
            target: Vec::new(),
            out: Vec::new(),
            family: Prepared::default(),
            labels: Vec::new(),
            saw_target: false,
        }
    }

    /// Ends the buckets of histograms at these edges.
    pub fn with_edges(mut self, edges: Edges) -> TextEncoder {
        self.edges = edges;
        self
    }

    /// Whether OpenMetrics has `_created` samples, one more series for each counter and histogram: yes by default.
    pub fn with_created(mut self, created: bool) -> TextEncoder {
        self.created = created;
        self
    }

    /// Puts these labels on every series, before its own; where a family has a label of the same name, its own stays.
    ///
    /// # Errors
    /// A name that is not a label's, that belongs to Prometheus (`le`, `quantile`, `overflow`, `__...`), or that comes
    /// twice.
    pub fn with_const_labels<N, V>(
        mut self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<TextEncoder, Error>
    where
        N: Into<Box<str>>,
        V: Into<Box<str>>,
    {
        for (name, value) in labels {
            let name = name.into();
            check_const_label(&name, &self.const_labels)?;
            self.const_labels.push((name, value.into()));
        }
        Ok(self)
    }

    pub(crate) fn with_checked_labels(mut self, labels: Vec<Label>) -> TextEncoder {
        self.const_labels = labels;
        self
    }

    /// Ends the exposition with a `target_info` of these labels, unless the registry has a family of that name.
    pub(crate) fn with_target(mut self, labels: Vec<(&'static str, Box<str>)>) -> TextEncoder {
        self.target = labels;
        self
    }

    /// The format, and with it the `Content-Type`.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The whole exposition of `registry` at this moment.
    ///
    /// For large registries [`Scrape`](crate::Scrape) gives the same bytes in chunks.
    pub fn encode(&mut self, registry: &Registry) -> Vec<u8> {
        registry.visit(self);
        self.finish();
        std::mem::take(&mut self.out)
    }

    /// What was written so far; to be cleared or taken at any time between two series.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Writes what comes after the last family, and makes the encoder ready for another exposition.
    pub fn finish(&mut self) {
        self.write_target();
        if self.format == Format::OpenMetrics {
            self.out.extend_from_slice(b"# EOF\n");
        }
        self.family = Prepared::default();
        self.saw_target = false;
    }

    /// Remembers what matters to the end of the exposition of a family called `name`.
    pub(crate) fn note_family(&mut self, name: &str) {
        self.saw_target |= name == "target_info";
    }

    #[cfg(feature = "prometheus")]
    pub(crate) fn const_labels_and_buffer(&mut self) -> (&[Label], &mut Vec<u8>) {
        (&self.const_labels, &mut self.out)
    }

    fn write_target(&mut self) {
        if self.target.is_empty() || self.saw_target {
            return;
        }
        let (name, kind) = match self.format {
            Format::Text => ("target_info", "gauge"),
            Format::OpenMetrics => ("target", "info"),
        };
        self.header(name, "The service that these metrics are of.", kind, "");
        self.out.extend_from_slice(b"target_info{");
        for (i, (name, value)) in self.target.iter().enumerate() {
            self.out.extend_from_slice(if i == 0 { b"" } else { b"," });
            push_pair(&mut self.out, name, value);
        }
        self.out.extend_from_slice(b"} 1\n");
    }

    /// The comment lines of a family; `name` as the format wants it, `unit` empty for none.
    pub(crate) fn header(&mut self, name: &str, help: &str, kind: &str, unit: &str) {
        let open_metrics = self.format == Format::OpenMetrics;
        let out = &mut self.out;
        if !help.is_empty() {
            push_all(out, &["# HELP ", name, " "]);
            push_escaped(out, help, open_metrics);
            out.push(b'\n');
        }
        push_all(out, &["# TYPE ", name, " ", kind, "\n"]);
        if open_metrics && !unit.is_empty() {
            push_all(out, &["# UNIT ", name, " ", unit, "\n"]);
        }
    }

    fn scalar(&mut self, series: &SeriesInfo, value: Value<'_>) {
        let family = &self.family;
        let out = &mut self.out;
        let whole = match value {
            Value::Counter(n) => Some(n),
            Value::FloatCounter(x) | Value::Gauge(x) => whole(x),
            Value::Histogram(_) => unreachable!("a histogram is not written as one line"),
        };
        if !whole.is_some_and(|n| family.push_line(out, series, n)) {
            family.push_head(out, series);
            match value {
                Value::Counter(n) => push_decimal(out, n, family.decimals),
                Value::FloatCounter(x) | Value::Gauge(x) => push_scaled(out, x, family.decimals),
                Value::Histogram(_) => {}
            }
            out.push(b'\n');
        }
        if family.created {
            family.block(&mut self.labels, series);
            self.write_created(series);
        }
    }

    fn histogram(&mut self, series: &SeriesInfo, value: &HistogramValue) {
        self.family.block(&mut self.labels, series);
        let mut cells = value.buckets.iter().peekable();
        let mut below = 0;
        let mut exemplars = self.exemplars(value);
        for (edge, label) in &self.family.edges {
            let ends_below = |cell| edge.is_some_and(|edge| value.layout.highest_in(cell) <= edge);
            while let Some((_, count)) = cells.next_if(|(cell, _)| ends_below(*cell)) {
                below += count;
            }
            bucket(&mut self.out, &self.family.base, &self.labels, label, below);
            exemplars.push(&mut self.out, *edge);
            self.out.push(b'\n');
        }
        bucket(&mut self.out, &self.family.base, &self.labels, b"le=\"+Inf\"} ", value.count);
        exemplars.push(&mut self.out, None);
        self.out.push(b'\n');
        self.open("_sum");
        push_decimal(&mut self.out, value.sum, value.sum_unit.decimals());
        self.out.push(b'\n');
        self.open("_count");
        push_integer(&mut self.out, value.count);
        self.out.push(b'\n');
        if self.family.created {
            self.write_created(series);
        }
    }

    /// Those of `value`, which the text format has no place for.
    fn exemplars<'a>(&self, value: &'a HistogramValue) -> Exemplars<'a> {
        let shown: &[_] = if self.format == Format::OpenMetrics { &value.exemplars } else { &[] };
        Exemplars::new(value.layout, shown, self.family.decimals)
    }

    fn write_created(&mut self, series: &SeriesInfo) {
        self.open("_created");
        push_decimal(&mut self.out, series.started_unix_ns, Unit::Nanoseconds.decimals());
        self.out.push(b'\n');
    }

    /// Begins a line of the family with the labels at hand, up to its value.
    fn open(&mut self, suffix: &str) {
        push_all(&mut self.out, &[&self.family.base, suffix]);
        if !self.labels.is_empty() {
            self.out.push(b'{');
            self.out.extend_from_slice(&self.labels);
            self.out.push(b'}');
        }
        self.out.push(b' ');
    }
}

impl Visitor for TextEncoder {
    fn family(&mut self, family: &FamilyInfo) {
        if self.family.name == family.name && self.family.ready {
            return;
        }
        self.note_family(&family.name);
        self.family = Prepared::new(self.format, &self.edges, &self.const_labels, family);
        self.family.created &= self.created;
        let name = match self.format {
            Format::Text => &*family.name,
            Format::OpenMetrics => base(family),
        };
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.header(name, &family.help, kind, unit(name, family.unit));
    }

    fn series(&mut self, _: &FamilyInfo, series: &SeriesInfo, value: Value<'_>) {
        match value {
            Value::Histogram(value) => self.histogram(series, value),
            scalar => self.scalar(series, scalar),
        }
    }
}

fn bucket(out: &mut Vec<u8>, base: &str, labels: &[u8], edge: &[u8], count: u64) {
    push_all(out, &[base, "_bucket{"]);
    if !labels.is_empty() {
        out.extend_from_slice(labels);
        out.push(b',');
    }
    out.extend_from_slice(edge);
    push_integer(out, count);
}
