//! How CPU time is sampled.

/// How CPU time is sampled. The usual values do for nearly every program.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuOptions {
    pub(crate) signal: Option<i32>,
    pub(crate) budget: f64,
}

impl Default for CpuOptions {
    fn default() -> CpuOptions {
        CpuOptions { signal: None, budget: 0.01 }
    }
}

impl CpuOptions {
    /// The signal that samples come by: `SIGPROF`. A program that handles that one itself chooses one
    /// of the real-time signals, such as `libc::SIGRTMIN() + 3`.
    pub fn signal(mut self, number: i32) -> CpuOptions {
        self.signal = Some(number);
        self
    }

    /// The most that interrupting threads may take of the process's CPU time: 0.01. Above it the rate is
    /// halved, and the report says so. Taken to lie in 0.0001 to 1.
    pub fn budget(mut self, share: f64) -> CpuOptions {
        self.budget = if share.is_nan() { 0.01 } else { share.clamp(0.0001, 1.0) };
        self
    }
}
