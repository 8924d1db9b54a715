//! Updates on their way to those who take them as JSON.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::update::DashboardUpdate;

/// Updates that wait for one client.
const WAITING: usize = 100;

/// When the last tick was, and a channel to each client.
#[derive(Default)]
pub(crate) struct Updates {
    ticked: Option<SystemTime>,
    clients: Vec<mpsc::Sender<Arc<str>>>,
}

impl Updates {
    /// Puts the update of a tick into each channel; into how many it did not fit. It is made if there is any.
    pub(crate) fn tick(&mut self, now: SystemTime, make: impl FnOnce() -> DashboardUpdate) -> u64 {
        self.ticked = Some(now);
        self.clients.retain(|client| !client.is_closed());
        if self.clients.is_empty() {
            return 0;
        }
        let update = DashboardUpdate { timestamp: now, ..make() };
        let (text, mut full): (Arc<str>, u64) = (update.to_json().into(), 0);
        self.clients.retain(|client| match client.try_send(text.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                full += 1;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        });
        full
    }

    /// The latest update, and all that come after it.
    pub(crate) fn join(
        &mut self,
        make: impl FnOnce() -> DashboardUpdate,
    ) -> mpsc::Receiver<Arc<str>> {
        self.clients.retain(|client| !client.is_closed());
        let (sender, receiver) = mpsc::channel(WAITING);
        if let Some(latest) = self.latest(make) {
            let _ = sender.try_send(latest.to_json().into());
        }
        self.clients.push(sender);
        receiver
    }

    /// The update of the last tick, if there was one.
    pub(crate) fn latest(&self, make: impl FnOnce() -> DashboardUpdate) -> Option<DashboardUpdate> {
        self.ticked.map(|timestamp| DashboardUpdate { timestamp, ..make() })
    }

    pub(crate) fn bytes(&self) -> usize {
        let waiting = |client: &mpsc::Sender<Arc<str>>| {
            (client.max_capacity() - client.capacity()) * size_of::<DashboardUpdate>()
        };
        let channels = self.clients.iter().map(|client| 1_024 + 3 * waiting(client));
        self.clients.capacity() * size_of::<usize>() + channels.sum::<usize>()
    }
}
