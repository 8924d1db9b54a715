//! Being told to stop.

use std::io;
use std::process;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Ctrl-C, or the system's request to end, from when this was made.
pub(crate) struct Stop(oneshot::Receiver<()>);

impl Stop {
    /// Listens from now on, on a thread of its own: a second signal, while the agent still stops, ends
    /// the process at once, whatever the other threads wait for.
    ///
    /// # Errors
    /// The system gives no thread, or does not let this process listen.
    pub(crate) fn listen() -> io::Result<Stop> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut signals = runtime.block_on(async { Signals::new() })?;
        let (first, stop) = oneshot::channel();
        thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                signals.next().await;
                let _ = first.send(());
                process::exit(signals.next().await)
            })
        })?;
        Ok(Stop(stop))
    }

    /// Waits for the first signal, outside of any runtime.
    pub(crate) fn wait(self) {
        let _ = self.0.blocking_recv();
    }

    /// The first signal.
    pub(crate) async fn told(self) {
        let _ = self.0.await;
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for a signal; answers the exit code of a process that it ends.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> i32 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            Err(_) => std::future::pending().await,
        }
    }
}
