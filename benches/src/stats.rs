//! Best, median and ratios over rounds.

/// One number per round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) const fn new() -> Samples {
        Samples(Vec::new())
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest number: the round that was disturbed least.
    pub(crate) fn best(&self) -> f64 {
        self.quantile(0.0)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The number at or below which the share `q` of the rounds lies; NaN without rounds.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let index = (q * sorted.len().saturating_sub(1) as f64).round() as usize;
        sorted.get(index).copied().unwrap_or(f64::NAN)
    }

    /// Round by round, so that what disturbs a round disturbs both sides of its ratio.
    pub(crate) fn over(&self, other: &Samples) -> Samples {
        self.zip(other, |a, b| a / b)
    }

    /// Round by round, this less the other.
    pub(crate) fn minus(&self, other: &Samples) -> Samples {
        self.zip(other, |a, b| a - b)
    }

    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Samples {
        self.0.iter().map(|&value| f(value)).collect()
    }

    fn zip(&self, other: &Samples, f: impl Fn(f64, f64) -> f64) -> Samples {
        self.0.iter().zip(&other.0).map(|(&a, &b)| f(a, b)).collect()
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Samples {
        Samples(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_and_median_do_not_depend_on_order() {
        let samples: Samples = [3.0, 1.0, 9.0, 2.0, 8.0].into_iter().collect();
        assert_eq!((samples.best(), samples.median(), samples.len()), (1.0, 3.0, 5));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let ours: Samples = [1.0, 10.0, 1.0].into_iter().collect();
        let control: Samples = [2.0, 20.0, 2.0].into_iter().collect();
        assert_eq!(ours.over(&control).median(), 0.5);
    }

    #[test]
    fn no_rounds_are_not_a_number() {
        assert!(Samples::default().median().is_nan());
    }
}
