//! A sampler of resources for programs that run without a monitor.

use std::ops::RangeInclusive;
use std::panic::catch_unwind;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use perf_monitor_core::Clock;
use perf_monitor_host::{HostOptions, HostReader, HostSample};
use perf_monitor_instruments::{ResourceSampler, Resources};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior};

use crate::error::{Error, Kind};
use crate::reading::Readings;

/// Shorter ones cost more than they tell: a reading takes 57 µs.
const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);

/// What a start did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a sampler that runs already goes on as it was"]
pub enum Start {
    /// Samples come from now on.
    Started,
    /// It runs already: nothing has changed. Whoever started twice by mistake finds it here.
    AlreadyRunning,
}

/// Samples CPU, memory, disks and network every 5 s into [`Resources`], between start and stop.
///
/// CPU and memory are this process's, disks and network the machine's; see [`HostReader`] for what
/// each system tells. The first sample is taken at the start and knows the memory alone, since the
/// rest is what came between two readings.
///
/// A running [`PerformanceMonitor`](crate::PerformanceMonitor) samples by itself. This is for programs
/// without one, such as a batch run that wants its averages. It is started and stopped from async code
/// ([`start`](Self::start)), on the runtime of the caller, or from other code
/// ([`start_blocking`](Self::start_blocking)), on a thread named `perf-monitor-resources`. Dropping it
/// stops it.
///
/// ```
/// use perf_monitor::instruments::{ResourceMonitor, Resources, Start};
/// use perf_monitor::Registry;
///
/// let resources = Resources::new(Registry::global())?;
/// let sampler = ResourceMonitor::new(&resources);
/// assert_eq!(sampler.start_blocking()?, Start::Started);
/// assert_eq!(sampler.start_blocking()?, Start::AlreadyRunning);
/// // ... run ...
/// sampler.stop_blocking();
/// println!("{:?}", resources.metrics().avg_memory_mb);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
/// A sample is one reading of the machine: row `host/collect` of `benches/budgets.toml`.
#[derive(Debug)]
pub struct ResourceMonitor {
    resources: Resources,
    interval: Duration,
    host: HostOptions,
    state: Mutex<State>,
}

/// Who samples.
#[derive(Debug)]
enum State {
    Stopped,
    Task { stop: oneshot::Sender<()>, task: tokio::task::JoinHandle<()> },
    Thread { stop: Sender<()>, thread: thread::JoinHandle<()>, pid: u32 },
}

impl State {
    /// A task ends with its runtime, and a forked child has no thread of its parent's.
    fn is_running(&self) -> bool {
        match self {
            State::Stopped => false,
            State::Task { task, .. } => !task.is_finished(),
            State::Thread { thread, pid, .. } => {
                *pid == std::process::id() && !thread.is_finished()
            }
        }
    }
}

impl ResourceMonitor {
    /// A sampler into `resources`, every 5 s, that is not started.
    pub fn new(resources: &Resources) -> ResourceMonitor {
        ResourceMonitor {
            resources: resources.clone(),
            interval: ResourceSampler::INTERVAL,
            host: HostOptions::default().per_core(false),
            state: Mutex::new(State::Stopped),
        }
    }

    /// The time between two samples: 5 s; 10 ms to 1 h.
    pub fn interval(mut self, interval: Duration) -> ResourceMonitor {
        self.interval = interval;
        self
    }

    /// What is read of this process and its machine, and from where.
    pub fn host_options(mut self, options: HostOptions) -> ResourceMonitor {
        self.host = options;
        self
    }

    /// Starts sampling on the tokio runtime of the caller; a second start changes nothing.
    ///
    /// Sampling ends with the runtime too. A reading blocks its thread for some 57 µs.
    ///
    /// # Errors
    /// No runtime here, one without timers (`enable_time`), or an interval out of range.
    pub async fn start(&self) -> Result<Start, Error> {
        self.begin(|mut sampler| {
            let runtime = Handle::try_current().map_err(no_runtime)?;
            let mut due = timer(self.interval)?;
            let (stop, mut stopped) = oneshot::channel();
            let task = runtime.spawn(async move {
                loop {
                    tokio::select! {
                        _ = &mut stopped => return,
                        _ = due.tick() => sampler.sample(),
                    }
                }
            });
            Ok(State::Task { stop, task })
        })
    }

