//! The tracer of a monitor: its options, its ticks, its line in the ledger.

use std::time::Duration;

use perf_monitor_tracing::{DistributedTracer, Error as TracerError, TracerOptions};

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::{Error, Kind};
use crate::monitor::PerformanceMonitor;
use crate::pace::Pace;
use crate::ticker::Part;

/// How often the tracer follows the time, at the fastest.
const UPKEEP: Duration = Duration::from_secs(1);

/// What of traces is kept.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    options: TracerOptions,
}

pub(crate) type Tracer = DistributedTracer;

/// Tracing: within 200,000 bytes, up to ten sampled traces a second of each root's name besides
/// those that failed or were slow, unless chosen otherwise.
impl PerformanceMonitorBuilder {
    /// What of traces is kept, and in how many bytes.
    ///
    /// A registry has one tracer: the options of the first monitor hold, or those of whoever made it
    /// before, as the first call of a function with [`trace`](macro@crate::trace) does for the global
    /// one.
    pub fn tracing(mut self, options: TracerOptions) -> Self {
        self.tracer.options = options;
        self
    }
}

impl PerformanceMonitor {
    /// Where spans are recorded; clone it to wherever that is.
    ///
    /// `/api/spans` shows what it keeps, and what runs in it now. The monitor's own requests and those
    /// to its listener are in no trace.
    ///
    /// ```
    /// use perf_monitor::PerformanceMonitor;
    ///
    /// let monitor = PerformanceMonitor::start("checkout")?;
    /// let tracer = monitor.tracer();
    /// {
    ///     let mut request = tracer.root("GET /cart");
    ///     request.attribute("user", 17_i64);
    ///     let mut query = tracer.span("db.query"); // below the request
    ///     query.fail("connection refused");
    /// }
    /// assert_eq!(tracer.failed(1)[0].spans.len(), 2);
    /// # Ok::<(), perf_monitor::Error>(())
    /// ```
    pub fn tracer(&self) -> &DistributedTracer {
        &self.tracer
    }
}

impl Plan {
    /// The tracer's share of a memory budget.
    pub(crate) fn bytes(&self) -> Result<usize, Error> {
        self.options.check().map_err(refused)?;
        Ok(self.options.memory_bytes)
    }

    pub(crate) fn join(self, context: &mut Context) -> Result<Tracer, Error> {
        let tracer = DistributedTracer::new(&context.registry, self.options).map_err(refused)?;
        let mut bytes = context.own.ledger("traces")?;
        let mut calls = every_nth(UPKEEP, context.pace.clone());
        let kept = tracer.clone();
        context.collectors.push(Part {
            name: "tracer",
            once_per_registry: true,
            work: Box::new(move || {
                if calls() {
                    kept.tick();
                    bytes.set(kept.stats().bytes as u64);
                }
            }),
        });
        Ok(tracer)
    }
}

/// What the profiler calls spans.
#[cfg(feature = "profiling")]
pub(crate) fn span_names(tracer: &Tracer) -> perf_monitor_profiling::SpanNames {
    let tracer = tracer.clone();
    perf_monitor_profiling::SpanNames::new(move |number| {
        tracer.span_name(number).map(|name| name.to_string())
    })
}

/// Whether it is time for something that is done every `pause`, asked at every tick; at first it is.
fn every_nth(pause: Duration, pace: Pace) -> impl FnMut() -> bool + Send {
    let mut since = u128::MAX;
    move || {
        let every = (pause.as_nanos() / pace.every().as_nanos().max(1)).max(1);
        since = since.saturating_add(1);
        let due = since >= every;
        since = if due { 0 } else { since };
        due
    }
}

fn refused(error: TracerError) -> Error {
    let kind = if error.is_option() { Kind::Options } else { Kind::Registry };
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    Error::new(kind, format!("{error}{}", cause.unwrap_or_default())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upkeep_is_once_a_second_or_at_each_slower_tick() {
        for (tick_ms, wanted) in [(10, 10), (300, 334), (1_000, 1_000), (60_000, 1_000)] {
            let mut due = every_nth(UPKEEP, Pace::new(Duration::from_millis(tick_ms)));
            assert!(due(), "the first");
            assert_eq!((1..1_000).filter(|_| due()).count() + 1, wanted, "{tick_ms} ms");
        }
    }
}
