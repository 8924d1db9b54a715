//! The kept traces in somebody's hands, with news for the exporter when they are given back.

use std::ops::{Deref, DerefMut};
use std::task::Waker;

use perf_monitor_core::Guard;

use crate::finished::{Finished, Kept};

/// An exporter that sleeps until so many spans wait for it.
pub(crate) struct Sleeper {
    waker: Waker,
    spans: usize,
}

impl Sleeper {
    pub(crate) fn new(waker: Waker, spans: usize) -> Sleeper {
        Sleeper { waker, spans }
    }
}

/// The right to the kept traces. As it goes, it wakes the exporter if enough wait for it: after the lock
/// is given back, as what a waker does is not ours.
pub(crate) struct Held<'a> {
    finished: &'a Finished,
    /// Until it is dropped.
    guard: Option<Guard<'a, Kept>>,
}

impl<'a> Held<'a> {
    pub(crate) fn new(finished: &'a Finished, guard: Guard<'a, Kept>) -> Held<'a> {
        Held { finished, guard: Some(guard) }
    }
}

impl Deref for Held<'_> {
    type Target = Kept;

    fn deref(&self) -> &Kept {
        self.guard.as_ref().expect("it is there until the drop")
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Kept {
        self.guard.as_mut().expect("it is there until the drop")
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let waiting = self.lists.waiting();
        let due = self.sleeper.take_if(|sleeper| sleeper.spans <= waiting);
        let missing = self.sleeper.as_ref().map(|sleeper| sleeper.spans - waiting);
        self.finished.expect(missing);
        self.guard = None;
        if let Some(sleeper) = due {
            sleeper.waker.wake();
        }
    }
}
