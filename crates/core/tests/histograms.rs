//! Histograms equal a plain `hdrhistogram` that one thread recorded into.

mod support;
mod workers;

use perf_monitor_core::{
    FamilyInfo, HistogramOptions, HistogramValue, LatencyTracker, Registry, SeriesInfo, Unit,
    Value, Visitor,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::soaked;
use workers::Workers;

const THREADS: usize = 6;

/// A value, how often it is recorded, and by which thread.
type Records = Vec<(u64, u16, usize)>;

/// Values of all magnitudes, some of them next to powers of two.
fn value() -> impl Strategy<Value = u64> {
    let shifted = (any::<u64>(), 0u32..64).prop_map(|(bits, shift)| bits >> shift);
    let edge = (0u32..50, -1i64..=1).prop_map(|(bit, off)| (1u64 << bit).wrapping_add_signed(off));
    prop_oneof![3 => shifted, 1 => edge, 1 => 0u64..3_000]
}

fn records() -> impl Strategy<Value = Records> {
    prop::collection::vec((value(), 1u16..60, 0..THREADS), 0..60)
}

/// Digits and highest value within what a histogram takes.
fn options() -> impl Strategy<Value = (u8, u64)> {
    let highest = prop_oneof![
        (1u32..50, any::<u64>()).prop_map(|(bits, x)| (1 << bits) + x % (1 << bits)),
        Just(60_000_000),
        2u64..5,
    ];
    (1u8..=3, highest)
}

fn config(cases: usize) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(soaked(cases) as u32) }
}

/// What `hdrhistogram` makes of the same records, clamped as documented.
fn oracle(records: &Records, digits: u8, highest: u64) -> hdrhistogram::Histogram<u64> {
    let mut oracle = hdrhistogram::Histogram::new_with_bounds(1, highest, digits).unwrap();
    for &(value, times, _) in records {
        oracle.record_n(value.min(highest), times.into()).unwrap();
    }
    oracle
}

fn assert_equal(value: &HistogramValue, oracle: &hdrhistogram::Histogram<u64>) {
    assert_eq!(value.to_hdr(), *oracle);
    assert_eq!(value.count, oracle.len());
    let cells: Vec<(u64, u64)> = value.iter_values().map(|(_, high, n)| (high, n)).collect();
    let theirs = oracle.iter_recorded();
    let theirs = theirs.map(|cell| (cell.value_iterated_to(), cell.count_at_value()));
    assert_eq!(cells, theirs.collect::<Vec<_>>());
    for (low, _, count) in value.iter_values() {
        assert_eq!((low, count), (oracle.lowest_equivalent(low), oracle.count_at(low)));
    }
    let shares = (1..=200).map(|i| f64::from(i) / 200.0).chain([1e-9, 0.9999, 0.999_999_9]);
    for q in shares {
        assert_eq!(value.value_at_quantile(q), oracle.value_at_quantile(q), "quantile {q}");
    }
}

#[test]
fn records_of_many_threads_equal_a_plain_histogram_of_one() {
    let workers = Workers::new(THREADS);
    proptest!(config(60), |((digits, highest) in options(), records in records())| {
        let registry = Registry::new();
        let options = HistogramOptions::default().digits(digits).highest(highest);
        let histogram = registry.histogram(("sizes", ""), options).unwrap();
        for &(value, times, thread) in &records {
            let theirs = histogram.clone();
            workers.run(thread, move || (0..times).for_each(|_| theirs.record(value)));
        }
        let value = histogram.value();
        assert_equal(&value, &oracle(&records, digits, highest));

        let each = || records.iter().map(|&(v, times, _)| (v, u64::from(times)));
        let sum = each().fold(0u64, |sum, (v, n)| sum.wrapping_add(v.min(highest).wrapping_mul(n)));
        prop_assert_eq!(value.sum, sum);
        prop_assert_eq!(value.max, each().map(|(v, _)| v.min(highest)).max().unwrap_or(0));
        let above: u64 = each().filter(|(v, _)| *v > highest).map(|(_, n)| n).sum();
        prop_assert_eq!(histogram.clamped(), above);
        let mean = if value.count == 0 { 0.0 } else { sum as f64 / value.count as f64 };
        prop_assert_eq!(value.mean(Unit::None), mean);
    });
}

#[test]
fn a_family_s_records_equal_those_of_handles() {
    let workers = Workers::new(THREADS);
    proptest!(config(40), |((digits, highest) in options(), records in records())| {
        let registry = Registry::new();
        let options = HistogramOptions::default().digits(digits).highest(highest);
        let family = registry.histogram_family(("sizes", ""), &["key"], options).unwrap();
        for &(value, times, thread) in &records {
            let theirs = family.clone();
            let record = move || (0..times).for_each(|_| theirs.record(&["one"], value));
            workers.run(thread, record);
        }
        let value = family.with(&["one"]).unwrap().value();
        assert_equal(&value, &oracle(&records, digits, highest));
    });
}

#[test]
fn a_tracker_of_many_threads_equals_a_plain_histogram_of_one() {
    let workers = Workers::new(THREADS);
    proptest!(config(30), |(records in records())| {
        let tracker = LatencyTracker::new();
        for &(value, times, thread) in &records {
            let theirs = tracker.clone();
            workers.run(thread, move || (0..times).for_each(|_| theirs.record(value)));
        }
        assert_equal(&tracker.value(), &oracle(&records, 3, 60_000_000));
        assert_equal(&tracker.recent(), &oracle(&records, 3, 60_000_000));
    });
}

