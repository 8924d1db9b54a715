//! How many threads may keep a cache at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads that have a cache, of those that may: as many as have cells of their own in the core. The
/// others find what they need under a lock each time.
const THREADS: usize = 64;

/// The threads that have a cache of one kind.
pub(crate) struct Turns(AtomicUsize);

/// The right to a cache, given back when its thread ends.
pub(crate) struct Turn(&'static Turns);

impl Turns {
    pub(crate) const fn new() -> Turns {
        Turns(AtomicUsize::new(0))
    }

    pub(crate) fn take(&'static self) -> Option<Turn> {
        let more = |taken| (taken < THREADS).then_some(taken + 1);
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
        let mut held: Vec<_> = (0..THREADS).map(|_| TURNS.take().unwrap()).collect();
        assert!(TURNS.take().is_none());
        drop(held.pop());
        assert!(TURNS.take().is_some());
    }
}
