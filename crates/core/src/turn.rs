//! How many threads may keep something of their own at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The threads that keep something of their own, such as a cache: 64 of them at most, so that what they
/// keep has a bound however many threads a program has. The others do without, and may ask again.
///
/// A forked child inherits the count with the turns of threads that it does not have, and so may give
/// fewer.
///
/// ```
/// use perf_monitor_core::Turns;
///
/// static TURNS: Turns = Turns::new();
/// let turn = TURNS.take(); // held beside the cache, until the thread ends
/// assert!(turn.is_some());
/// ```
#[derive(Debug, Default)]
pub struct Turns(AtomicUsize);

/// The right to keep it, given back when this is dropped.
#[derive(Debug)]
pub struct Turn(&'static Turns);

impl Turns {
    /// Threads that may have a turn: as many as may have cells of their own.
    pub const MOST: usize = crate::arena::SLABS;

    /// Nobody has a turn yet.
    pub const fn new() -> Turns {
        Turns(AtomicUsize::new(0))
    }

    /// A turn, unless all are taken.
    pub fn take(&'static self) -> Option<Turn> {
        let more = |taken| (taken < Turns::MOST).then_some(taken + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Turn(self))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_have_a_turn_and_no_more_until_one_ends() {
        static TURNS: Turns = Turns::new();
        let mut held: Vec<_> = (0..Turns::MOST).map(|_| TURNS.take().unwrap()).collect();
        assert!(TURNS.take().is_none());
        drop(held.pop());
        assert!(TURNS.take().is_some());
    }
}
