//! Finished traces that go out of the process one at a time.

use std::fmt;
use std::sync::Arc;

use crate::engine::Core;
use crate::metrics::Loss;
use crate::read::{FinishedTrace, finished_trace};
use crate::tracer::DistributedTracer;

/// Traces that an exporter has, as in a [`Batch`](crate::Batch), without copies of them. When they have
/// arrived, say so with [`sent`](Self::sent); dropped before that, they are given back to be exported
/// later.
#[must_use = "dropping it gives the traces back"]
pub struct Drained {
    core: Arc<Core>,
    taken: Vec<Taken>,
}

/// Which of the kept traces it is.
struct Taken {
    first: u16,
    sequence: u32,
    spans: usize,
}

impl DistributedTracer {
    /// Shows traces that nobody has exported, from the oldest on, for as long as `take` takes them. Its
    /// word decides about the trace that it sees, so that an exporter may count bytes; one that it does
    /// not take is the last that it is shown.
    ///
    /// One copy is in memory at a time, and nobody who records waits meanwhile: `take` may do what it
    /// likes. Times go by one anchor to the wall clock.
    pub fn drain_each(&self, mut take: impl FnMut(&FinishedTrace) -> bool) -> Drained {
        self.drain_owned(|trace| take(&trace))
    }

    pub(crate) fn drain_owned(&self, mut take: impl FnMut(FinishedTrace) -> bool) -> Drained {
        let wall_ns = self.core.wall_ns();
        let mut drained = Drained { core: self.core.clone(), taken: Vec::new() };
        for (first, sequence) in self.find(|_, entry| !entry.was_taken()) {
            let Some(trace) = drained.claim(first, sequence, wall_ns) else { continue };
            if !take(trace) {
                drained.return_from(drained.taken.len() - 1);
                break;
            }
        }
        drained
    }
}

impl Drained {
    /// Takes a trace, unless it is gone or somebody else has it.
    fn claim(&mut self, first: u16, sequence: u32, wall_ns: u64) -> Option<FinishedTrace> {
        let mut kept = self.core.finished.lock(&self.core);
        if kept.lists.entry(first).was_taken() {
            return None;
        }
        let trace = finished_trace(&self.core, &kept, first, sequence, wall_ns)?;
        kept.lists.take(first);
        self.taken.push(Taken { first, sequence, spans: trace.spans.len() });
        Some(trace)
    }

    /// How many spans they have.
    pub fn spans(&self) -> usize {
        self.taken.iter().map(|one| one.spans).sum()
    }

    /// Whether there was nothing to export.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Says that they have arrived, or were refused for good: they are the first to make room.
    pub fn sent(mut self) {
        let taken = std::mem::take(&mut self.taken);
        let mut kept = self.core.finished.lock(&self.core);
        taken.iter().for_each(|one| kept.lists.sent(one.first, one.sequence));
    }

    /// Says that they did not arrive. Those that have made room for others meanwhile are lost, which is
    /// counted.
    pub fn give_back(self) {}

    fn return_from(&mut self, at: usize) {
        if self.taken.len() == at {
            return;
        }
        let mut kept = self.core.finished.lock(&self.core);
        let mut gone = |one: &Taken| !kept.lists.give_back(one.first, one.sequence);
        let lost: usize = self.taken.drain(at..).filter(&mut gone).map(|one| one.spans).sum();
        drop(kept);
        self.core.metrics.lost(Loss::Evicted).add(lost as u64);
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        self.return_from(0);
    }
}

impl fmt::Debug for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drained").field(&self.taken.len()).finish()
    }
}
