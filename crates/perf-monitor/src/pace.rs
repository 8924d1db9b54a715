//! How often a monitor ticks, which may change while it runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// The time from one tick to the next; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Pace(Arc<watch::Sender<Duration>>);

impl Pace {
    pub(crate) fn new(every: Duration) -> Pace {
        Pace(Arc::new(watch::Sender::new(every)))
    }

    pub(crate) fn every(&self) -> Duration {
        *self.0.borrow()
    }

    /// From now on.
    #[cfg_attr(not(feature = "dashboard"), expect(dead_code, reason = "the page changes it"))]
    pub(crate) fn set(&self, every: Duration) {
        self.0.send_replace(every);
    }

    /// Tells of changes.
    pub(crate) fn follow(&self) -> watch::Receiver<Duration> {
        self.0.subscribe()
    }
}
