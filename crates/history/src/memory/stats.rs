//! What a history holds, and what it could not.

/// What a [`MemoryHistory`](crate::MemoryHistory) holds, and what it refused or gave up: for the monitor's own metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes on the heap: never more than [`Options::bytes`](crate::Options::bytes), but for what a single call needs
    /// while it runs.
    pub bytes: usize,
    /// The bytes of the option.
    pub limit_bytes: usize,
    /// Bytes of blocks that hold points, of those that are there for them.
    pub point_bytes: usize,
    /// Series that are kept, with those that have ended.
    pub series: usize,
    /// Those of them that have ended and still have points.
    pub ended_series: usize,
    /// Times that a series found no room, once for each tick that it is there.
    pub refused_series: u64,
    /// Ended series that were given up before their time, for others.
    pub evicted_series: u64,
    /// Points that were given up before their time, as there were no bytes left: the oldest of the series that takes
    /// the most.
    pub evicted_points: u64,
    /// Points that were not recorded, for the same reason.
    pub lost_points: u64,
    /// Ticks that were recorded.
    pub ticks: u64,
    /// Ticks that were not, as they came too soon after the one before, or before it.
    pub early_ticks: u64,
    /// Times that the clock was set back by more than a minute, and history began anew.
    pub restarts: u64,
}