    /// Starts sampling on a thread of its own; a second start changes nothing.
    ///
    /// # Errors
    /// The system gives no thread, or an interval out of range.
    pub fn start_blocking(&self) -> Result<Start, Error> {
        self.begin(|mut sampler| {
            let (stop, stopped) = channel();
            let interval = self.interval;
            let run = move || {
                sampler.sample();
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    sampler.sample();
                }
            };
            let named = thread::Builder::new().name("perf-monitor-resources".into());
            let thread = named.spawn(run).map_err(|e| {
                let message = format!("no thread for the sampler of resources: {e}");
                Error::new(Kind::System, message + ": raise the limit of threads").because(e)
            })?;
            Ok(State::Thread { stop, thread, pid: std::process::id() })
        })
    }

    /// Whether samples come.
    pub fn is_running(&self) -> bool {
        self.state().is_running()
    }

    /// Stops sampling, however it was started, and waits for a sample under way. Without a start it
    /// does nothing; it can be started again.
    pub async fn stop(&self) {
        // taken out first, so that no lock is held while it ends
        let state = self.take();
        match state {
            State::Task { stop, task } => {
                drop(stop);
                let _ = task.await;
            }
            other => end(other),
        }
    }

    /// Stops sampling, however it was started. Without a start it does nothing; it can be started
    /// again.
    ///
    /// Waits for a thread's sample under way; a task is told and not waited for.
    pub fn stop_blocking(&self) {
        end(self.take());
    }

    fn begin(&self, start: impl FnOnce(Sampler) -> Result<State, Error>) -> Result<Start, Error> {
        if !INTERVALS.contains(&self.interval) {
            let message = format!("samples every {:?} are out of range", self.interval);
            return Err(Error::new(Kind::Options, message + ": choose 10 ms to 1 h"));
        }
        let mut state = self.state();
        if state.is_running() {
            return Ok(Start::AlreadyRunning);
        }
        let sampler = Sampler {
            reader: HostReader::with_options(self.host.clone()),
            now: HostSample::default(),
            readings: Readings::new(&self.resources, self.interval, Clock::default()),
        };
        forget_if_forked(std::mem::replace(&mut *state, start(sampler)?));
        Ok(Start::Started)
    }

    fn take(&self) -> State {
        std::mem::replace(&mut *self.state(), State::Stopped)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whoever samples to end; a thread is waited for.
fn end(state: State) {
    if !state.is_running() {
        return forget_if_forked(state);
    }
    if let State::Thread { stop, thread, .. } = state {
        drop(stop);
        let _ = thread.join();
    }
}

/// The fork may have copied a channel's lock while the thread, which is not here, held it.
fn forget_if_forked(state: State) {
    match state {
        State::Thread { pid, .. } if pid != std::process::id() => std::mem::forget(state),
        _ => {}
    }
}

impl Drop for ResourceMonitor {
    fn drop(&mut self) {
        // the task or thread ends when its channel is gone
        forget_if_forked(self.take());
    }
}

fn no_runtime(error: tokio::runtime::TryCurrentError) -> Error {
    let message = "the sampler of resources is started outside a tokio runtime: use start_blocking";
    Error::new(Kind::System, message).because(error)
}

/// A timer of this runtime. Tokio tells that there are none by a panic alone.
fn timer(interval: Duration) -> Result<Interval, Error> {
    let made = catch_unwind(|| {
        let mut due = tokio::time::interval(interval);
        due.set_missed_tick_behavior(MissedTickBehavior::Skip);
        due
    });
    made.map_err(|_| {
        let message = "the tokio runtime has no timers: build it with enable_time";
        Error::new(Kind::System, format!("{message}, or use start_blocking"))
    })
}

/// Reads the machine into the resources.
struct Sampler {
    reader: HostReader,
    now: HostSample,
    readings: Readings,
}

impl Sampler {
    fn sample(&mut self) {
        self.reader.read_into(&mut self.now);
        self.readings.sample(&self.now);
    }
}
