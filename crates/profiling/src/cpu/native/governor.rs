//! A rate that keeps within what sampling may cost.

/// The rate is halved when sampling takes more than its share of the process's CPU time in two looks
/// in a row, and doubled again, up to what was asked for, when four times as much would be within it.
#[derive(Debug)]
pub(crate) struct Governor {
    /// The most that sampling may take of the process's CPU time.
    budget: f64,
    wanted: u32,
    rate: u32,
    over: u32,
    /// How often the rate was lowered.
    lowered: u64,
}

/// Looks over the budget before something is done about it: one may be bad luck.
const PATIENCE: u32 = 2;

/// CPU time of the process in a look below which nothing is decided. In a process that does next to
/// nothing, looking whether there are new threads is most of what there is.
const LEAST_NS: u64 = 50_000_000;

impl Governor {
    pub(crate) fn new(wanted: u32, budget: f64) -> Governor {
        Governor { budget, wanted, rate: wanted, over: 0, lowered: 0 }
    }

    /// The rate now, in samples a second of CPU time.
    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    pub(crate) fn wanted(&self) -> u32 {
        self.wanted
    }

    pub(crate) fn lowered(&self) -> u64 {
        self.lowered
    }

    /// Another rate is asked for.
    pub(crate) fn want(&mut self, rate: u32) {
        (self.wanted, self.rate, self.over) = (rate, rate, 0);
    }

    /// What sampling took, and the process in the same time, itself included; whether the rate changed.
    pub(crate) fn look(&mut self, cost_ns: u64, process_ns: u64) -> bool {
        if process_ns < LEAST_NS {
            self.over = 0;
            return false;
        }
        let share = cost_ns as f64 / process_ns as f64;
        self.over = if share > self.budget { self.over + 1 } else { 0 };
        if self.over >= PATIENCE && self.rate > 1 {
            self.rate /= 2;
            self.over = 0;
            self.lowered += 1;
            return true;
        }
        if share * 4.0 < self.budget && self.rate < self.wanted {
            self.rate = (self.rate * 2).min(self.wanted);
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A second in which each sample takes so much.
    fn look(governor: &mut Governor, sample_ns: u64) -> bool {
        let rate = u64::from(governor.rate());
        governor.look(rate * sample_ns, SECOND)
    }

    #[test]
    fn the_rate_falls_until_it_is_within_the_budget_and_comes_back() {
        let mut governor = Governor::new(99, 0.01);
        let dear = 400_000; // 4 % at 99 Hz
        for _ in 0..20 {
            look(&mut governor, dear);
        }
        assert_eq!((governor.rate(), governor.lowered()), (24, 2));
        let cheap = 2_000;
        for _ in 0..20 {
            look(&mut governor, cheap);
        }
        assert_eq!((governor.rate(), governor.lowered()), (99, 2));
    }

    #[test]
    fn one_look_over_the_budget_changes_nothing() {
        let mut governor = Governor::new(99, 0.01);
        for _ in 0..10 {
            assert!(!look(&mut governor, 400_000));
            assert!(!look(&mut governor, 50_000));
        }
        assert_eq!(governor.rate(), 99);
    }

    #[test]
    fn a_process_that_does_nothing_is_no_reason() {
        let mut governor = Governor::new(19, 0.001);
        (0..10).for_each(|_| assert!(!governor.look(1_000_000, 2_000_000)));
        assert_eq!(governor.rate(), 19);
    }

    #[test]
    fn the_rate_does_not_fall_below_one() {
        let mut governor = Governor::new(5, 0.01);
        for _ in 0..20 {
            governor.look(SECOND, SECOND);
        }
        assert_eq!(governor.rate(), 1);
    }
}
