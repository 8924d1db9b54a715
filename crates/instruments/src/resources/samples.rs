//! The last samples of something, within the registry's budget.

use std::collections::VecDeque;

use perf_monitor_core::{Budget, Reservation};

/// Keeps the newest samples. Its bytes are reserved when the first one comes; where there are not
/// enough for all, it keeps fewer, which the budget counts.
#[derive(Debug)]
pub(crate) struct Samples<T> {
    kept: VecDeque<T>,
    /// Samples that it is to keep.
    most: usize,
    /// Samples that it has bytes for.
    places: usize,
    budget: Budget,
    room: Option<Reservation>,
}

impl<T: Clone> Samples<T> {
    pub(crate) fn new(most: usize, budget: Budget) -> Samples<T> {
        Samples { kept: VecDeque::new(), most, places: 0, budget, room: None }
    }

    /// Keeps `most` from now on; the oldest that are more are forgotten.
    pub(crate) fn resize(&mut self, most: usize) {
        if most == self.most {
            return;
        }
        self.most = most;
        if self.room.take().is_some() {
            self.make_room();
        }
    }

    pub(crate) fn push(&mut self, sample: T) {
        if self.room.is_none() {
            self.make_room();
        }
        if self.places == 0 {
            return;
        }
        if self.kept.len() == self.places {
            self.kept.pop_front();
        }
        self.kept.push_back(sample);
    }

    fn make_room(&mut self) {
        self.places = self.most;
        while self.places > 0 && self.room.is_none() {
            self.room = self.budget.reserve(self.places * size_of::<T>());
            self.places = if self.room.is_some() { self.places } else { self.places / 2 };
        }
        if self.places < self.most {
            self.budget.count_refused();
        }
        let before = std::mem::take(&mut self.kept);
        let forgotten = before.len().saturating_sub(self.places);
        self.kept.reserve_exact(self.places);
        self.kept.extend(before.into_iter().skip(forgotten));
    }

    /// Oldest first.
    pub(crate) fn to_vec(&self) -> Vec<T> {
        self.kept.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf_monitor_core::Registry;

    #[test]
    fn the_newest_are_kept() {
        let mut samples = Samples::new(3, Registry::new().budget());
        (0..5).for_each(|n| samples.push(n));
        assert_eq!(samples.to_vec(), [2, 3, 4]);
        samples.resize(2);
        assert_eq!(samples.to_vec(), [3, 4]);
        samples.resize(4);
        (5..8).for_each(|n| samples.push(n));
        assert_eq!(samples.to_vec(), [4, 5, 6, 7]);
    }

    #[test]
    fn a_tight_budget_keeps_fewer_and_counts_it() {
        let registry = Registry::builder().budget_bytes(60).build();
        let mut samples = Samples::new(20, registry.budget());
        (0..20_u64).for_each(|n| samples.push(n));
        assert_eq!(samples.to_vec(), [15, 16, 17, 18, 19]);
        assert_eq!(registry.stats().refused_series, 1);
        assert_eq!(registry.stats().charged_bytes, 40);
        drop(samples);
        assert_eq!(registry.stats().charged_bytes, 0);
    }

    #[test]
    fn without_any_room_nothing_is_kept_or_charged() {
        let registry = Registry::builder().budget_bytes(7).build();
        let mut samples = Samples::new(2, registry.budget());
        samples.push(1_u64);
        assert!(samples.to_vec().is_empty());
        assert_eq!(registry.stats().charged_bytes, 0);
        assert_eq!(registry.stats().refused_series, 1);
    }
}
