//! A run of a query, from its begin to its end, phase by phase.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use perf_monitor_core::Instant;

use crate::queries::Query;
use crate::query_profile::QueryRunRecord;
use crate::spread::duration_ns;

/// A part of a query's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Text becomes a tree.
    Parse,
    /// A tree becomes a plan.
    Optimize,
    /// A plan becomes rows.
    Execute,
}

impl Phase {
    /// All of them, in the order of a run.
    pub const ALL: [Phase; 3] = [Phase::Parse, Phase::Optimize, Phase::Execute];

    /// As the label `phase` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Parse => "parse",
            Phase::Optimize => "optimize",
            Phase::Execute => "execute",
        }
    }
}

/// Stands for a phase that was not there, in numbers that have to be plain.
const ABSENT: u64 = u64::MAX;

/// Nanoseconds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) total: u64,
    pub(crate) phases: [u64; 3],
}

impl Times {
    pub(crate) fn of_phases(parse: Duration, optimize: Duration, execute: Duration) -> Times {
        let phases = [parse, optimize, execute].map(|one| duration_ns(one).min(ABSENT - 1));
        Times { total: phases.iter().fold(0, |sum, ns| sum.saturating_add(*ns)), phases }
    }

    pub(crate) fn of_total(total: Duration) -> Times {
        Times { total: duration_ns(total), phases: [ABSENT; 3] }
    }

    /// The time of a phase, if it was there.
    #[inline]
    pub(crate) fn phase(&self, phase: Phase) -> Option<u64> {
        Some(self.phases[phase as usize]).filter(|ns| *ns != ABSENT)
    }

    pub(crate) fn record(&self, query: &str, failed: bool, ended_unix_ns: u64) -> QueryRunRecord {
        let phase = |phase| self.phase(phase).map(Duration::from_nanos);
        QueryRunRecord {
            query: query.to_owned(),
            failed,
            total: Duration::from_nanos(self.total),
            parse: phase(Phase::Parse),
            optimize: phase(Phase::Optimize),
            execute: phase(Phase::Execute),
            ended_unix_ns,
        }
    }
}

/// A run of a query, which is recorded when this is dropped; dropped by a panic, as a failure.
///
/// A phase that is begun again goes on where it ended. What lies outside of phases counts in the
/// total alone.
#[must_use = "the run is recorded when this is dropped"]
pub struct QueryRun<'a> {
    query: Cow<'a, Query>,
    /// `None`: not to be recorded.
    clocked: Option<Clocked>,
    failed: bool,
    /// Whether the thread was panicking before: then it is not this run that did.
    panicking: bool,
}

struct Clocked {
    start: Instant,
    times: Times,
    current: Option<(Phase, Instant)>,
}

impl Clocked {
    fn end_phase(&mut self, now: Instant) {
        if let Some((phase, since)) = self.current.take() {
            let before = self.times.phase(phase).unwrap_or(0);
            self.times.phases[phase as usize] = before + now.ns_since(since);
        }
    }
}

impl<'a> QueryRun<'a> {
    #[inline]
    pub(crate) fn begin(query: Cow<'a, Query>) -> QueryRun<'a> {
        let clocked = query.is_enabled().then(|| Clocked {
            times: Times::of_total(Duration::ZERO),
            current: None,
            start: Instant::now(),
        });
        QueryRun { query, clocked, failed: false, panicking: std::thread::panicking() }
    }

    /// Ends the phase that is running, if one is, and begins this one.
    pub fn phase(&mut self, phase: Phase) {
        if let Some(clocked) = &mut self.clocked {
            let now = Instant::now();
            clocked.end_phase(now);
            clocked.current = Some((phase, now));
        }
    }

    /// Ends the phase that is running, if one is.
    pub fn end_phase(&mut self) {
        if let Some(clocked) = &mut self.clocked {
            clocked.end_phase(Instant::now());
        }
    }

    /// The run failed; it goes on until this is dropped.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// Ends without a record.
    pub fn discard(mut self) {
        self.clocked = None;
    }
}

impl Drop for QueryRun<'_> {
    fn drop(&mut self) {
        let Some(mut clocked) = self.clocked.take() else {
            return;
        };
        let now = Instant::now();
        clocked.end_phase(now);
        clocked.times.total = now.ns_since(clocked.start);
        let panicked = std::thread::panicking() && !self.panicking;
        self.query.record_times(&clocked.times, self.failed || panicked);
    }
}

impl fmt::Debug for QueryRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueryRun").field(&self.query.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_add_up_to_the_total_and_the_longest_duration_is_not_absent() {
        let ns = Duration::from_nanos;
        let times = Times::of_phases(ns(1), Duration::ZERO, Duration::MAX);
        assert_eq!(times.total, u64::MAX);
        assert_eq!(times.phase(Phase::Optimize), Some(0));
        assert_eq!(times.phase(Phase::Execute), Some(u64::MAX - 1));
        assert_eq!(Times::of_total(ns(5)).phase(Phase::Parse), None);
    }
}
