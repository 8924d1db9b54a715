//! Threads whose work is not traced.

use std::marker::PhantomData;

use perf_monitor_core::Context;

use crate::key;
use crate::local::Local;
use crate::tracer::DistributedTracer;

/// The time in which nothing that a thread does is recorded, made by [`DistributedTracer::untraced`]; it
/// stays on its thread.
#[must_use = "the thread's work is traced again when this is dropped"]
#[derive(Debug)]
pub struct Untraced {
    id: u64,
    previous: Context,
    /// Not `Send`: it changes its thread's context.
    thread: PhantomData<*const ()>,
}

impl DistributedTracer {
    /// Records nothing that begins below what the calling thread is in, until the result is dropped: for
    /// threads of a monitor's own. Durations of spans are measured all the same, and others are told
    /// that the trace is not sampled.
    ///
    /// ```
    /// # use perf_monitor_tracing::{DistributedTracer, TracerOptions};
    /// # let registry = perf_monitor_core::Registry::new();
    /// # let tracer = DistributedTracer::new(&registry, TracerOptions::default())?;
    /// let untraced = tracer.untraced();
    /// drop(tracer.span("scrape"));
    /// drop(untraced);
    /// drop(tracer.span("request"));
    /// assert_eq!(tracer.recent(9).len(), 1);
    /// # Ok::<(), perf_monitor_tracing::Error>(())
    /// ```
    pub fn untraced(&self) -> Untraced {
        let (id, _) = key::seal(Local, key::UNSAMPLED);
        let name_id = Context::current().name_id;
        let previous = Context { trace_id: Local.trace(), span_id: id, name_id }.enter();
        Untraced { id, previous, thread: PhantomData }
    }
}

impl Drop for Untraced {
    fn drop(&mut self) {
        if Context::current().span_id == self.id {
            self.previous.enter();
        }
    }
}
