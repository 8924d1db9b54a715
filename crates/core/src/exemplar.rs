//! Which trace a recorded value came from, for a few values of each size.

use crate::budget::Account;
use crate::sync::Lock;
use std::sync::OnceLock;

/// A value of a histogram and the trace that it was measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// The value, in the recorded unit.
    pub value: u64,
    /// The trace's id; never 0.
    pub trace_id: u128,
    /// The span's id.
    pub span_id: u64,
    /// When it was measured: nanoseconds since the Unix epoch.
    pub unix_ns: u64,
}

/// By octave.
type Kept = Lock<Vec<(u8, Exemplar)>>;

/// How long an exemplar stays before another of its size takes its place, so that busy traces do not
/// meet here.
const STAYS_NS: u64 = 100_000_000;

/// The exemplars of one histogram: the last of each octave.
///
/// A histogram that never gets any pays one word. The lock is tried, never waited for.
pub(crate) struct Exemplars {
    kept: OnceLock<Box<Kept>>,
}

impl Exemplars {
    pub(crate) const fn new() -> Exemplars {
        Exemplars { kept: OnceLock::new() }
    }

    /// Keeps `exemplar` for its octave, unless the one that is there is young, somebody else is at it,
    /// or there are no bytes left.
    #[cold]
    pub(crate) fn keep(&self, octave: usize, exemplar: Exemplar, account: Option<&Account>) {
        if self.kept.get().is_none() {
            // Made outside of `get_or_init`, where a fork might find it half-done.
            let _ = self.kept.set(Box::default());
        }
        let Some(mut kept) = self.kept.get().and_then(|kept| kept.try_lock()) else {
            return;
        };
        let octave = octave as u8;
        match kept.iter_mut().find(|(other, _)| *other == octave) {
            Some((_, old)) if exemplar.unix_ns < old.unix_ns.saturating_add(STAYS_NS) => {}
            Some((_, old)) => *old = exemplar,
            None if account.is_none_or(|account| account.grow(COST)) => {
                kept.push((octave, exemplar));
            }
            None => {}
        }
    }

    /// Those that are there, smallest first.
    pub(crate) fn all(&self) -> Vec<Exemplar> {
        let Some(kept) = self.kept.get() else { return Vec::new() };
        let mut all: Vec<_> = kept.lock().iter().map(|(_, exemplar)| *exemplar).collect();
        all.sort_unstable_by_key(|exemplar| exemplar.value);
        all
    }

    /// Bytes that were charged for them.
    pub(crate) fn charged(&self) -> usize {
        self.kept.get().map_or(0, |kept| kept.lock().len() * COST)
    }
}

/// What one is charged: itself, and as much again for the list's spare room.
const COST: usize = 2 * size_of::<(u8, Exemplar)>();
