//! The buckets of histograms as series.

use perf_monitor_core::{Buckets, FamilyInfo, HistogramValue};

/// Bytes of `buckets` on the heap.
pub(super) fn bytes(buckets: &Buckets) -> usize {
    let edges = buckets.seconds.len() + buckets.bytes.len() + buckets.plain.len();
    edges * size_of::<f64>() + 3 * 2 * size_of::<usize>()
}

/// The edges of a family, as they are spelled and as they are recorded. With the defaults they are those of a scrape, with
/// `le` spelled in the same way, so that a query means the same here and in a Prometheus that scrapes.
pub(super) fn edges(buckets: &Buckets, family: &FamilyInfo) -> Vec<Edge> {
    let edge = |edge: &f64| Edge { text: spelled(*edge), recorded: family.unit.recorded(*edge) };
    buckets.of(family.unit).iter().filter(|edge| edge.is_finite()).map(edge).collect()
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
}
