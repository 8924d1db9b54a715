//! The one thread that a monitor owns.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::mem;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::alerts::Checking;
use crate::error::{Error, Kind};
use crate::listener::Listener;
use crate::otlp::Sending;
use crate::own::Failures;
use crate::ticker::Ticker;

/// Address space for the thread's stack. Only what it touches counts; in a debug build making a
/// compressor alone puts 200 KiB on it for a moment.
const STACK_BYTES: usize = 512 * 1024;

/// Events that the runtime takes from its poller at once. The default, 1,024, takes 12 KiB for good
/// and is for servers of thousands of connections; the listener has 64.
const IO_EVENTS: usize = 64;

/// Threads for work that blocks, each of which ends when there was none for ten seconds. There is one as long as
/// nothing hangs: a rule's closure that does not come back must not keep the outbox from the disk.
const WORKERS: usize = 2;

/// What the listener gets to end in, longer than its own grace for running answers, and the exporter
/// to send what is left.
const ENDING_TIME: Duration = Duration::from_millis(800);

/// How long stopping waits for the thread.
const STOP_TIME: Duration = Duration::from_secs(1);

/// A running thread named `perf-monitor`; dropping this ends it.
#[derive(Debug)]
pub(crate) struct Background {
    running: Option<Running>,
    /// The process that the thread belongs to: a forked child inherits this value, not the thread.
    pid: u32,
}

#[derive(Debug)]
struct Running {
    thread: JoinHandle<()>,
    stop: oneshot::Sender<Infallible>,
    ended: Mutex<Receiver<Infallible>>,
}

impl Background {
    /// Starts the thread; what a tick collects has been collected once when this returns.
    ///
    /// # Errors
    /// The system gives no thread, or no poller for its runtime.
    pub(crate) fn start(
        ticker: Ticker,
        listener: Listener,
        sending: Sending,
        checking: Checking,
    ) -> Result<Background, Error> {
        let (stop, stopped) = oneshot::channel();
        let (began, begins) = sync_channel(1);
        let (end, ended) = sync_channel(0);
        let thread = thread::Builder::new()
            .name("perf-monitor".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                live(ticker, listener, (sending, checking), stopped, &began);
                drop(end);
            })
            .map_err(|e| refused("no thread for the monitor", e))?;
        match begins.recv() {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(refused("no runtime for the monitor's thread", e)),
            Err(e) => return Err(refused("the monitor's thread ended as it began", e)),
        }
        let running = Running { thread, stop, ended: Mutex::new(ended) };
        Ok(Background { running: Some(running), pid: std::process::id() })
    }
}

fn refused(what: &str, source: impl StdError + Send + Sync + 'static) -> Error {
    let message = format!("{what}: {source}: raise the limits of threads and open files");
    Error::new(Kind::System, message).because(source)
}

impl Drop for Background {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        if self.pid != std::process::id() {
            // The fork may have copied a channel's lock while the thread, which is not here, held it.
            mem::forget(running);
            return;
        }
        running.end();
    }
}

impl Running {
    /// Asks the thread to end and waits for it, [`STOP_TIME`] at most.
    fn end(self) {
        drop(self.stop);
        if self.thread.thread().id() == thread::current().id() {
            return;
        }
        let ended = self.ended.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        if ended.recv_timeout(STOP_TIME) == Err(RecvTimeoutError::Disconnected) {
            let _ = self.thread.join();
        }
    }
}

/// The thread's life: built, begun, run until `stopped`, taken down.
fn live(
    mut ticker: Ticker,
    listener: Listener,
    beside: (Sending, Checking),
    stopped: oneshot::Receiver<Infallible>,
    began: &SyncSender<io::Result<()>>,
) {
    let mut builder = Builder::new_current_thread();
    builder.thread_name("perf-monitor-worker").max_blocking_threads(WORKERS);
    let runtime = match builder.enable_all().max_io_events_per_tick(IO_EVENTS).build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(began.send(Err(error))),
    };
    ticker.begin();
    let _ = began.send(Ok(()));
    runtime.block_on(run(ticker, listener, beside, stopped));
    runtime.shutdown_background();
}

/// Ticks, serves, sends and looks at rules until `stopped`, then lets the listener finish and the rest be sent.
async fn run(
    mut ticker: Ticker,
    listener: Listener,
    (sending, checking): (Sending, Checking),
    stopped: oneshot::Receiver<Infallible>,
) {
    let failures = ticker.failures.clone();
    let (close, closed) = watch::channel(());
    let until = |mut closed: watch::Receiver<()>| async move { drop(closed.changed().await) };
    let (until_served, until_sent) = (until(closed.clone()), until(closed.clone()));
    let serving = tokio::spawn(async move {
        // what a client does is no failure; a runtime that cannot take the socket is
        if !listener.serve(until_served).await {
            failures.count("listener");
        }
    });
    let sending = guarded("otlp", &ticker.failures, sending.run(until_sent));
    let checking = guarded("alerting", &ticker.failures, checking.run(closed));
    tokio::select! {
        _ = stopped => {}
        never = ticker.run() => match never {},
    }
    drop(close);
    let _ = timeout(ENDING_TIME, async { tokio::join!(serving, sending, checking) }).await;
}

/// Runs `work` as a task; a panic is counted as a failure of `part` and goes no further.
fn guarded(
    part: &'static str,
    failures: &Failures,
    work: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    let (failures, done) = (failures.clone(), tokio::spawn(work));
    tokio::spawn(async move {
        if done.await.is_err_and(|e| e.is_panic()) {
            failures.count(part);
        }
    })
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use perf_monitor_core::Registry;

    use super::*;
    use crate::PerformanceMonitor;
    use crate::builder::Context;
    use crate::ticker::Part;

    #[test]
    fn a_thread_that_hangs_is_left_behind_after_a_second() {
        let tick = Duration::from_millis(10);
        let mut context = Context::new("test".into(), None, tick, Registry::new()).unwrap();
        let builder = PerformanceMonitor::builder("test").no_listener();
        let listener = builder.listener.bind().unwrap().join(&mut context).unwrap().0;
        let tracer = builder.tracer.join(&mut context).unwrap();
        let sending = builder.otlp.join(&mut context, &tracer).unwrap();
        let profiler = builder.profiler.join(&mut context, &tracer).unwrap();
        let checking = builder.alerts.join(&mut context, builder.past, &profiler).unwrap().1;
        let (hangs, hung) = channel();
        let (release, released) = channel::<()>();
        let mut calls = 0;
        context.collectors.push(Part {
            name: "host",
            once_per_registry: false,
            work: Box::new(move || {
                calls += 1;
                if calls == 2 {
                    let _ = hangs.send(());
                    let _ = released.recv();
                }
            }),
        });
        let background =
            Background::start(Ticker::from(context), listener, sending, checking).unwrap();
        hung.recv().unwrap();
        let begun = Instant::now();
        drop(background);
        assert!(begun.elapsed() >= STOP_TIME && begun.elapsed() < 3 * STOP_TIME);
        drop(release);
    }
}
