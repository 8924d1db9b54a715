//! Which allocations are sampled, and how many a sampled one stands for.
//!
//! Sampling points lie on the line of allocated bytes as a Poisson process, one in `interval` bytes on
//! average; an allocation is sampled when a point lies in it. So one of `size` bytes is sampled with the
//! probability `p = 1 - exp(-size / interval)`, whatever came before, and counts for `1 / p` of its kind: sums
//! of the weights are unbiased. (The same as in Go's runtime, tcmalloc and jemalloc.)

/// Parts of an object that weights are counted in, so that they can be added and taken away exactly.
pub(super) const PARTS: u64 = 1024;

/// What one sampled allocation stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// In [`PARTS`] of an object.
    pub(super) parts: u64,
    pub(super) bytes: u64,
}

impl Weight {
    pub(super) fn plus(self, other: Weight) -> Weight {
        let parts = self.parts.wrapping_add(other.parts);
        Weight { parts, bytes: self.bytes.wrapping_add(other.bytes) }
    }
}

/// What a sampled allocation of `size` bytes stands for. The same arguments give the same weight.
pub(super) fn weight(size: u64, interval: u64) -> Weight {
    let parts = match size > 0 && size < interval / SMALL && interval < 1 << 50 {
        true => parts_of_small(size, interval),
        false => return weight_of_any(size, interval),
    };
    Weight { parts, bytes: (u128::from(parts) * u128::from(size) / u128::from(PARTS)) as u64 }
}

/// Sizes below this part of the interval, as most are, are spared the exponential function.
const SMALL: u64 = 16;

/// The series `1 / (1 - exp(-x)) = 1/x + 1/2 + x/12 - x^3/720 + ...` of `x = size / interval`, in whole numbers, whose
/// constants are in the code and not in lines of their own. The last term is below 4e-7; what is rounded is less than two
/// parts, of more than 16,000.
fn parts_of_small(size: u64, interval: u64) -> u64 {
    (interval * PARTS + size / 2) / size + PARTS / 2 + size * (PARTS / 4) / (interval * 3)
}

#[cold]
#[inline(never)]
fn weight_of_any(size: u64, interval: u64) -> Weight {
    let size = float(size);
    let one_in = one_in(size, float(interval));
    Weight { parts: whole(one_in * PARTS as f64 + 0.5), bytes: whole(one_in * size + 0.5) }
}

/// How many allocations of `size` bytes there are for each that is sampled, one in `interval` bytes.
pub(super) fn one_in(size: f64, interval: f64) -> f64 {
    if size <= 0.0 || interval <= 0.0 { 1.0 } else { -1.0 / (-size / interval).exp_m1() }
}

/// The whole part of a number that is not negative; x86-64 has an instruction for signed ones only.
fn whole(number: f64) -> u64 {
    number as i64 as u64
}

/// Likewise the other way; no block is larger than half of the address space.
fn float(number: u64) -> f64 {
    number.min(i64::MAX as u64) as i64 as f64
}

/// Bytes to the next sampling point, out of 64 random bits; at least 1.
pub(super) fn gap(random: u64, interval: u64) -> u64 {
    let uniform = float((random >> 11) + 1) * (1.0 / (1_u64 << 53) as f64); // above 0, up to 1
    // Sizes are whole: one that reaches the point rounded up is one that reaches the point.
    whole(-ln(uniform) * float(interval)) + 1
}

/// The natural logarithm of a positive, normal number, to some 1e-12, in a few instructions without a table: the C
/// library's would be a call, with lines of code and of its table to fetch for each sample.
///
/// `ln(m) = 2 (z + z^3/3 + z^5/5 + ...)` with `z = (m - 1) / (m + 1)`, which is below 0.172 for a mantissa between the
/// roots of 1/2 and of 2.
fn ln(x: f64) -> f64 {
    // The mantissa is taken from the root of 1/2 on.
    let above_root = x.to_bits().wrapping_sub(std::f64::consts::FRAC_1_SQRT_2.to_bits());
    let exponent = (above_root as i64 >> 52) as f64;
    let mantissa = x.to_bits().wrapping_sub(above_root & !((1 << 52) - 1));
    let m = f64::from_bits(mantissa);
    let z = (m - 1.0) / (m + 1.0);
    let zz = z * z;
    let series =
        [11.0, 9.0, 7.0, 5.0, 3.0, 1.0].iter().fold(1.0 / 13.0, |sum, n| sum * zz + 1.0 / n);
    exponent * std::f64::consts::LN_2 + 2.0 * z * series
}

