//! Profiles of CPU time, on demand and all the time.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::build::{self, coverage};
use super::engine::{Engine, Hold};
use super::shared::Shared;
use super::state::Tables;
use super::system;
use crate::cpu::{CpuOptions, CpuStats, SpanNames, checked};
use crate::error::Error;
use crate::report::Report;

/// Samples where the threads of this process spend their CPU time, from a start to a stop.
///
/// A thread is interrupted after each period of CPU time that it has used, so a thread that waits costs
/// nothing, and a sample is CPU time, not time on the wall. All threads are sampled, those that begin
/// later within a tenth of a second. The report has a stack for each sample, the thread's name, and the
/// span that it was in.
///
/// One profile is taken at a time, in the whole process; beside it there may be a [`ContinuousProfiler`].
/// Dropping this ends it.
///
/// # Cost
/// Some microseconds a sample with the signal, and 70 µs for each of the ten looks a second that its
/// thread takes, so about a tenth of a percent of the CPU time at 99 Hz; 254 KB while it is on, which are
/// unmapped after (rows `profile/…` in `benches/budgets.toml`).
///
/// # Limits
/// Callers are found by frame pointers: build with `-C force-frame-pointers=yes`. Without them the
/// report has no callers, and says so. On Linux for x86-64 and arm64; elsewhere `start` is an error.
///
/// ```
/// use perf_monitor_profiling::CpuProfiler;
///
/// let mut profiler = CpuProfiler::new();
/// profiler.start(99)?;
/// let sum: u64 = (0..3_000_000).fold(0, |sum, n| std::hint::black_box(sum ^ n));
/// let report = profiler.stop()?;
/// println!("{} ns of CPU time, {sum}", report.weight());
/// # Ok::<(), perf_monitor_profiling::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct CpuProfiler {
    options: CpuOptions,
    names: SpanNames,
    running: Option<Running>,
}

struct Running {
    hold: Hold,
    window: u64,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "window {}", self.window)
    }
}

impl CpuProfiler {
    /// With the usual options.
    pub fn new() -> CpuProfiler {
        CpuProfiler::default()
    }

    /// With options of one's own.
    pub fn with_options(options: CpuOptions) -> CpuProfiler {
        CpuProfiler { options, ..CpuProfiler::default() }
    }

    /// Names spans by `names`.
    pub fn span_names(mut self, names: SpanNames) -> CpuProfiler {
        self.names = names;
        self
    }

    /// Begins to take `frequency` samples of each second of CPU time that a thread uses.
    ///
    /// The kernel looks at its timers as it ticks, 250 times a second on many machines: at a higher rate
    /// a sample may stand for several periods, which is counted.
    ///
    /// # Errors
    /// A rate out of 1 to 1,000; a profile that is being taken already, by this or by another profiler;
    /// a signal that somebody else handles; timers that the system refuses.
    pub fn start(&mut self, frequency: i32) -> Result<(), Error> {
        let rate = checked(frequency)?;
        if self.running.as_ref().is_some_and(|running| running.hold.is_here()) {
            return Err(Error::AlreadyStarted);
        }
        self.running = None; // what a forked child inherits of its parent
        let hold = Hold::new(&self.options, rate)?;
        let window = hold.engine().open_window(rate)?;
        self.running = Some(Running { hold, window });
        Ok(())
    }

    /// Ends it and tells what was seen.
    ///
    /// # Errors
    /// It was not started, or by the parent of this process.
    pub fn stop(&mut self) -> Result<Report, Error> {
        let running = self.running.take().filter(|running| running.hold.is_here());
        let running = running.ok_or(Error::ProfilerNotStarted)?;
        running.report(&self.names).ok_or(Error::ProfilerNotStarted)
    }

    /// What was seen so far; it goes on.
    ///
    /// # Errors
    /// As those of [`stop`](Self::stop).
    pub fn report(&self) -> Result<Report, Error> {
        let running = self.running.as_ref().filter(|running| running.hold.is_here());
        running.and_then(|running| running.report(&self.names)).ok_or(Error::ProfilerNotStarted)
    }

    /// A flame graph of `report` as SVG, with its functions named: [`Report::to_flamegraph`].
    ///
    /// # Errors
    /// None today; a report of nothing gives a picture that says so.
    #[cfg(feature = "flamegraph")]
    pub fn generate_flamegraph(&self, report: &Report) -> Result<Vec<u8>, Error> {
        Ok(report.to_flamegraph())
    }

    /// Whether it is started.
    pub fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.hold.is_here())
    }

    /// What it costs; `None` while it is not started.
    pub fn stats(&self) -> Option<CpuStats> {
        self.running
            .as_ref()
            .filter(|running| running.hold.is_here())
            .map(|r| stats(r.hold.engine()))
    }
}

