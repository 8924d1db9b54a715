//! A registry's metrics on their way to a collector.

use std::time::Duration;

use perf_monitor_core::Registry;
use tokio::time::Instant;

use super::metrics::encode_metrics;
use super::resource::ResourceAttributes;
use super::sender::{Outcome, Sender};
use super::stop::Stop;

/// Sends a registry's metrics again and again. All are cumulative: what did not arrive is in what is sent next, so that
/// nothing waits anywhere.
#[derive(Debug)]
pub(crate) struct Points {
    pub(crate) registry: Registry,
    pub(crate) resource: ResourceAttributes,
    pub(crate) sender: Sender,
    pub(crate) every: Duration,
    pub(crate) request_bytes: usize,
}

impl Points {
    /// Sends until the end, then once more.
    pub(crate) async fn run(&mut self, stop: &Stop) {
        let mut next = Instant::now() + self.every;
        while !stop.is_set() {
            stop.or(next.saturating_duration_since(Instant::now())).await;
            if stop.is_set() {
                break;
            }
            let begun = Instant::now();
            next = match self.send_all().await {
                Some(wait) => Instant::now() + wait,
                None => begun + self.every,
            };
        }
        self.send_all().await;
    }

    /// Sends all series as they are now; how long to wait if the collector does not take them.
    async fn send_all(&mut self) -> Option<Duration> {
        for message in encode_metrics(&self.registry, &self.resource, self.request_bytes) {
            if let Outcome::Later(wait) = self.sender.send(message.into()).await {
                return Some(wait);
            }
        }
        None
    }
}
