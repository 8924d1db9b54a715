//! The sampler of the `pprof` crate, for other systems and for comparison.

use std::collections::HashMap;
use std::fmt;
use std::time::{Instant, SystemTime};

use ::pprof::{ProfilerGuard, ProfilerGuardBuilder, UnresolvedReport};

use super::checked;
use crate::error::Error;
use crate::maps;
use crate::report::{self, Report, Sample, Stacks, ValueType};

/// Samples CPU time by the `pprof` crate: one timer for the whole process, a signal to whichever thread
/// it finds, stacks by frame pointers.
///
/// It works on more systems than [`CpuProfiler`](crate::CpuProfiler), which is the better one where it
/// works: this takes tens of megabytes while it is on and after (row `profile/memory` in `benches/budgets.toml`),
/// loses the function that runs if it has no frame, knows nothing of spans, and does not tell what it
/// lost. It uses `SIGPROF`, which the other one then finds taken.
#[derive(Default)]
pub struct PprofProfiler {
    running: Option<Running>,
}

struct Running {
    guard: ProfilerGuard<'static>,
    rate: u32,
    started: SystemTime,
    begun: Instant,
}

impl PprofProfiler {
    /// Not started yet.
    pub fn new() -> PprofProfiler {
        PprofProfiler::default()
    }

    /// Begins to take `frequency` samples of each second of CPU time that the process uses.
    ///
    /// # Errors
    /// A rate out of 1 to 1,000; it was started already, here or elsewhere; what the system refuses.
    pub fn start(&mut self, frequency: i32) -> Result<(), Error> {
        let rate = checked(frequency)?;
        if self.running.is_some() {
            return Err(Error::AlreadyStarted);
        }
        let guard =
            ProfilerGuardBuilder::default().frequency(frequency).build().map_err(refused)?;
        let (started, begun) = (SystemTime::now(), Instant::now());
        self.running = Some(Running { guard, rate, started, begun });
        Ok(())
    }

    /// Ends it and tells what was seen.
    ///
    /// # Errors
    /// It was not started, or what was seen cannot be had.
    pub fn stop(&mut self) -> Result<Report, Error> {
        let running = self.running.take().ok_or(Error::ProfilerNotStarted)?;
        let seen = running.guard.report().build_unresolved().map_err(refused)?;
        Ok(running.report(&seen))
    }

    /// Whether it is started.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

impl fmt::Debug for PprofProfiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PprofProfiler").field("running", &self.is_running()).finish()
    }
}

impl Running {
    fn report(&self, seen: &UnresolvedReport) -> Report {
        let period = 1_000_000_000 / u64::from(self.rate);
        let modules = maps::modules(&maps::read().unwrap_or_default());
        let (mut stacks, mut threads) = (Stacks::default(), Threads::default());
        let mut samples = Vec::new();
        for (stack, count) in &seen.data {
            let count = u64::try_from(*count).unwrap_or(0);
            // all but the innermost are addresses to go back to, after their calls
            let address = |(depth, ip): (usize, u64)| ip.saturating_sub(u64::from(depth > 0));
            let frames = stack.frames.iter().map(|frame| frame.ip as u64).enumerate().map(address);
            let frames: Vec<_> = frames.collect();
            let places = frames.iter().rev().map(|at| report::place(&modules, *at));
            let name = &stack.thread_name[..stack.thread_name_length.min(stack.thread_name.len())];
            samples.push(Sample {
                leaf: stacks.stack(places),
                thread: Some(threads.number(&String::from_utf8_lossy(name))),
                span: None,
                trace: None,
                values: vec![count, count * period],
            });
        }
        Report {
            values: vec![
                ValueType { name: "samples", unit: "count" },
                ValueType { name: "cpu", unit: "nanoseconds" },
            ],
            period,
            stacks: stacks.nodes,
            samples,
            modules,
            threads: threads.names,
            spans: Vec::new(),
            started: self.started,
            duration: self.begun.elapsed(),
            notes: vec![
                "sampled by the pprof crate: without spans, and without telling what was lost"
                    .into(),
            ],
        }
    }
}

/// Names of threads, each once.
#[derive(Default)]
struct Threads {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Threads {
    fn number(&mut self, name: &str) -> u32 {
        *self.numbers.entry(name.to_owned()).or_insert_with(|| {
            self.names.push(name.to_owned());
            (self.names.len() - 1) as u32
        })
    }
}

fn refused(cause: ::pprof::Error) -> Error {
    match cause {
        ::pprof::Error::Running => Error::AlreadyStarted,
        ::pprof::Error::NotRunning => Error::ProfilerNotStarted,
        cause => Error::System("the pprof crate", std::io::Error::other(cause.to_string())),
    }
}
