//! The cells of an HDR histogram as buckets that grow by a constant factor.

use perf_monitor_core::{HistogramValue, Layout, Unit};

/// The most buckets of one histogram, as the SDKs of OpenTelemetry have by default.
const MOST_BUCKETS: i32 = 160;

/// Counts by bucket: number `i` holds what is above `base^(offset + i)` and not above `base^(offset + i + 1)`, where
/// base is `2^(2^-scale)`.
///
/// A cell lands whole in the bucket of its highest value, which is the rule of a scrape's buckets too. So the count up
/// to a bucket's end is exactly that of the cells that end there or below, and no value stands in a bucket that ends
/// below it. One that stands too high does so by a cell at most: 1/16 of itself at one digit, 1/128 at two, 1/1024 at
/// three.
///
/// Which bucket a cell lands in depends on nothing else than the cell, and the buckets of a scale are pairs of those of
/// the next finer one. So no bucket's count ever falls, and receivers do not take more values for a restart.
///
/// The scale is the finest that needs no more than 160 buckets, but not finer than the cells: 4, 7 or 10 for one, two
/// or three digits. Values from 10 µs to a second, 17 doublings, have scale 3, where a bucket ends 1.09 times as high
/// as it begins. The widest histogram there can be, of 57 doublings, has scale 1 and 1.41; so no scale is below 1.
#[derive(Debug, PartialEq)]
pub(super) struct Exponential {
    pub(super) scale: i32,
    pub(super) offset: i32,
    /// Without zeros at either end.
    pub(super) counts: Vec<u64>,
    /// How many values were 0, which no bucket holds.
    pub(super) zeros: u64,
}

impl Exponential {
    /// The buckets of `value`, recorded in `unit`, in its base unit.
    pub(super) fn of(value: &HistogramValue, unit: Unit) -> Exponential {
        let finest = finest_scale(value.layout);
        let one = 10f64.powi(unit.decimals() as i32);
        let bucket = |cell| index(value.layout.highest_in(cell) as f64 / one, finest);
        let (zeros, cells) = match value.buckets.split_first() {
            Some((&(0, zeros), cells)) => (zeros, cells),
            _ => (0, &*value.buckets),
        };
        let [Some(first), Some(last)] = [cells.first(), cells.last()] else {
            return Exponential { scale: finest, offset: 0, counts: Vec::new(), zeros };
        };
        let (first, last) = (bucket(first.0), bucket(last.0));
        let coarser = (0..).find(|by| (last >> by) - (first >> by) < MOST_BUCKETS).unwrap_or(0);
        let offset = first >> coarser;
        let mut counts = vec![0; ((last >> coarser) - offset + 1) as usize];
        for &(cell, count) in cells {
            counts[((bucket(cell) >> coarser) - offset) as usize] += count;
        }
        Exponential { scale: finest - coarser, offset, counts, zeros }
    }
}

/// The scale that has as many buckets for a doubling as `layout` has cells.
fn finest_scale(layout: Layout) -> i32 {
    match layout.digits() {
        1 => 4,
        2 => 7,
        _ => 10,
    }
}

