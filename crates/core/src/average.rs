//! One moving average out of those of several threads.

/// Weighs each thread's average by how much it recorded lately.
///
/// "Lately" is the last tick in which anything was recorded, and what came since.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    from: Vec<u64>,
    last: Vec<u64>,
}

impl Weights {
    /// Closes a tick: `counts` are the totals of each part, in an order that stays.
    pub(crate) fn tick(&mut self, counts: Vec<u64>) {
        if counts != self.last {
            self.from = std::mem::replace(&mut self.last, counts);
        }
    }

    /// The weighed mean of `(index of the part, its total count, its average)`. With one part it
    /// is that part's average to the bit; without records it is 0.
    pub(crate) fn mean(&self, parts: impl Iterator<Item = (usize, u64, f64)>) -> f64 {
        let recent = |index: usize, count: u64| {
            count.saturating_sub(self.from.get(index).copied().unwrap_or(0)) as f64
        };
        let weighed: Vec<(f64, f64)> = parts
            .map(|(index, count, average)| (recent(index, count), average))
            .filter(|(weight, _)| *weight > 0.0)
            .collect();
        match weighed[..] {
            [] => 0.0,
            [(_, only)] => only,
            _ => {
                let total: f64 = weighed.iter().map(|(w, _)| w).sum();
                weighed.iter().map(|(w, x)| w * x).sum::<f64>() / total
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stopped_recording_loses_its_weight() {
        let mut weights = Weights::default();
        weights.tick(vec![1_000, 10]);
        weights.tick(vec![1_000, 20]);
        let mean = weights.mean([(0, 1_000, 5.0), (1, 30, 7.0)].into_iter());
        assert_eq!(mean, 7.0);
    }

    #[test]
    fn an_idle_service_keeps_its_last_average() {
        let mut weights = Weights::default();
        for _ in 0..5 {
            weights.tick(vec![10]);
        }
        assert_eq!(weights.mean([(0, 10, 3.5)].into_iter()), 3.5);
    }
}
