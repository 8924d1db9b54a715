//! One CPU profile at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Gives turns, of which there is one at a time.
pub(super) struct Turns {
    free: Arc<Semaphore>,
    running: Mutex<Running>,
}

/// Of the turn that was given last.
#[derive(Clone)]
struct Running {
    ends: Instant,
    end_now: Arc<Notify>,
}

/// The right to take a profile, given back when it is dropped.
pub(super) struct Turn {
    running: Running,
    began: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new() -> Turns {
        let running = Running { ends: Instant::now(), end_now: Arc::default() };
        Turns { free: Arc::new(Semaphore::new(1)), running: Mutex::new(running) }
    }

    /// A turn of this length. While somebody has it, there is none but by `force`, which ends the other's; several that
    /// force have their turns one after another.
    ///
    /// # Errors
    /// How long the other still takes.
    pub(super) async fn take(&self, length: Duration, force: bool) -> Result<Turn, Duration> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if force => {
                self.running().end_now.notify_one();
                let waiting = Arc::clone(&self.free).acquire_owned().await;
                waiting.expect("nobody closes the semaphore")
            }
            Err(_) => return Err(self.running().ends.saturating_duration_since(Instant::now())),
        };
        let began = Instant::now();
        let running = Running { ends: began + length, end_now: Arc::default() };
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running.clone();
        Ok(Turn { running, began, _permit: permit })
    }

    fn running(&self) -> Running {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Turn {
    /// Waits until it is over; how long it was, if somebody ended it before its time.
    pub(super) async fn over(&self) -> Option<Duration> {
        tokio::select! {
            () = sleep_until(self.running.ends) => None,
            () = self.running.end_now.notified() => Some(self.began.elapsed()),
        }
    }
}
