//! Spans of a tracer on their way to a collector.

use std::pin::pin;
use std::time::Duration;

use perf_monitor_core::Counter;

use super::load::Loader;
use super::sender::{Outcome, Sender};
use super::stop::Stop;
use super::waiting::Waiting;

/// Takes spans out of a tracer and sends them. What waits does so in the tracer, but for the request that is out and
/// the next.
#[derive(Debug)]
pub(crate) struct Traces {
    pub(crate) loader: Loader,
    pub(crate) sender: Sender,
    pub(crate) waiting: Waiting,
    pub(crate) sent: Counter,
}

impl Traces {
    /// Sends until the end, then what is left.
    pub(crate) async fn run(&mut self, stop: &Stop) {
        while !stop.is_set() {
            self.waiting.until_worth_it(stop).await;
            if let Some(wait) = self.send_what_waits(stop).await {
                self.loader.give_back();
                stop.or(wait).await;
            }
        }
        self.send_what_waits(stop).await;
    }

    /// Sends while enough waits, or all of it at the end; how long to wait if the collector does not take it.
    async fn send_what_waits(&mut self, stop: &Stop) -> Option<Duration> {
        loop {
            self.loader.fill();
            let mut load = self.loader.take()?;
            let message = std::mem::take(&mut load.message);
            match self.send_while_loading(message).await {
                Outcome::Taken(rejected) => {
                    self.sent.add(load.spans.saturating_sub(rejected));
                    load.done();
                }
                Outcome::Refused => {
                    self.sender.stats.rejected("refused", load.spans);
                    load.done();
                }
                // the load goes back to the tracer
                Outcome::Later(wait) => return Some(wait),
            }
            let more = stop.is_set() || self.loader.has_some();
            if !more && !self.waiting.is_enough() {
                return None;
            }
        }
    }

    /// Sends a request; if its answer takes long, spans that come in meanwhile join the next.
    async fn send_while_loading(&mut self, message: bytes::Bytes) -> Outcome {
        let Traces { loader, sender, waiting, .. } = self;
        let mut sending = pin!(sender.send(message));
        loop {
            tokio::select! {
                biased;
                outcome = &mut sending => return outcome,
                () = waiting.until_enough(), if !loader.is_full() => loader.fill(),
            }
        }
    }
}
