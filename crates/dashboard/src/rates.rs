//! Rates over the last second, of totals that are read many times a second.

/// The least that a rate is taken over, a little less than a second for the jitter of who reads.
const LEAST_NS: u64 = 950_000_000;

/// What one slot covers at the least.
const SLOT_NS: u64 = 100_000_000;

/// Slots of a tenth of a second each that cover more than [`LEAST_NS`], with the one that runs.
const SLOTS: usize = 12;

/// What each of some totals grew by lately, in a ring of slots: 56 bytes a total.
pub(crate) struct Rates {
    /// The total of each at the last read; NaN for one that was not there.
    last: Vec<f64>,
    /// When the last read was.
    at_ns: u64,
    /// When each slot in use began, oldest first; the last one runs.
    starts: Vec<u64>,
    /// The growth of each total in each slot: slots as in `starts`.
    grown: Vec<f32>,
}

impl Rates {
    /// Rates of these totals, as they are now.
    pub(crate) fn new(totals: &[f64], at_ns: u64) -> Rates {
        let mut grown = Vec::with_capacity(totals.len() * SLOTS);
        grown.resize(totals.len(), 0.0);
        let mut starts = Vec::with_capacity(SLOTS);
        starts.push(at_ns);
        Rates { last: totals.to_vec(), at_ns, starts, grown }
    }

    /// Takes in what the totals grew by in the time before, as far as it is known.
    pub(crate) fn begin(&mut self, grown: impl Iterator<Item = f64>, nanoseconds: u64) {
        self.starts[0] = self.starts[0].saturating_sub(nanoseconds);
        for (into, grown) in self.grown.iter_mut().zip(grown) {
            *into = grown as f32;
        }
    }

    /// Forgets the total at `index`: what it is at the next read is no growth.
    pub(crate) fn forget(&mut self, index: usize) {
        self.last[index] = f64::INFINITY;
    }

    /// Takes in the totals as they are now. A total that fell has begun anew or lost a part of it: no growth.
    pub(crate) fn read(&mut self, totals: &[f64], at_ns: u64) {
        let count = self.last.len();
        if self.at_ns.saturating_sub(self.starts[self.starts.len() - 1]) >= SLOT_NS {
            self.open_slot();
        }
        self.at_ns = at_ns;
        let over = |start: u64| at_ns.saturating_sub(start) >= LEAST_NS;
        while self.starts.len() > 1 && over(self.starts[1]) {
            self.drop_oldest();
        }
        let runs = self.grown.len() - count;
        for ((total, last), grown) in totals.iter().zip(&mut self.last).zip(&mut self.grown[runs..])
        {
            let before = if last.is_nan() { 0.0 } else { *last };
            if *total > before {
                *grown += (total - before) as f32;
            }
            *last = *total;
        }
    }

    fn open_slot(&mut self) {
        if self.starts.len() == SLOTS {
            self.drop_oldest();
        }
        self.starts.push(self.at_ns);
        self.grown.resize(self.grown.len() + self.last.len(), 0.0);
    }

    fn drop_oldest(&mut self) {
        self.starts.remove(0);
        self.grown.drain(..self.last.len());
    }

    /// What the total at `index` grows by in a second; NaN while it is not there or nothing is known yet.
    pub(crate) fn rate(&self, index: usize) -> f64 {
        let seconds = self.at_ns.saturating_sub(self.starts[0]) as f64 * 1e-9;
        if seconds == 0.0 || self.last[index].is_nan() {
            return f64::NAN;
        }
        let slots = self.grown[index..].iter().step_by(self.last.len());
        slots.copied().map(f64::from).sum::<f64>() / seconds
    }

    pub(crate) fn bytes(&self) -> usize {
        let Rates { last, starts, grown, .. } = self;
        8 * last.capacity() + 8 * starts.capacity() + 4 * grown.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Reads a total of `per_ms` records a millisecond each `every_ms`, for three seconds.
    fn steady(every_ms: u64, per_ms: f64) -> Rates {
        let mut rates = Rates::new(&[0.0], 0);
        for at in (1..=3_000 / every_ms).map(|n| n * every_ms) {
            rates.read(&[at as f64 * per_ms], at * MS);
        }
        rates
    }

    #[test]
    fn a_steady_total_has_its_rate_however_often_it_is_read() {
        for every_ms in [1, 16, 17, 50, 99, 100, 250, 1_000] {
            let rates = steady(every_ms, 2.0);
            assert!((rates.rate(0) - 2_000.0).abs() < 0.01, "{every_ms}: {}", rates.rate(0));
            assert!(rates.starts.len() <= SLOTS);
            let covers = rates.at_ns - rates.starts[0];
            assert!((LEAST_NS..=1_200 * MS).contains(&covers), "{every_ms}: {covers}");
        }
    }

    #[test]
    fn a_burst_is_forgotten_after_a_second() {
        let mut rates = steady(16, 0.0);
        let begun = rates.at_ns;
        rates.read(&[500.0], begun + 16 * MS);
        assert!(rates.rate(0) > 400.0);
        for n in 2..80 {
            rates.read(&[500.0], begun + n * 16 * MS);
        }
        assert_eq!(rates.rate(0), 0.0);
    }

    #[test]
    fn what_falls_comes_or_is_forgotten_is_no_negative_growth() {
        let mut rates = Rates::new(&[100.0, f64::NAN, 10.0], 0);
        rates.forget(2);
        rates.read(&[5.0, 7.0, 1e9], 1_000 * MS);
        assert_eq!([0, 1, 2].map(|index| rates.rate(index)), [0.0, 7.0, 0.0]);
        rates.read(&[5.0, f64::NAN, 1e9], 2_000 * MS);
        assert!(rates.rate(1).is_nan());
        rates.read(&[8.0, f64::NAN, 1e9 + 2.0], 3_000 * MS);
        assert_eq!([0, 2].map(|index| rates.rate(index)), [3.0, 2.0]);
    }

    #[test]
    fn what_was_before_counts_until_a_second_is_over() {
        let mut rates = Rates::new(&[100.0], 5_000 * MS);
        rates.begin([50.0].into_iter(), 1_000 * MS);
        assert_eq!(rates.rate(0), 50.0);
        rates.read(&[100.0], 5_500 * MS);
        assert!((rates.rate(0) - 50.0 / 1.5).abs() < 1e-6);
        (56..75).for_each(|tenth| rates.read(&[100.0], tenth * 100 * MS));
        assert_eq!(rates.rate(0), 0.0);
    }
}
