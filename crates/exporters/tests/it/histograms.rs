//! The counts of exported buckets, against a model that looks at every value by itself.

use crate::families::{family, histogram, series};
use crate::parser::Exposition;
use perf_monitor_core::{Kind, Layout, Unit, Value, Visitor};
use perf_monitor_exporters::{Edges, Format, TextEncoder};
use proptest::prelude::*;

fn unit() -> impl Strategy<Value = (Unit, u64)> {
    prop::sample::select(vec![
        (Unit::Nanoseconds, 1_000_000_000),
        (Unit::Microseconds, 1_000_000),
        (Unit::Bytes, 1),
        (Unit::None, 1),
    ])
}

/// Values of all magnitudes up to 2^40.
fn value() -> impl Strategy<Value = u64> {
    (0u32..40, any::<u64>()).prop_map(|(bits, n)| n & ((1 << (bits + 1)) - 1))
}

proptest! {
    #[test]
    fn each_bucket_counts_the_values_whose_cells_end_at_or_below_its_edge(
        values in prop::collection::vec(value(), 0..60),
        edges in prop::collection::btree_set(value(), 0..20),
        digits in 1u8..=3,
        (unit, per_base) in unit(),
    ) {
        let layout = Layout::new(digits, 1 << 41).unwrap();
        let things = family("things", "", unit, Kind::Histogram, &[]);
        let base: Vec<f64> = edges.iter().map(|&edge| edge as f64 / per_base as f64).collect();
        let mut encoder = TextEncoder::new(Format::Text)
            .with_edges(Edges::default().of("things", &base).unwrap());
        encoder.family(&things);
        let value = histogram(&values, layout, unit, false);
        encoder.series(&things, &series(&[]), Value::Histogram(&value));
        let read = Exposition::parse(std::str::from_utf8(encoder.buffer()).unwrap());

        let end = |value: u64| layout.highest_in(layout.cell(value));
        let mut wanted: Vec<u64> = edges
            .iter()
            .map(|&edge| values.iter().filter(|&&value| end(value) <= edge).count() as u64)
            .collect();
        wanted.push(values.len() as u64);
        let buckets: Vec<_> = read.named("things_bucket").collect();
        let counts: Vec<u64> = buckets.iter().map(|bucket| bucket.value.parse().unwrap()).collect();
        prop_assert_eq!(counts, wanted);
        let spelled: Vec<f64> = buckets.iter().map(|bucket| bucket.label("le").unwrap().parse().unwrap()).collect();
        prop_assert_eq!(&spelled[..base.len()], &base[..]);
        prop_assert_eq!(spelled[base.len()], f64::INFINITY);
        prop_assert_eq!(&read.named("things_count").next().unwrap().value, &values.len().to_string());
        let sum = values.iter().sum::<u64>() as f64 / per_base as f64;
        prop_assert_eq!(read.named("things_sum").next().unwrap().number(), sum);
    }
}
