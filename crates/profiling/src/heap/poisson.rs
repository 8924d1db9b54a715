//! Which allocations are sampled, and how many a sampled one stands for.
//!
//! Sampling points lie on the line of allocated bytes as a Poisson process, one in `interval` bytes on
//! average; an allocation is sampled when a point lies in it. So one of `size` bytes is sampled with the
//! probability `p = 1 - exp(-size / interval)`, whatever came before, and counts for `1 / p` of its kind: sums
//! of the weights are unbiased. (The same as in Go's runtime, tcmalloc and jemalloc.)

/// Parts of an object that weights are counted in, so that they can be added and taken away exactly.
pub(super) const PARTS: u64 = 1024;

/// What one sampled allocation stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight {
    /// In [`PARTS`] of an object.
    pub(super) parts: u64,
    pub(super) bytes: u64,
}

/// What a sampled allocation of `size` bytes stands for. The same arguments give the same weight.
pub(super) fn weight(size: u64, interval: u64) -> Weight {
    let one_in = one_in(size as f64, interval as f64);
    Weight { parts: rounded(one_in * PARTS as f64), bytes: rounded(one_in * size as f64) }
}

/// The nearest whole number of one that is not negative. `round` is a call where the processor may be any x86-64.
fn rounded(number: f64) -> u64 {
    (number + 0.5) as u64
}

/// How many allocations of `size` bytes there are for each that is sampled, one in `interval` bytes.
pub(super) fn one_in(size: f64, interval: f64) -> f64 {
    if size <= 0.0 || interval <= 0.0 {
        return 1.0;
    }
    let x = size / interval;
    match x < SMALL {
        // The next term of the series is below 4e-11: 1 / (1 - exp(-x)) = 1/x + 1/2 + x/12 - x^3/720 + ...
        true => interval / size + 0.5 + x / 12.0 - x * x * x / 720.0,
        false => 1.0 / -(-x).exp_m1(),
    }
}

/// Sizes below this share of the interval, as most are, are spared the exponential function.
const SMALL: f64 = 1.0 / 16.0;

/// Bytes to the next sampling point, out of 64 random bits; at least 1.
pub(super) fn gap(random: u64, interval: u64) -> u64 {
    let uniform = ((random >> 11) + 1) as f64 / (1_u64 << 53) as f64; // above 0, up to 1
    // Sizes are whole: one that reaches the point rounded up is one that reaches the point.
    let gap = -uniform.ln() * interval as f64;
    let whole = gap as u64;
    if (whole as f64) < gap { whole + 1 } else { whole.max(1) }
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
    fn odd_sizes_have_a_weight() {
        assert_eq!(weight(0, 10), Weight { parts: PARTS, bytes: 0 });
        assert_eq!(weight(10, 0).parts, PARTS);
        assert_eq!(weight(u64::MAX, 512 << 10).parts, PARTS);
        assert!(weight(1, 512 << 10).bytes >= 512 << 10);
    }

    #[test]
    fn the_series_is_the_exponential_function_where_it_stands_for_it() {
        for size in (1..=40_000).step_by(7).map(f64::from) {
            let interval = f64::from(1 << 19);
            let exact = 1.0 / -(-size / interval).exp_m1();
            let off = (one_in(size, interval) - exact).abs() / exact;
            assert!(off < 1e-11, "{size}: {off}");
        }
    }
}
