//! A thread that reads everything sixty times a second.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::pin;

/// The time between two reads.
pub(crate) const PERIOD: Duration = Duration::from_nanos(1_000_000_000 / 60);

/// The reading thread; it reads only inside [`Reader::while_reading`].
pub(crate) struct Reader<'scope> {
    active: Sender<bool>,
    _thread: ScopedJoinHandle<'scope, ()>,
}

impl<'scope> Reader<'scope> {
    pub(crate) fn start(
        scope: &'scope Scope<'scope, '_>,
        cpu: Option<usize>,
        mut read: impl FnMut() + Send + 'scope,
    ) -> Reader<'scope> {
        let (active, switch) = channel();
        let _thread = scope.spawn(move || {
            pin::this_thread_to(cpu);
            while let Ok(true) = switch.recv() {
                let mut next = Instant::now() + PERIOD / 2;
                while let Err(RecvTimeoutError::Timeout) =
                    switch.recv_timeout(next.saturating_duration_since(Instant::now()))
                {
                    read();
                    next += PERIOD;
                }
            }
        });
        Reader { active, _thread }
    }

    /// Reads at 60 Hz, the first time after half a period, for as long as `f` runs.
    pub(crate) fn while_reading<R>(&self, f: impl FnOnce() -> R) -> R {
        let _ = self.active.send(true);
        let result = f();
        let _ = self.active.send(false);
        result
    }
}