#[test]
fn the_count_at_or_below_is_that_of_whole_cells() {
    let limit = prop_oneof![value(), Just(0), Just(u64::MAX)];
    proptest!(config(60), |(
        (digits, highest) in options(),
        records in records(),
        limits in prop::collection::vec(limit, 1..20),
    )| {
        let options = HistogramOptions::default().digits(digits).highest(highest);
        let histogram = Registry::new().histogram(("sizes", ""), options).unwrap();
        for &(value, times, _) in &records {
            (0..times).for_each(|_| histogram.record(value));
        }
        let (value, oracle) = (histogram.value(), oracle(&records, digits, highest));
        // Also at the edges of the cells that have values.
        let edges: Vec<u64> = value.iter_values().flat_map(|(_, high, _)| [high.saturating_sub(1), high]).collect();
        for limit in limits.into_iter().chain(edges) {
            let below = |v: u64| oracle.highest_equivalent(v.min(highest)) <= limit;
            let model = records.iter().filter(|(v, ..)| below(*v)).map(|&(_, n, _)| u64::from(n));
            prop_assert_eq!(value.count_at_or_below(limit), model.sum::<u64>(), "limit {}", limit);
        }
    });
}

/// What windows add up to, by metric.
#[derive(Default)]
struct Windows {
    counts: BTreeMap<String, u64>,
    fractions: BTreeMap<String, f64>,
    cells: BTreeMap<u32, u64>,
    sum: u64,
    gauge: f64,
    largest: u64,
}

impl Visitor for Windows {
    fn series(&mut self, family: &FamilyInfo, _: &SeriesInfo, value: Value<'_>) {
        let name = family.name.to_string();
        match value {
            Value::Counter(delta) => *self.counts.entry(name).or_default() += delta,
            Value::FloatCounter(delta) => *self.fractions.entry(name).or_default() += delta,
            Value::Gauge(now) => self.gauge = now,
            Value::Histogram(delta) => {
                assert_eq!(delta.count, delta.buckets.iter().map(|(_, n)| n).sum::<u64>());
                delta.buckets.iter().for_each(|(c, n)| *self.cells.entry(*c).or_default() += n);
                self.sum = self.sum.wrapping_add(delta.sum);
                self.largest = self.largest.max(delta.max);
            }
        }
    }
}

#[test]
fn the_deltas_of_all_windows_add_up_to_the_totals() {
    let workers = Workers::new(THREADS);
    proptest!(config(40), |(windows in prop::collection::vec(records(), 0..5))| {
        let registry = Registry::new();
        let counter = registry.counter(("counted", "")).unwrap();
        let observed = registry.observed_counter(("observed", "")).unwrap();
        let spent = registry.float_counter(("spent", "")).unwrap();
        let gauge = registry.gauge(("level", "")).unwrap();
        let histogram = registry.histogram(("sizes", ""), HistogramOptions::default()).unwrap();
        let mut seen = Windows::default();
        // What a source had counted before the first tick belongs to no window.
        observed.observe(0);
        registry.tick();
        // The last window is one in which nothing happens.
        for records in windows.iter().chain([&Records::new()]) {
            for &(value, times, thread) in records {
                let (counted, spent) = (counter.clone(), spent.clone());
                let (gauge, histogram) = (gauge.clone(), histogram.clone());
                workers.run(thread, move || {
                    for _ in 0..times {
                        counted.add(value % 1_000);
                        spent.add(value as f64 * 1e-3);
                        gauge.add(1.0);
                        histogram.record(value);
                    }
                });
                observed.observe(counter.get());
            }
            registry.tick();
            // A second reader sees the same window.
            let mut other = Windows::default();
            registry.visit_window(&mut other);
            registry.visit_window(&mut seen);
            prop_assert_eq!(other.gauge, gauge.get());
        }
        prop_assert_eq!(registry.window().ticks, windows.len() as u64 + 2);
        prop_assert_eq!(seen.counts["counted_total"], counter.get());
        prop_assert_eq!(seen.counts["observed_total"], counter.get());
        let (fractions, total) = (seen.fractions["spent_total"], spent.get());
        prop_assert!((fractions - total).abs() <= total * 1e-9, "{} of {}", fractions, total);
        let all = histogram.value();
        prop_assert_eq!(seen.cells.into_iter().collect::<Vec<_>>(), all.buckets);
        prop_assert_eq!((seen.sum, seen.largest), (all.sum, all.max));
    });
}

#[test]
fn a_window_has_only_what_its_tick_saw() {
    let registry = Registry::new();
    let counter = registry.counter(("counted", "")).unwrap();
    let counted = || {
        let mut window = Windows::default();
        registry.visit_window(&mut window);
        window.counts["counted_total"]
    };
    counter.add(3);
    assert_eq!(counted(), 0);
    registry.tick();
    counter.add(4);
    assert_eq!((counted(), counted()), (3, 3));
    registry.tick();
    assert_eq!(counted(), 4);
    registry.tick();
    assert_eq!(counted(), 0);
}
