//! Updates on their way to those who take them as JSON.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::update::DashboardUpdate;

/// Updates that wait for one client.
const WAITING: usize = 100;

/// The last update, and a channel to each client.
#[derive(Default)]
pub(crate) struct Updates {
    latest: Option<DashboardUpdate>,
    clients: Vec<mpsc::Sender<Arc<str>>>,
}

impl Updates {
    /// Keeps the update, and puts it into each channel; into how many it did not fit.
    pub(crate) fn push(&mut self, update: DashboardUpdate) -> u64 {
        self.latest = Some(update);
        if self.clients.is_empty() {
            return 0;
        }
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
    pub(crate) fn join(&mut self) -> mpsc::Receiver<Arc<str>> {
        self.clients.retain(|client| !client.is_closed());
        let (sender, receiver) = mpsc::channel(WAITING);
        if let Some(latest) = self.latest {
            let _ = sender.try_send(latest.to_json().into());
        }
        self.clients.push(sender);
        receiver
    }

    pub(crate) fn latest(&self) -> Option<DashboardUpdate> {
        self.latest
    }

    pub(crate) fn bytes(&self) -> usize {
        let waiting = |client: &mpsc::Sender<Arc<str>>| {
            (client.max_capacity() - client.capacity()) * size_of::<DashboardUpdate>()
        };
        let channels = self.clients.iter().map(|client| 1_024 + 3 * waiting(client));
        self.clients.capacity() * size_of::<usize>() + channels.sum::<usize>()
    }
}
