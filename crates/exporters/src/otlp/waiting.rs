//! When it is worth it to send spans.

use std::future::poll_fn;
use std::time::Duration;

use perf_monitor_tracing::DistributedTracer;

use super::stop::Stop;

/// Spans that wait are enough for a request when they take this part of the tracer's room, so that the rest lasts until
/// they are out of it: at 200,000 spans a second, all of it is full within 4 ms.
const ENOUGH: usize = 8;

/// Decides by how many spans wait, and for how long.
#[derive(Debug)]
pub(crate) struct Waiting {
    tracer: DistributedTracer,
    /// So many are worth a request at once.
    enough: usize,
    /// No span waits for longer.
    within: Duration,
}

impl Waiting {
    pub(crate) fn new(tracer: &DistributedTracer, most: usize, within: Duration) -> Waiting {
        let stats = tracer.stats();
        let room = stats.span_capacity.min(stats.payload_cells);
        Waiting { tracer: tracer.clone(), enough: (room / ENOUGH).min(most).max(1), within }
    }

    pub(crate) fn is_enough(&self) -> bool {
        self.tracer.waiting_spans() >= self.enough
    }

    /// Until enough spans wait.
    pub(crate) async fn until_enough(&self) {
        poll_fn(|context| self.tracer.poll_waiting(context, self.enough)).await;
    }

    /// Until enough spans wait, a few may have waited for long, or the end.
    pub(crate) async fn until_worth_it(&self, stop: &Stop) {
        tokio::select! {
            () = self.until_enough() => {}
            () = stop.or(self.within) => {}
        }
    }
}
