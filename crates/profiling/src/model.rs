//! The parts that threads and handlers share, as the model checker drives them.

use crate::gate;
use crate::ring;

/// The ring of samples; eight words of it.
pub struct Ring(ring::Ring);

impl Ring {
    pub fn new() -> Ring {
        Ring(ring::Ring::new())
    }

    /// Whether there was room.
    pub fn push(&self, first: u64, rest: &[u64]) -> bool {
        self.0.push(first << 16, &[rest]).is_ok()
    }

    pub fn drain(&self) -> Vec<(u64, Vec<u64>)> {
        let mut records = Vec::new();
        self.0.drain(|first, rest| records.push((first >> 16, rest.to_vec())));
        records
    }
}

impl Default for Ring {
    fn default() -> Ring {
        Ring::new()
    }
}

/// The gate to memory that is given back: here a flag that says whether it was.
pub struct Gate(gate::Gate<loom::sync::atomic::AtomicBool>);

impl Gate {
    pub fn new() -> Gate {
        Gate(gate::Gate::new())
    }

    pub fn open(&self, gone: &loom::sync::atomic::AtomicBool) {
        self.0.open(gone);
    }

    /// What a handler does: whether it found anything, and that what it found was there.
    pub fn handle(&self) -> bool {
        let Some(pass) = self.0.enter() else { return false };
        // SAFETY: the test keeps the flag to its end.
        let gone = unsafe { pass.used() };
        assert!(!gone.load(loom::sync::atomic::Ordering::Relaxed), "used after it was given back");
        true
    }

    /// Gives it back: waits until nobody is inside.
    pub fn give_back(&self, gone: &loom::sync::atomic::AtomicBool) {
        self.0.close();
        while !self.0.is_empty() {
            loom::thread::yield_now();
        }
        gone.store(true, loom::sync::atomic::Ordering::Relaxed);
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}
