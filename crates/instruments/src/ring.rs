//! The last so many records of a few numbers each, written without a lock.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use perf_monitor_core::{Budget, Reservation};

/// Keeps the last records of `W` numbers.
///
/// Protocol. A writer draws a ticket, which says its place, and makes the place's state odd by
/// compare-and-swap: whoever fails to is not alone there, and leaves the record out. It stores the
/// numbers, then the next even state. A reader takes what it read between two looks at the same
/// even state.
pub(crate) struct Ring<const W: usize> {
    places: Box<[Place<W>]>,
    tickets: AtomicU64,
    _charged: Option<Reservation>,
}

struct Place<const W: usize> {
    /// 0: empty. Odd: being written. Else twice the ticket of what is in there, and 2.
    state: AtomicU64,
    words: [AtomicU64; W],
}

impl<const W: usize> Ring<W> {
    /// A ring of `len` records, or of as many as the budget has room for, halving.
    pub(crate) fn new(budget: &Budget, len: usize) -> Ring<W> {
        let lens = std::iter::successors(Some(len), |len| Some(len / 2)).take_while(|len| *len > 0);
        let fits = |len: usize| {
            let bytes = len.checked_mul(size_of::<Place<W>>())?;
            budget.reserve(bytes).map(|charged| (len, charged))
        };
        let room = lens.map(fits).find_map(|room| room);
        if len > 0 && room.as_ref().is_none_or(|(fits, _)| *fits < len) {
            budget.count_refused();
        }
        let (len, charged) = room.unzip();
        Ring {
            places: (0..len.unwrap_or(0)).map(|_| Place::new()).collect(),
            tickets: AtomicU64::new(0),
            _charged: charged,
        }
    }

    /// How many records it keeps.
    pub(crate) fn capacity(&self) -> usize {
        self.places.len()
    }

    /// Keeps a record in the place of the oldest.
    pub(crate) fn push(&self, words: [u64; W]) {
        if self.places.is_empty() {
            return;
        }
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        self.places[ticket as usize % self.places.len()].write(ticket, words);
    }

    /// What it keeps, oldest first.
    pub(crate) fn read(&self) -> Vec<[u64; W]> {
        let mut found: Vec<_> = self.places.iter().filter_map(Place::read).collect();
        found.sort_unstable_by_key(|(ticket, _)| *ticket);
        found.into_iter().map(|(_, words)| words).collect()
    }
}

impl<const W: usize> Place<W> {
    fn new() -> Place<W> {
        Place { state: AtomicU64::new(0), words: [const { AtomicU64::new(0) }; W] }
    }

    fn write(&self, ticket: u64, words: [u64; W]) {
        let before = self.state.load(Ordering::Relaxed);
        let (writing, written) = (2 * ticket + 1, 2 * ticket + 2);
        // Odd: somebody writes here. Higher: somebody newer was here already.
        let mine = before.is_multiple_of(2)
            && before < writing
            && self
                .state
                .compare_exchange(before, writing, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if !mine {
            return;
        }
        // A reader that sees one of the numbers sees the odd state as well.
        fence(Ordering::Release);
        for (place, word) in self.words.iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        self.state.store(written, Ordering::Release);
    }

    fn read(&self) -> Option<(u64, [u64; W])> {
        let before = self.state.load(Ordering::Acquire);
        let words = std::array::from_fn(|at| self.words[at].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let same = self.state.load(Ordering::Relaxed) == before;
        (same && before > 0 && before.is_multiple_of(2)).then_some((before, words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf_monitor_core::Registry;

    #[test]
    fn the_last_records_are_kept_oldest_first() {
        let ring = Ring::new(&Registry::new().budget(), 3);
        assert!(ring.read().is_empty());
        (0..5).for_each(|n| ring.push([n, n * n]));
        assert_eq!(ring.read(), [[2, 4], [3, 9], [4, 16]]);
    }

    #[test]
    fn a_ring_without_room_is_shorter_and_that_is_counted() {
        let registry = Registry::builder().budget_bytes(400).build();
        let ring = Ring::<3>::new(&registry.budget(), 20);
        assert_eq!(ring.capacity(), 10);
        assert_eq!((registry.stats().refused_series, registry.stats().charged_bytes), (1, 320));
        let none = Ring::<3>::new(&registry.budget(), 1 << 60);
        none.push([1, 2, 3]);
        assert!(none.capacity() <= 2);
    }

    #[test]
    fn records_of_threads_at_once_are_never_mixed() {
        let ring = Ring::new(&Registry::new().budget(), 4);
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let ring = &ring;
                scope.spawn(move || (0..20_000).for_each(|n| ring.push([thread, n, thread ^ n])));
            }
            for _ in 0..2_000 {
                assert!(ring.read().iter().all(|[thread, n, both]| thread ^ n == *both));
            }
        });
        assert!(ring.read().len() <= 4);
    }
}
