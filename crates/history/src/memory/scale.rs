//! Floats as integers, where they are short.

/// What an integer is multiplied by to be the value.
///
/// Most series are whole numbers, multiples of a page, or decimals of few places (seconds that were recorded in
/// nanoseconds): as integers, their differences are small. All others are taken by their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scale(u8);

/// How many make one, in the scales after the first, which is of pages.
const PARTS: [f64; 6] = [1.0, 1e1, 1e2, 1e3, 1e6, 1e9];

const PAGE: f64 = 4_096.0;

/// Integers below it are floats without a loss.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Scale {
    /// Multiples of a page: the coarsest.
    pub(super) const PAGES: Scale = Scale(0);
    /// Any float, by its bits.
    pub(super) const BITS: Scale = Scale(PARTS.len() as u8 + 1);
    /// How many bits tell which scale.
    pub(super) const WIDTH: u32 = 3;

    pub(super) fn of_index(index: u64) -> Scale {
        Scale((index as u8).min(Scale::BITS.0))
    }

    pub(super) fn index(self) -> u64 {
        u64::from(self.0)
    }

    /// The coarsest scale that `value` fits, from `self` on.
    pub(super) fn fitting(self, value: f64) -> Scale {
        let mut scale = self;
        while scale.integer(value).is_none() {
            scale = Scale(scale.0 + 1);
        }
        scale
    }

    /// `value` as an integer, if it is one exactly.
    #[inline]
    pub(super) fn integer(self, value: f64) -> Option<i64> {
        if self == Scale::BITS {
            return Some(ordered(value));
        }
        let integer = match self.0 {
            0 => value / PAGE,
            scale => value * PARTS[usize::from(scale) - 1],
        };
        let integer = integer.round();
        let exact =
            integer.abs() < EXACT && self.value(integer as i64).to_bits() == value.to_bits();
        exact.then_some(integer as i64)
    }

    #[inline(always)]
    pub(super) fn value(self, integer: i64) -> f64 {
        match self.0 {
            0 => integer as f64 * PAGE,
            1 => integer as f64,
            scale if self < Scale::BITS => integer as f64 / PARTS[usize::from(scale) - 1],
            _ => unordered(integer),
        }
    }
}

/// The bits of a float, so that larger floats are larger integers, and near ones are near.
fn ordered(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

fn unordered(integer: i64) -> f64 {
    f64::from_bits(if integer < 0 { integer ^ i64::MAX } else { integer } as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_fit_the_coarsest_scale_that_keeps_them() {
        for (value, index) in [
            (0.0, 0),
            (8_192.0, 0),
            (1.0, 1),
            (-12.5, 2),
            (0.25, 3),
            (1_700_000_000.123, 4),
            (0.000_001, 5),
            (12.345_678_901, 6),
            (1.0 / 3.0, 7),
            (-0.0, 7),
            (1e300, 7),
            (f64::NAN, 7),
        ] {
            assert_eq!(Scale::PAGES.fitting(value), Scale(index), "{value}");
        }
    }

    proptest! {
        #[test]
        fn every_float_comes_back(bits: u64, decimal in -1_000_000_000i64..1_000_000_000, places in 0..10) {
            for value in [f64::from_bits(bits), decimal as f64 / 10f64.powi(places)] {
                let scale = Scale::PAGES.fitting(value);
                let integer = scale.integer(value).unwrap();
                prop_assert_eq!(scale.value(integer).to_bits(), value.to_bits());
            }
        }

        #[test]
        fn bits_keep_the_order(a: f64, b: f64) {
            prop_assert_eq!(ordered(a).cmp(&ordered(b)), a.total_cmp(&b));
        }
    }
}
