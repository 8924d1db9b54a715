//! The service's own tokio runtime, as metrics.

use perf_monitor_bridges::tokio::TokioMetrics;
use tokio::runtime::Handle;

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::Error;
use crate::ticker::Part;

/// Whose runtime is watched, if any.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    handle: Option<Handle>,
}

/// A tokio runtime: none, unless given.
impl PerformanceMonitorBuilder {
    /// Watches the runtime of `handle`: workers, tasks, queue, and how busy each worker is.
    ///
    /// Its own counters are read at each tick, from the monitor's thread: nothing runs on it, and a
    /// runtime that hangs is still seen.
    pub fn tokio_runtime(mut self, handle: Handle) -> Self {
        self.runtime.handle = Some(handle);
        self
    }
}

impl Plan {
    pub(crate) fn join(self, context: &mut Context) -> Result<(), Error> {
        let Some(handle) = self.handle else {
            return Ok(());
        };
        let mut metrics = TokioMetrics::new(&handle, &context.registry)?;
        context.collectors.push(Part {
            name: "tokio",
            once_per_registry: false,
            work: Box::new(move || metrics.collect()),
        });
        Ok(())
    }
}
