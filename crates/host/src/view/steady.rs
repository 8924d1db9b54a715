//! Totals of kernel counters that may step back.

/// What it means when a counter is lower than before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum StepBack {
    /// The device or process began anew, from 0.
    Restart,
    /// An inexact sum over cores: nothing happened, until the counter is above where it was. One
    /// that falls below half began anew at a place unknown.
    Sum,
    /// Nanoseconds that the kernel corrects: nothing happened, up to three seconds, the tolerance of
    /// Prometheus' node_exporter. More is a new beginning at a place unknown.
    Clock,
}

const CLOCK_TOLERANCE_NS: u64 = 3_000_000_000;

/// A total that never goes down, made of a counter that may.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steady {
    last: u64,
    total: u64,
}

impl Steady {
    /// The total after the counter was read as `value`.
    pub(crate) fn observe(&mut self, value: u64, meaning: StepBack) -> u64 {
        if value >= self.last {
            self.grow(value - self.last);
            self.last = value;
            return self.total;
        }
        let back = self.last - value;
        match meaning {
            StepBack::Restart => {
                self.grow(value);
                self.last = value;
            }
            StepBack::Sum if back <= self.last / 2 => {}
            StepBack::Clock if back <= CLOCK_TOLERANCE_NS => {}
            StepBack::Sum | StepBack::Clock => self.last = value,
        }
        self.total
    }

    fn grow(&mut self, by: u64) {
        self.total = self.total.saturating_add(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(meaning: StepBack, values: &[u64]) -> Vec<u64> {
        let mut steady = Steady::default();
        values.iter().map(|value| steady.observe(*value, meaning)).collect()
    }

    #[test]
    fn a_restart_counts_from_zero() {
        assert_eq!(totals(StepBack::Restart, &[100, 150, 20, 30]), [100, 150, 170, 180]);
    }

    #[test]
    fn a_small_step_back_counts_nothing_twice() {
        assert_eq!(
            totals(StepBack::Sum, &[100, 90, 99, 101, 90, 101]),
            [100, 100, 100, 101, 101, 101]
        );
        let second = 1_000_000_000;
        let values = [100, 98, 99, 101].map(|s| s * second);
        assert_eq!(totals(StepBack::Clock, &values), [100, 100, 100, 101].map(|s| s * second));
    }

    #[test]
    fn a_large_step_back_goes_on_from_there() {
        assert_eq!(totals(StepBack::Sum, &[100, 40, 45]), [100, 100, 105]);
        let second = 1_000_000_000;
        let values = [100, 96, 97].map(|s| s * second);
        assert_eq!(totals(StepBack::Clock, &values), [100, 100, 101].map(|s| s * second));
    }

    #[test]
    fn huge_totals_stay_at_the_top() {
        assert_eq!(totals(StepBack::Restart, &[u64::MAX, 5]), [u64::MAX, u64::MAX]);
    }
}
