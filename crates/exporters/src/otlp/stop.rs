//! The end of sending, told to all who wait for something.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// Set once.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    set: AtomicBool,
    told: Notify,
}

impl Stop {
    pub(crate) fn set(&self) {
        self.set.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    /// Waits for this time, or until it is set.
    pub(crate) async fn or(&self, time: Duration) {
        let told = self.told.notified();
        if !self.is_set() {
            let _ = tokio::time::timeout(time, told).await;
        }
    }
}