/// The bucket of `x`, which is above zero, at a scale that is not below zero.
///
/// Exponent and mantissa are looked at apart, so that a power of two, which is a bucket's end at any scale, lands below
/// it whatever the logarithm's last digit is.
fn index(x: f64, scale: i32) -> i32 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let exponent = (x.to_bits() >> 52) as i32 - 1023;
    let mantissa = f64::from_bits(x.to_bits() & MANTISSA | 1023 << 52);
    let buckets = 1 << scale;
    let inside = (mantissa.log2() * f64::from(buckets)).ceil() as i32 - 1;
    match mantissa == 1.0 {
        true => exponent * buckets - 1,
        false => exponent * buckets + inside.clamp(0, buckets - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf_monitor_core::{Desc, HistogramOptions, Registry};
    use proptest::prelude::*;

    /// A histogram of these values.
    fn recorded(digits: u8, unit: Unit, values: &[u64]) -> HistogramValue {
        let registry = Registry::new();
        let options = HistogramOptions::default().digits(digits).highest(1 << 50);
        let histogram = registry.histogram(Desc::new("h", "").unit(unit), options).unwrap();
        values.iter().for_each(|&value| histogram.record(value));
        histogram.value()
    }

    /// Where bucket `index` ends, by roots instead of logarithms.
    fn end(index: i32, scale: i32) -> f64 {
        let root = |base: f64| (0..scale).fold(base, |base, _| base.sqrt());
        let whole = (index + 1) >> scale;
        root(2.0).powi((index + 1) - (whole << scale)) * 2f64.powi(whole)
    }

    /// The count of each bucket at a coarser scale, as a receiver merges them.
    fn merged(buckets: &Exponential, scale: i32) -> std::collections::BTreeMap<i32, u64> {
        let mut merged = std::collections::BTreeMap::new();
        for (index, count) in (buckets.offset..).zip(&buckets.counts) {
            *merged.entry(index >> (buckets.scale - scale)).or_default() += count;
        }
        merged
    }

    #[test]
    fn a_power_of_two_is_the_end_of_its_bucket() {
        for scale in 0..=10 {
            for power in -40..60 {
                assert_eq!(index(2f64.powi(power), scale), (power << scale) - 1);
                assert_eq!(index(2f64.powi(power).next_up(), scale), power << scale);
                assert_eq!(index(2f64.powi(power).next_down(), scale), (power << scale) - 1);
            }
        }
    }

    /// As `LogarithmMapping` of the `opentelemetry-sdk` package of Python, 1.45.2, answers.
    #[test]
    fn the_buckets_are_those_of_opentelemetry_s_own_sdk() {
        let values = [1e-9, 3.7e-5, 0.25, 0.3, 1.0, 1.5, 86_400.0, 1.8e16];
        for (scale, wanted) in [
            (1, [-60, -30, -5, -4, -1, 1, 32, 107]),
            (4, [-479, -236, -33, -28, -1, 9, 262, 863]),
            (7, [-3827, -1885, -257, -223, -1, 74, 2099, 6911]),
            (10, [-30615, -15076, -2049, -1779, -1, 599, 16792, 55294]),
        ] {
            assert_eq!(values.map(|x| index(x, scale)), wanted);
        }
    }

    #[test]
    fn the_widest_histogram_has_scale_one() {
        let registry = Registry::builder().budget_bytes(1 << 24).build();
        let options = HistogramOptions::default().digits(3).highest((1 << 57) - 1);
        let histogram = registry.histogram(("h", ""), options).unwrap();
        histogram.record(1);
        histogram.record(u64::MAX);
        let buckets = Exponential::of(&histogram.value(), Unit::None);
        assert_eq!((buckets.scale, buckets.offset), (1, -1));
        assert_eq!(buckets.counts.len(), 115);
    }

    #[test]
    fn one_value_has_one_bucket_of_the_finest_scale() {
        for (digits, scale) in [(1, 4), (2, 7), (3, 10)] {
            let buckets =
                Exponential::of(&recorded(digits, Unit::Microseconds, &[3]), Unit::Microseconds);
            assert_eq!((buckets.scale, &*buckets.counts), (scale, &[1][..]));
            assert!(end(buckets.offset - 1, scale) < 3e-6 && 3e-6 <= end(buckets.offset, scale));
        }
    }

    #[test]
    fn zeros_have_a_count_of_their_own() {
        let buckets = Exponential::of(&recorded(2, Unit::None, &[0, 0, 1]), Unit::None);
        assert_eq!((buckets.zeros, buckets.counts), (2, vec![1]));
        let only = Exponential::of(&recorded(2, Unit::None, &[0]), Unit::None);
        assert_eq!((only.zeros, only.counts), (1, vec![]));
        let none = Exponential::of(&recorded(2, Unit::None, &[]), Unit::None);
        assert_eq!((none.zeros, none.counts), (0, vec![]));
    }

    fn a_unit() -> impl Strategy<Value = Unit> {
        prop::sample::select(vec![Unit::None, Unit::Nanoseconds, Unit::Microseconds, Unit::Bytes])
    }

    /// Values of all sizes.
    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = (0u32..51, any::<u64>()).prop_map(|(bits, n)| n & ((1 << bits) - 1));
        prop::collection::vec(value, 0..60)
    }

    proptest! {
        #[test]
        fn the_count_up_to_each_bucket_s_end_is_that_of_the_cells(
            digits in 1u8..=3, unit in a_unit(), values in values()
        ) {
            let value = recorded(digits, unit, &values);
            let buckets = Exponential::of(&value, unit);
            prop_assert!(buckets.counts.len() <= 160 && buckets.scale >= 1);
            prop_assert_eq!(buckets.zeros + buckets.counts.iter().sum::<u64>(), value.count);
            prop_assert!(buckets.counts.first() != Some(&0) && buckets.counts.last() != Some(&0));
            let mut below = buckets.zeros;
            for (index, count) in (buckets.offset..).zip(&buckets.counts) {
                below += count;
                let end = end(index, buckets.scale) * (1.0 + 1e-12);
                let at_most = value.iter_values().filter(|cell| cell.1 as f64 * unit.scale() <= end);
                prop_assert_eq!(below, at_most.map(|cell| cell.2).sum::<u64>());
            }
        }

        #[test]
        fn the_scale_is_the_finest_that_has_room(digits in 1u8..=3, values in values()) {
            let value = recorded(digits, Unit::None, &values);
            let buckets = Exponential::of(&value, Unit::None);
            let cells = value.iter_values().filter(|cell| cell.1 > 0);
            let finer = |(_, highest, _)| index(highest as f64, buckets.scale + 1);
            let finer: Vec<i32> = cells.map(finer).collect();
            if buckets.scale < finest_scale(value.layout) {
                prop_assert!(finer[finer.len() - 1] - finer[0] >= 160);
            }
        }

        #[test]
        fn no_bucket_falls_when_more_is_recorded(
            digits in 1u8..=3, unit in a_unit(), before in values(), more in values()
        ) {
            let old = Exponential::of(&recorded(digits, unit, &before), unit);
            let all: Vec<u64> = before.into_iter().chain(more).collect();
            let new = Exponential::of(&recorded(digits, unit, &all), unit);
            prop_assert!(new.scale <= old.scale && new.zeros >= old.zeros);
            let now = merged(&new, new.scale);
            for (index, count) in merged(&old, new.scale) {
                prop_assert!(now.get(&index).is_some_and(|now| *now >= count));
            }
        }
    }
}
