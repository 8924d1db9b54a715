//! Finished traces on their way out of the process.

use std::fmt;
use std::task::{Context, Poll};

use crate::drained::Drained;
use crate::held::Sleeper;
use crate::read::FinishedTrace;
use crate::tracer::DistributedTracer;

/// Copies of traces that nobody has exported yet. When they have arrived, say so with
/// [`sent`](Self::sent); dropped before that, they are given back to be exported later.
///
/// While a batch is out its traces are still to be read from the tracer.
#[must_use = "dropping it gives the traces back"]
pub struct Batch {
    drained: Drained,
    traces: Vec<FinishedTrace>,
}

impl DistributedTracer {
    /// Takes traces that nobody has exported, from the oldest on, until there are `most_spans`; at
    /// least one trace if there is any. Times of one batch go by one anchor to the wall clock.
    pub fn drain(&self, most_spans: usize) -> Batch {
        let (mut traces, mut spans) = (Vec::new(), 0);
        let drained = self.drain_owned(|trace| {
            let more = trace.spans.len();
            let fits = spans == 0 || spans + more <= most_spans;
            if fits {
                spans += more;
                traces.push(trace);
            }
            fits
        });
        Batch { drained, traces }
    }

    /// How many spans wait to be drained.
    ///
    /// # Cost
    /// A short lock.
    pub fn waiting_spans(&self) -> usize {
        self.core.finished.lock(&self.core).lists.waiting()
    }

    /// Ready when at least `spans` wait to be drained; until then the task is woken when they do, by the
    /// thread that ends the last of them. One exporter at a time can wait: the last that asked.
    pub fn poll_waiting(&self, cx: &mut Context<'_>, spans: usize) -> Poll<()> {
        // Neither cloned nor dropped under the lock: wakers are foreign code.
        let mut sleeper = Some(Sleeper::new(cx.waker().clone(), spans));
        let mut kept = self.core.finished.lock(&self.core);
        let _before = kept.sleeper.take();
        if kept.lists.waiting() < spans {
            kept.sleeper = sleeper.take();
        }
        drop(kept);
        if sleeper.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Batch {
    /// The traces.
    pub fn traces(&self) -> &[FinishedTrace] {
        &self.traces
    }

    /// How many spans they have.
    pub fn spans(&self) -> usize {
        self.drained.spans()
    }

    /// Whether there was nothing to export.
    pub fn is_empty(&self) -> bool {
        self.drained.is_empty()
    }

    /// Says that they have arrived, or were refused for good: they are the first to make room.
    pub fn sent(self) {
        self.drained.sent();
    }

    /// Says that they did not arrive. Those that have made room for others meanwhile are lost, which
    /// is counted.
    pub fn give_back(self) {}
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Batch").field(&self.traces.len()).finish()
    }
}