/// What a state of SplitMix64 looks like from outside.
pub(super) fn mixed(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// From one state of SplitMix64 to the next.
pub(super) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of weights of `count` allocations of `size` bytes: objects, bytes.
    fn estimate(count: u64, size: u64, interval: u64) -> (f64, f64) {
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_add(STEP);
            gap(mixed(state), interval)
        };
        let (mut total, mut parts, mut bytes) = (0, 0, 0);
        let mut next = draw();
        for _ in 0..count {
            total += size;
            if total >= next {
                let weight = weight(size, interval);
                (parts, bytes) = (parts + weight.parts, bytes + weight.bytes);
                next = total + draw();
            }
        }
        (parts as f64 / PARTS as f64, bytes as f64)
    }

    /// The seed is fixed, so that this holds or does not hold for ever; 6 standard deviations beside that.
    #[test]
    fn the_sum_of_weights_is_what_was_allocated_for_sizes_far_below_and_above_the_interval() {
        for (count, size) in [(4_000_000, 16), (400_000, 1_000), (20_000, 65_536), (1_000, 4 << 20)]
        {
            let interval = 64 << 10;
            let (objects, bytes) = estimate(count, size, interval);
            let samples = count as f64 / one_in(size as f64, interval as f64);
            let bound = 6.0 / samples.sqrt();
            assert!((objects / count as f64 - 1.0).abs() < bound, "{size}: {objects} of {count}");
            assert!((bytes / (count * size) as f64 - 1.0).abs() < bound, "{size}: {bytes}");
        }
    }

    #[test]
    fn gaps_are_an_interval_long_on_average_and_never_nothing() {
        let gaps: Vec<_> =
            (1..=100_000_u64).map(|n| gap(mixed(n.wrapping_mul(STEP)), 1_000)).collect();
        let mean = gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
        assert!((980.0..1_020.0).contains(&mean), "{mean}");
        assert!(gaps.iter().all(|gap| *gap > 0));
        assert!(
            [gap(0, 512 << 10), gap(u64::MAX, 512 << 10)]
                .iter()
                .all(|gap| (1..1 << 30).contains(gap))
        );
    }

    #[test]
    fn the_logarithm_is_the_library_s() {
        let random = (1..=100_000_u64).map(|n| mixed(n.wrapping_mul(STEP)) >> 11);
        let edges = [0, 1, (1 << 53) - 1, 1 << 52, 6_369_051_672_525_772, 6_369_051_672_525_773];
        for bits in random.chain(edges) {
            let x = (bits + 1) as f64 / (1_u64 << 53) as f64;
            assert!((ln(x) - x.ln()).abs() <= 2e-12 * x.ln().abs(), "{x}: {}", ln(x));
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn odd_sizes_have_a_weight() {
        assert_eq!(weight(0, 10), Weight { parts: PARTS, bytes: 0 });
        assert_eq!(weight(10, 0).parts, PARTS);
        assert_eq!(weight(u64::MAX, 512 << 10).parts, PARTS);
        assert!(weight(1, 512 << 10).bytes >= 512 << 10);
    }

    #[test]
    fn the_series_is_the_exponential_function_where_it_stands_for_it() {
        let intervals = [17, 1_000, 1 << 19, 1 << 49];
        let small = |interval: u64| (1..interval / SMALL).step_by(interval as usize / 16 / 500 + 1);
        for (interval, size) in intervals.iter().flat_map(|i| small(*i).map(move |size| (*i, size)))
        {
            let exact = one_in(size as f64, interval as f64);
            let Weight { parts, bytes } = weight(size, interval);
            let off = |is: f64, should: f64| (is - should).abs() / should;
            assert!(
                off(parts as f64 / PARTS as f64, exact) < 1.2e-4,
                "{size} of {interval}: {parts}"
            );
            assert!(
                off(bytes as f64, exact * size as f64) < 1.2e-4 + 1.0 / interval as f64,
                "{size} of {interval}: {bytes} bytes"
            );
        }
    }
}