impl Running {
    fn report(&self, names: &SpanNames) -> Option<Report> {
        let engine = self.hold.engine();
        let mut state = engine.state();
        state.drain(&engine.shared);
        let window = state.window.filter(|window| window.number == self.window)?;
        let span = state.slices.since_pin(state.clock.now_ns())?;
        let mut report = build::report(engine, &state, &span, window.began, names);
        let used = system::process_cpu_ns().saturating_sub(window.process_ns);
        report.notes.push(coverage(&report, used));
        Some(report)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.hold.is_here() {
            self.hold.engine().close_window(self.window);
        }
    }
}

/// Samples all the time, at a low rate, and keeps the last five minutes: what was hot before somebody
/// looked can be asked for. Dropping this ends it.
///
/// # Cost
/// As that of [`CpuProfiler`], at the lower rate and with four looks a second.
///
/// ```
/// use perf_monitor_profiling::ContinuousProfiler;
/// use std::time::Duration;
///
/// let profiler = ContinuousProfiler::start(19, Default::default())?;
/// // ... something was slow about three minutes ago ...
/// let ago = Duration::from_secs(200)..Duration::from_secs(170);
/// assert!(profiler.report(ago, &Default::default()).is_none(), "it was not running then");
/// # Ok::<(), perf_monitor_profiling::Error>(())
/// ```
pub struct ContinuousProfiler {
    hold: Hold,
}

impl ContinuousProfiler {
    /// Begins to take `frequency` samples of each second of CPU time that a thread uses; 19 is usual.
    ///
    /// # Errors
    /// As those of [`CpuProfiler::start`]; there is one of these at a time too.
    pub fn start(frequency: i32, options: CpuOptions) -> Result<ContinuousProfiler, Error> {
        let rate = checked(frequency)?;
        let hold = Hold::new(&options, rate)?;
        hold.engine().set_base(Some(rate))?;
        Ok(ContinuousProfiler { hold })
    }

    /// Takes `frequency` samples of each second of CPU time from now on; what was seen before is kept.
    ///
    /// # Errors
    /// A rate out of 1 to 1,000.
    pub fn set_frequency(&self, frequency: i32) -> Result<(), Error> {
        let rate = checked(frequency)?;
        if self.hold.is_here() {
            self.hold.engine().change_base(rate);
        }
        Ok(())
    }

    /// What was seen in a time that began and ended so long ago, such as `180 s..170 s`; `0 s` is now.
    /// Time is kept in slices of ten seconds: the report covers all those that the range touches, and
    /// says when it begins and how long it is. `None` if nothing of it is kept.
    pub fn report(&self, ago: Range<Duration>, names: &SpanNames) -> Option<Report> {
        if !self.hold.is_here() {
            return None;
        }
        let engine = self.hold.engine();
        let mut state = engine.state();
        state.drain(&engine.shared);
        let now = state.clock.now_ns();
        let then = |ago: Duration| now.saturating_sub(ago.as_nanos().min(u128::from(now)) as u64);
        let span = state.slices.between(then(ago.start), then(ago.end), now)?;
        let began = SystemTime::now() - Duration::from_nanos(now - span.began_ns);
        Some(build::report(engine, &state, &span, began, names))
    }

    /// What it costs, profiles on demand included; `None` in a forked child.
    pub fn stats(&self) -> Option<CpuStats> {
        self.hold.is_here().then(|| stats(self.hold.engine()))
    }
}

impl fmt::Debug for ContinuousProfiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContinuousProfiler")
    }
}

impl Drop for ContinuousProfiler {
    fn drop(&mut self) {
        if self.hold.is_here() {
            let _ = self.hold.engine().set_base(None);
        }
    }
}

fn stats(engine: &Engine) -> CpuStats {
    let state = engine.state();
    let (counts, seen) = (&engine.shared.counts, &state.seen);
    let signals = counts.signals.load(Ordering::Relaxed);
    let lists = state.modules.bytes() + state.names.bytes() + state.members.bytes();
    CpuStats {
        rate_hz: state.governor.rate(),
        wanted_hz: state.governor.wanted(),
        lowered: state.governor.lowered(),
        threads: state.members.len(),
        samples: seen.samples,
        lost: counts.lost.load(Ordering::Relaxed),
        without_stack: seen.without_stack,
        uncounted: seen.uncounted.0,
        overruns: counts.overruns.load(Ordering::Relaxed),
        handlers: Duration::from_nanos(counts.handler_ns.load(Ordering::Relaxed)),
        delivery: Duration::from_nanos(signals * seen.delivery_ns),
        sampler: Duration::from_nanos(seen.sampler_ns),
        frames: state.tables.tree.used(),
        bytes: size_of::<Shared>() + size_of::<Tables>() + size_of::<Engine>() + lists,
    }
}
