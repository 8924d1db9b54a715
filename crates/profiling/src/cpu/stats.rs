//! What sampling costs and keeps.

use std::time::Duration;

/// What the sampler of this process has done since it began, and what it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuStats {
    /// Samples a second of CPU time, now.
    pub rate_hz: u32,
    /// What was asked for; more than `rate_hz` while sampling takes more than its budget.
    pub wanted_hz: u32,
    /// How often the rate was lowered.
    pub lowered: u64,
    /// Threads that are sampled now.
    pub threads: usize,
    /// Samples that were taken.
    pub samples: u64,
    /// Samples that found no room on their way.
    pub lost: u64,
    /// Samples without their stack, because there were too many different ones.
    pub without_stack: u64,
    /// Samples that are in no report, because there were too many stacks, threads and spans.
    pub uncounted: u64,
    /// Periods that a sample stands for besides its own, as the thread was not interrupted in time.
    pub overruns: u64,
    /// CPU time of the handlers, as they measured it.
    pub handlers: Duration,
    /// CPU time of the signals on their way to the handlers and back: their number times what it took
    /// when it was measured at the start.
    pub delivery: Duration,
    /// CPU time of the sampler's thread.
    pub sampler: Duration,
    /// Frames of different stacks that are kept.
    pub frames: usize,
    /// Memory that it has, used or not.
    pub bytes: usize,
}

impl CpuStats {
    /// All that sampling has cost.
    pub fn cost(&self) -> Duration {
        self.handlers + self.delivery + self.sampler
    }
}
