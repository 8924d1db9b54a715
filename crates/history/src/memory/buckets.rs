//! Where the buckets of histograms end.

use std::sync::Arc;

use perf_monitor_core::{FamilyInfo, HistogramValue, Unit};

const SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// Powers of 4 from 64 B to 1 GiB.
const BYTES: [f64; 13] = powers_of_4(64.0);

/// Powers of 4 from 1 to 1,048,576.
const PLAIN: [f64; 11] = powers_of_4(1.0);

const fn powers_of_4<const N: usize>(first: f64) -> [f64; N] {
    let mut edges = [first; N];
    let mut i = 1;
    while i < N {
        edges[i] = edges[i - 1] * 4.0;
        i += 1;
    }
    edges
}

/// The upper edges of the buckets that a histogram is kept in, in base units; `+Inf` is added to them.
///
/// The defaults are those of a scrape, with `le` spelled in the same way, so that a query means the same here and in a
/// Prometheus that scrapes. Each edge is a series: a service that keeps several histograms gives fewer.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Of histograms of time, in seconds.
    pub seconds: Arc<[f64]>,
    /// Of histograms of sizes, in bytes.
    pub bytes: Arc<[f64]>,
    /// Of all others.
    pub plain: Arc<[f64]>,
}

impl Default for Buckets {
    /// Seconds: 16 edges from 0.0005 to 60. Bytes: powers of 4 from 64 to 1 GiB. Plain numbers: powers of 4 from 1 to
    /// 1,048,576.
    fn default() -> Buckets {
        Buckets { seconds: SECONDS.into(), bytes: BYTES.into(), plain: PLAIN.into() }
    }
}

impl Buckets {
    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        let edges = self.seconds.len() + self.bytes.len() + self.plain.len();
        edges * size_of::<f64>() + 3 * 2 * size_of::<usize>()
    }

    fn of(&self, unit: Unit) -> &[f64] {
        match unit.base_name() {
            "seconds" => &self.seconds,
            "bytes" => &self.bytes,
            _ => &self.plain,
        }
    }

    /// The edges of a family, as they are spelled and as they are recorded.
    pub(super) fn edges(&self, family: &FamilyInfo) -> Vec<Edge> {
        let edge =
            |edge: &f64| Edge { text: spelled(*edge), recorded: recorded(*edge, family.unit) };
        self.of(family.unit).iter().filter(|edge| edge.is_finite()).map(edge).collect()
    }
}

/// An edge of a histogram.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    /// The value of `le`.
    pub(super) text: String,
    /// The largest recorded number that is at or below it; `None` if there is none.
    recorded: Option<u64>,
}

/// The numbers of observations at or below each edge.
pub(super) fn counts(edges: &[Edge], value: &HistogramValue) -> Vec<u64> {
    let (mut cells, mut below) = (value.buckets.iter().peekable(), 0);
    let mut counts = Vec::with_capacity(edges.len());
    for edge in edges {
        let ends_below =
            |cell| edge.recorded.is_some_and(|edge| value.layout.highest_in(cell) <= edge);
        while let Some((_, count)) = cells.next_if(|(cell, _)| ends_below(*cell)) {
            below += count;
        }
        counts.push(below);
    }
    counts
}

/// 0.0025 s are 2500 µs although their product is 2499.9999999999995: what is within rounding of a whole number is one.
fn recorded(edge: f64, unit: Unit) -> Option<u64> {
    let exact = edge * 10f64.powi(places(unit));
    let whole = exact.round();
    let near = (exact - whole).abs() <= whole.abs() * 4.0 * f64::EPSILON;
    let floor = if near { whole } else { exact.floor() };
    (floor >= 0.0).then_some(floor as u64)
}

/// By how many decimal places a recorded number is moved to be in its base unit.
pub(super) const fn places(unit: Unit) -> i32 {
    match unit {
        Unit::Nanoseconds => 9,
        Unit::Microseconds | Unit::Millionths => 6,
        Unit::None | Unit::Seconds | Unit::Bytes | Unit::Ratio => 0,
    }
}

/// As Go's libraries spell it (`0.25`, `1e+06`), for the spelling names the series.
fn spelled(edge: f64) -> String {
    let scientific = format!("{edge:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse().unwrap_or(0) {
        -4..6 => format!("{edge}"),
        exponent @ 6.. => format!("{digits}e+{exponent:02}"),
        exponent => format!("{digits}e-{:02}", -exponent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_spelled_as_a_scrape_spells_them() {
        for (edge, text) in
            [(0.0005, "0.0005"), (0.00005, "5e-05"), (1.0, "1"), (1_048_576.0, "1.048576e+06")]
        {
            assert_eq!(spelled(edge), text);
        }
    }

    #[test]
    fn edges_meet_recorded_numbers_exactly() {
        assert_eq!(recorded(0.0025, Unit::Microseconds), Some(2_500));
        assert_eq!(recorded(-0.5, Unit::Bytes), None);
    }
}
