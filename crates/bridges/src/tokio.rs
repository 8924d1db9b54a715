//! Figures of a tokio runtime, read from its own counters.
//!
//! A runtime counts what its workers do whether anybody looks or not, so looking costs its tasks
//! nothing. What is here is what tokio keeps stable: how often and how long single polls took is behind
//! its `tokio_unstable` flag, and left out.
//!
//! | metric | |
//! |---|---|
//! | `tokio_workers`, `tokio_alive_tasks`, `tokio_global_queue_depth` | gauges |
//! | `tokio_worker_busy_seconds_total{worker}` | time spent with tasks |
//! | `tokio_worker_parks_total{worker}` | times that a worker had nothing to do and went to sleep |
//! | `tokio_worker_parked{worker}` | 1 while it sleeps: one that stays at 0 while its busy time stands still is stuck in a task |
//! | `tokio_worker_busy_ratio{worker}` | the share of the time since the last look, 0 to 1 |

mod level;
mod worker;

use std::fmt;

use ::tokio::runtime::{Handle, RuntimeMetrics};
use perf_monitor_core::{Clock, Error, Registry};

use self::level::Level;
use self::worker::Workers;

/// A runtime's figures as metrics. Nothing happens by itself: call [`collect`](Self::collect) now and
/// then, once a second for instance, from any thread.
///
/// One for each runtime. Several in one registry add up: tasks, queues and workers of all of them are in the
/// same gauges, and workers are numbered on.
///
/// ```
/// use perf_monitor_bridges::tokio::TokioMetrics;
/// use perf_monitor_core::{Registry, Value};
///
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// let registry = Registry::new();
/// let mut metrics = TokioMetrics::new(runtime.handle(), &registry)?;
/// runtime.block_on(async { tokio::spawn(async {}).await })?;
/// metrics.collect();
///
/// let snapshot = registry.snapshot();
/// assert!(matches!(snapshot.value("tokio_workers", &[]), Some(Value::Gauge(1.0))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TokioMetrics {
    runtime: RuntimeMetrics,
    clock: Clock,
    workers: Level,
    alive_tasks: Level,
    queue_depth: Level,
    by_worker: Workers,
}

impl TokioMetrics {
    /// Registers the figures of the runtime behind `handle`. It may be shut down later: its figures
    /// then stand still.
    ///
    /// # Errors
    /// One of the names is registered as something else.
    pub fn new(handle: &Handle, registry: &Registry) -> Result<TokioMetrics, Error> {
        let level = |name, help| Ok::<_, Error>(Level::of(registry.gauge((name, help))?));
        let runtime = handle.metrics();
        Ok(TokioMetrics {
            by_worker: Workers::new(runtime.num_workers(), registry)?,
            runtime,
            clock: registry.clock().clone(),
            workers: level("tokio_workers", "Threads that the runtime runs tasks on.")?,
            alive_tasks: level("tokio_alive_tasks", "Tasks that have not ended.")?,
            queue_depth: level(
                "tokio_global_queue_depth",
                "Tasks that are ready and wait in the queue that all workers share.",
            )?,
        })
    }

    /// Reads the runtime's counters into the registry. Ratios begin with the second call.
    ///
    /// Workers tell of their counters when they park and now and then in between: a ratio may see a
    /// long task in the look after the one in which it ran.
    ///
    /// # Cost
    /// A few loads and short locks for each worker; none of the workers notices.
    pub fn collect(&mut self) {
        self.workers.set(self.runtime.num_workers());
        self.alive_tasks.set(self.runtime.num_alive_tasks());
        self.queue_depth.set(self.runtime.global_queue_depth());
        self.by_worker.collect(&self.runtime, self.clock.now_ns());
    }
}

impl fmt::Debug for TokioMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioMetrics").field("runtime", &self.runtime).finish_non_exhaustive()
    }
}
