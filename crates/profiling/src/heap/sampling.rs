//! The switch of the sampler, and what it has to say.

use std::time::{Duration, Instant, SystemTime};

use perf_monitor_core::Lock;

use super::profile::HeapProfile;
use super::sampler::SWITCH;
use crate::Error;

pub use super::tables::SAMPLING_BYTES;

/// How allocations are sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SamplingOptions {
    /// Bytes between two samples, on average: 512 KiB unless set, 1 at least. Half of it is twice the cost,
    /// and shows what is half as large.
    pub interval_bytes: u64,
    /// What random numbers begin with; set, a program of one thread samples the same each time.
    pub seed: Option<u64>,
}

impl Default for SamplingOptions {
    fn default() -> SamplingOptions {
        SamplingOptions { interval_bytes: 512 << 10, seed: None }
    }
}

impl SamplingOptions {
    /// One sample in 512 KiB.
    pub fn new() -> SamplingOptions {
        SamplingOptions::default()
    }

    /// Sets [`interval_bytes`](SamplingOptions::interval_bytes).
    pub fn interval_bytes(self, interval_bytes: u64) -> SamplingOptions {
        SamplingOptions { interval_bytes, ..self }
    }

    /// Sets [`seed`](SamplingOptions::seed).
    pub fn seed(self, seed: u64) -> SamplingOptions {
        SamplingOptions { seed: Some(seed), ..self }
    }
}

/// What the sampler has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SamplingStats {
    /// Bytes between two samples, on average; `None` while sampling is off, and then all else is 0.
    pub interval_bytes: Option<u64>,
    /// Allocations that were sampled.
    pub samples: u64,
    /// Of these, those of which the callers are not known: the program was built without frame pointers, the
    /// thread is past the 64th or exits, or it runs on a stack that is not its own.
    pub flat: u64,
    /// Of these, those whose stack was cut, or had to go with others, for want of room.
    pub cut: u64,
    /// Of these, those that the live heap had no room for: it shows too little by what they stand for.
    pub not_live: u64,
    /// Sampled blocks that are not freed, of 4,096 at most.
    pub live: usize,
    /// Frames of stacks, of 8,192 at most.
    pub frames: usize,
    /// Bytes of private memory.
    pub memory_bytes: usize,
    /// Whether callers can be found: the program was built with frame pointers.
    pub frame_pointers: bool,
}

/// The sampling that is on.
#[derive(Clone, Copy, Debug)]
struct Begun {
    at: Instant,
    time: SystemTime,
}

static BEGUN: Lock<Option<Begun>> = Lock::new(None);

/// Samples allocations from here on; what was sampled before is forgotten.
///
/// The live heap then has what was allocated since.
///
/// ```
/// use perf_monitor_profiling::heap::{self, SamplingOptions};
///
/// if heap::start_sampling(SamplingOptions::default()).is_ok() {
///     let profile = heap::profile()?;
///     println!("{} bytes are held", profile.live_bytes());
///     heap::stop_sampling();
/// }
/// # Ok::<(), perf_monitor_profiling::Error>(())
/// ```
///
/// # Cost
/// [`SAMPLING_BYTES`], and the row `heap/sampling` in `benches/budgets.toml`: at 512 KiB 1 % of a program that
/// does little but allocate.
///
/// # Errors
/// [`Error::Unsupported`] where there is no sampler, which is on other systems than Linux;
/// [`Error::System`] without memory. Whether there is anything to sample, [`is_global`](super::is_global) tells.
pub fn start_sampling(options: SamplingOptions) -> Result<(), Error> {
    let mut begun = BEGUN.lock();
    switch::off();
    *begun = None;
    switch::on(options)?;
    *begun = Some(Begun { at: Instant::now(), time: SystemTime::now() });
    Ok(())
}

/// Samples no more, forgets what was sampled and gives its memory back; nothing if sampling is off.
pub fn stop_sampling() {
    let mut begun = BEGUN.lock();
    switch::off();
    *begun = None;
}

/// What was sampled since sampling was switched on: allocations, and what of them is live.
///
/// # Errors
/// [`Error::ProfilerNotStarted`] while sampling is off.
pub fn profile() -> Result<HeapProfile, Error> {
    let begun = BEGUN.lock();
    let Begun { at, time } = begun.ok_or(Error::ProfilerNotStarted)?;
    // The lock is held while the tables are read: nobody can clear them.
    let sampled = switch::read();
    drop(begun);
    Ok(HeapProfile::sampled(sampled, time, Duration::max(at.elapsed(), Duration::from_nanos(1))))
}

/// What the sampler has done and holds.
///
/// # Cost
/// Some ten microseconds while sampling is on: it counts what is in the tables.
pub fn sampling_stats() -> SamplingStats {
    let begun = BEGUN.lock();
    let stats = SamplingStats { frame_pointers: super::frames::are_there(), ..Default::default() };
    if begun.is_none() {
        return stats;
    }
    let interval = SWITCH.interval.load(std::sync::atomic::Ordering::Relaxed);
    switch::stats(SamplingStats { interval_bytes: Some(interval), ..stats })
}

/// What the tables have: stacks with their addresses innermost first, and counts.
pub(super) struct Sampled {
    pub(super) interval_bytes: u64,
    pub(super) stacks: Vec<SampledStack>,
    pub(super) stats: SamplingStats,
}

pub(super) struct SampledStack {
    pub(super) frames: Vec<u64>,
    pub(super) sums: super::tables::Sums,
}

#[cfg(target_os = "linux")]
mod switch;

#[cfg(not(target_os = "linux"))]
mod switch {
    //! Where there is no sampler.

    use super::{Sampled, SamplingOptions, SamplingStats};
    use crate::Error;

    pub(super) fn on(_: SamplingOptions) -> Result<(), Error> {
        Err(Error::Unsupported(
            "allocations are sampled on Linux only; they are counted everywhere",
        ))
    }

    pub(super) fn off() {}

    pub(super) fn read() -> Sampled {
        Sampled { interval_bytes: 0, stacks: Vec::new(), stats: SamplingStats::default() }
    }

    pub(super) fn stats(stats: SamplingStats) -> SamplingStats {
        stats
    }
}
