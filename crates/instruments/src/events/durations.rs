//! One distribution out of those of several domains.

use std::collections::BTreeMap;
use std::time::Duration;

use perf_monitor_core::HistogramValue;

/// How long events took. Cells are told apart by their highest value, as an overflow series has
/// coarser ones than others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations {
    /// Highest value of a cell in nanoseconds, how many lie in it.
    cells: BTreeMap<u64, u64>,
    sum_ns: u64,
    max_ns: u64,
}

impl FromIterator<HistogramValue> for Durations {
    fn from_iter<I: IntoIterator<Item = HistogramValue>>(values: I) -> Durations {
        let mut all = Durations::default();
        for value in values {
            value.iter_values().for_each(|(_, top, n)| *all.cells.entry(top).or_default() += n);
            all.sum_ns = all.sum_ns.wrapping_add(value.sum);
            all.max_ns = all.max_ns.max(value.max);
        }
        all
    }
}

impl Durations {
    pub(crate) fn count(&self) -> u64 {
        self.cells.values().sum()
    }

    pub(crate) fn mean(&self) -> Option<Duration> {
        self.sum_ns.checked_div(self.count()).map(Duration::from_nanos)
    }

    pub(crate) fn longest(&self) -> Option<Duration> {
        (!self.cells.is_empty()).then(|| Duration::from_nanos(self.max_ns))
    }

    /// The duration that the share `q` of all were not longer than, to the end of its cell.
    pub(crate) fn quantile(&self, q: f64) -> Option<Duration> {
        let wanted = ((q * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let reaches = |(_, n): &(&u64, &u64)| {
            seen += **n;
            seen >= wanted
        };
        let (top, _) = self.cells.iter().find(reaches)?;
        Some(Duration::from_nanos((*top).min(self.max_ns)))
    }

    /// What came since `before`. The longest is known to its cell.
    pub(crate) fn since(&self, before: &Durations) -> Durations {
        let grew = |(top, n): (&u64, &u64)| {
            let more = n.saturating_sub(before.cells.get(top).copied().unwrap_or(0));
            (more > 0).then_some((*top, more))
        };
        let cells: BTreeMap<u64, u64> = self.cells.iter().filter_map(grew).collect();
        let max_ns = cells.keys().next_back().map_or(0, |top| self.max_ns.min(*top));
        Durations { cells, sum_ns: self.sum_ns.wrapping_sub(before.sum_ns), max_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf_monitor_core::{Desc, Histogram, HistogramOptions, Registry, Unit};
    use proptest::prelude::*;

    fn histogram(registry: &Registry, name: &str, digits: u8) -> Histogram {
        let options = HistogramOptions::default().digits(digits).highest(1 << 40);
        registry.histogram(Desc::new(name, "").unit(Unit::Nanoseconds), options).unwrap()
    }

    fn ns(quantile: Option<Duration>) -> u64 {
        quantile.map_or(0, |duration| duration.as_nanos() as u64)
    }

    proptest! {
        #[test]
        fn parts_together_are_the_whole(values in prop::collection::vec(0..1u64 << 40, 1..200)) {
            let registry = Registry::new();
            let parts = [histogram(&registry, "a", 2), histogram(&registry, "b", 2)];
            let whole = histogram(&registry, "whole", 2);
            for (n, value) in values.iter().enumerate() {
                parts[n % 2].record(*value);
                whole.record(*value);
            }
            let all: Durations = parts.iter().map(Histogram::value).collect();
            let whole = whole.value();
            prop_assert_eq!(all.count(), whole.count);
            prop_assert_eq!(ns(all.longest()), whole.max);
            for q in [0.0, 0.5, 0.95, 0.99, 1.0] {
                prop_assert_eq!(ns(all.quantile(q)), whole.value_at_quantile(q).min(whole.max));
            }
        }

        #[test]
        fn what_came_since_is_what_was_recorded_since(
            before in prop::collection::vec(0..1u64 << 40, 0..50),
            after in prop::collection::vec(0..1u64 << 40, 1..50),
        ) {
            let registry = Registry::new();
            let (all, late) = (histogram(&registry, "all", 2), histogram(&registry, "late", 2));
            before.iter().for_each(|value| all.record(*value));
            let earlier = Durations::from_iter([all.value()]);
            after.iter().for_each(|value| all.record(*value));
            after.iter().for_each(|value| late.record(*value));
            let since = Durations::from_iter([all.value()]).since(&earlier);
            let late = late.value();
            prop_assert_eq!(since.count(), after.len() as u64);
            prop_assert_eq!(since.sum_ns, late.sum);
            for q in [0.5, 0.95] {
                // Each is the end of its cell, capped by the longest that is known.
                let cell = |value: u64| late.layout.cell(value);
                prop_assert_eq!(cell(ns(since.quantile(q))), cell(late.value_at_quantile(q).min(late.max)));
            }
        }
    }

    #[test]
    fn coarser_cells_go_in_by_their_highest_value() {
        let registry = Registry::new();
        let (fine, coarse) = (histogram(&registry, "fine", 2), histogram(&registry, "coarse", 1));
        fine.record(1_000);
        coarse.record(1_000);
        let both = Durations::from_iter([fine.value(), coarse.value()]);
        assert_eq!((both.count(), both.mean()), (2, Some(Duration::from_nanos(1_000))));
        assert_eq!(both.quantile(1.0), Some(Duration::from_nanos(1_000)));
    }
}
