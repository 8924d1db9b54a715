//! One call of a timed function, from its begin to its end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use perf_monitor_core::Instant;

use super::{Cells, Outcome};

/// A call that goes on. Dropped before it was told how it ended, it counts as a panic if its
/// function is what the thread unwinds from, else as cancelled.
#[must_use = "a call that is dropped counts as cancelled"]
pub struct Call {
    cells: Option<&'static Cells>,
    /// Whether the function's own code is running. A future's is not between two polls: then
    /// somebody else's panic drops it.
    inside: bool,
    start: Instant,
}

impl Call {
    #[inline]
    pub(super) fn begin(cells: Option<&'static Cells>) -> Call {
        Call { cells, inside: true, start: Instant::now() }
    }

    /// The call returned.
    #[inline]
    pub fn ok(self) {
        self.end(false);
    }

    /// The call returned an error.
    #[inline]
    pub fn error(self) {
        self.end(true);
    }

    /// The call returned, an error or not.
    #[inline]
    pub fn end(self, error: bool) {
        self.record(if error { Outcome::Error } else { Outcome::Ok });
        std::mem::forget(self);
    }

    /// Polls the future of the function, to know whether what drops the call comes from inside.
    #[inline]
    pub fn poll<F: Future>(
        &mut self,
        future: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<F::Output> {
        self.inside = true;
        let poll = future.poll(context);
        self.inside = false;
        poll
    }

    #[inline]
    fn record(&self, outcome: Outcome) {
        if let Some(cells) = self.cells {
            cells.record(self.start.elapsed_ns(), outcome);
        }
    }
}

impl Drop for Call {
    #[cold]
    fn drop(&mut self) {
        let panicked = self.inside && std::thread::panicking();
        self.record(if panicked { Outcome::Panic } else { Outcome::Cancelled });
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("start", &self.start).finish_non_exhaustive()
    }
}
