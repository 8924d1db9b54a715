//! Arithmetic as Go and Prometheus do it.

/// Adds with the error of the addition kept beside the sum (Kahan and Neumaier), as Prometheus does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) sum: f64,
    error: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        self.error += match self.sum.abs() >= value.abs() {
            true => (self.sum - total) + value,
            false => (value - total) + self.sum,
        };
        self.sum = total;
    }

    /// With the error.
    pub(super) fn total(self) -> f64 {
        self.sum + self.error
    }

    /// With the error, unless it is infinite, where the error is none.
    pub(super) fn finite_total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.total() }
    }
}

/// Whether a mean that is infinite stays so, whatever `value` adds: the same infinity, or a finite number.
pub(super) fn mean_stays(mean: f64, value: f64) -> bool {
    let same = value.is_infinite() && (mean > 0.0) == (value > 0.0);
    mean.is_infinite() && (same || value.is_finite())
}

/// The larger, as Go's `math.Max`: infinity before NaN before all others.
pub(super) fn max(a: f64, b: f64) -> f64 {
    match () {
        () if a == f64::INFINITY || b == f64::INFINITY => f64::INFINITY,
        () if a.is_nan() || b.is_nan() => f64::NAN,
        () => a.max(b),
    }
}

/// The smaller, as Go's `math.Min`.
pub(super) fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

/// The `q`-quantile of `values`, in between neighbours where it lies there; they end up sorted.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    // NaN counts as the smallest.
    values.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan())));
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor();
    let upper = (values.len() - 1).min(lower as usize + 1);
    let weight = rank - lower;
    values[lower as usize] * (1.0 - weight) + values[upper] * weight
}

/// The spread of values around their mean (Welford), each added once or several times.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variance {
    count: f64,
    mean: Sum,
    squares: Sum,
}

impl Variance {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean.total();
        self.mean.add(delta / self.count);
        self.squares.add(delta * (value - self.mean.total()));
    }

    pub(super) fn variance(self) -> f64 {
        self.squares.total() / self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinity_goes_before_nan() {
        assert_eq!(max(f64::INFINITY, f64::NAN), f64::INFINITY);
        assert_eq!(min(f64::NEG_INFINITY, f64::NAN), f64::NEG_INFINITY);
        assert!(max(f64::NEG_INFINITY, f64::NAN).is_nan());
        assert!(min(f64::INFINITY, f64::NAN).is_nan());
    }

    #[test]
    fn a_sum_keeps_what_addition_loses() {
        let mut sum = Sum::default();
        [1.0, 1e100, 1.0, -1e100].iter().for_each(|x| sum.add(*x));
        assert_eq!(sum.finite_total(), 2.0);
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile(0.5, &mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(-0.1, &mut [1.0]), f64::NEG_INFINITY);
        assert_eq!(quantile(1.1, &mut [1.0]), f64::INFINITY);
        assert!(quantile(0.0, &mut [1.0, f64::NAN]).is_nan());
    }
}
