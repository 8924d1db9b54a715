//! What is the same on all lines of a family.

use perf_monitor_core::{FamilyInfo, Kind, SeriesInfo, Unit};

use crate::edges::Edges;
use crate::format::Format;
use crate::label::{Label, push_pair};
use crate::line::Template;
use crate::number::push_edge;

/// The parts of a family's lines that are the same for all its series.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) ready: bool,
    pub(crate) name: Box<str>,
    /// The name that suffixes are added to.
    pub(crate) base: Box<str>,
    pub(crate) decimals: usize,
    /// Whether a `_created` sample follows each series.
    pub(crate) created: bool,
    /// A scalar's line.
    line: Template,
    /// The line's beginning of the overflow series.
    overflow: Box<[u8]>,
    /// The constant labels, each with a comma behind.
    constant: Box<[u8]>,
    label_names: Box<[Box<str>]>,
    /// Each edge as it is recorded, and from `le=` up to the number.
    pub(crate) edges: Vec<(Option<u64>, Box<[u8]>)>,
}

impl Prepared {
    pub(crate) fn new(
        format: Format,
        edges: &Edges,
        const_labels: &[Label],
        family: &FamilyInfo,
    ) -> Prepared {
        let open_metrics = format == Format::OpenMetrics;
        let constant = constant(const_labels, family);
        let name = sample_name(format, family);
        Prepared {
            ready: true,
            name: family.name.clone(),
            base: base(family).into(),
            decimals: family.unit.decimals(),
            created: open_metrics && family.kind != Kind::Gauge,
            line: line(&name, &constant, family),
            overflow: [name.as_bytes(), b"{", &constant, b"overflow=\"true\"} "].concat().into(),
            constant,
            label_names: family.label_names.clone(),
            edges: match family.kind {
                Kind::Histogram => edge_labels(edges, open_metrics, family),
                Kind::Counter | Kind::Gauge => Vec::new(),
            },
        }
    }

    /// A scalar's whole line, if its number is exported as it is and nothing needs an escape; otherwise false, and
    /// nothing is written.
    #[inline]
    pub(crate) fn push_line(&self, out: &mut Vec<u8>, series: &SeriesInfo, number: u64) -> bool {
        self.decimals == 0 && !series.overflow && self.line.push(out, &series.label_values, number)
    }

    /// A scalar's line up to its number.
    pub(crate) fn push_head(&self, out: &mut Vec<u8>, series: &SeriesInfo) {
        if series.overflow {
            out.extend_from_slice(&self.overflow);
        } else if !self.line.push_head(out, &series.label_values) {
            self.line.push_escaped(out, &series.label_values);
        }
    }

    /// The labels of `series` as they stand between braces.
    pub(crate) fn block(&self, labels: &mut Vec<u8>, series: &SeriesInfo) {
        labels.clear();
        labels.extend_from_slice(&self.constant);
        if series.overflow {
            return labels.extend_from_slice(b"overflow=\"true\"");
        }
        for (name, value) in self.label_names.iter().zip(&series.label_values) {
            push_pair(labels, name, value);
            labels.push(b',');
        }
        labels.pop();
    }
}

/// `name{`, the constant labels and the first label's `name="`; `",name="` for each further one; then `"} `.
fn line(name: &str, constant: &[u8], family: &FamilyInfo) -> Template {
    let labels = &family.label_names;
    let piece = |i: usize| match i {
        0 => [name.as_bytes(), b"{", constant, labels[0].as_bytes(), b"=\""].concat(),
        _ => [b"\",", labels[i].as_bytes(), b"=\""].concat(),
    };
    let pieces: Vec<_> = (0..labels.len()).map(piece).collect();
    match (&*pieces, constant) {
        ([], []) => Template::new(&[], &[name.as_bytes(), b" "].concat()),
        ([], [labels @ .., _]) => {
            Template::new(&[], &[name.as_bytes(), b"{", labels, b"} "].concat())
        }
        _ => Template::new(&pieces, b"\"} "),
    }
}

fn edge_labels(
    edges: &Edges,
    open_metrics: bool,
    family: &FamilyInfo,
) -> Vec<(Option<u64>, Box<[u8]>)> {
    let edges = edges.of_family(family).iter().map(|&edge| {
        let mut label = b"le=\"".to_vec();
        push_edge(&mut label, edge, open_metrics);
        label.extend_from_slice(b"\"} ");
        (family.unit.recorded(edge), label.into())
    });
    edges.collect()
}

/// The constant labels that `family` has no label of its own for.
fn constant(const_labels: &[Label], family: &FamilyInfo) -> Box<[u8]> {
    let mut out = Vec::new();
    for (name, value) in const_labels {
        if !family.label_names.contains(name) {
            push_pair(&mut out, name, value);
            out.push(b',');
        }
    }
    out.into()
}

/// The name of a family's scalar samples: OpenMetrics wants `_total` on every counter.
fn sample_name(format: Format, family: &FamilyInfo) -> String {
    match (format, family.kind) {
        (Format::OpenMetrics, Kind::Counter) => format!("{}_total", base(family)),
        _ => family.name.to_string(),
    }
}

/// The name of the family in OpenMetrics.
pub(crate) fn base(family: &FamilyInfo) -> &str {
    match family.kind {
        Kind::Counter => family.name.strip_suffix("_total").unwrap_or(&family.name),
        Kind::Gauge | Kind::Histogram => &family.name,
    }
}

/// The unit to tell of the family called `name`: none that the name does not end in, which would break the scrape.
pub(crate) fn unit(name: &str, unit: Unit) -> &'static str {
    let unit = unit.base_name();
    match name.strip_suffix(unit) {
        Some(rest) if rest.ends_with('_') => unit,
        _ => "",
    }
}
