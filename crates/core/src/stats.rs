//! What registries and threads hold, and what they were refused.

use crate::local;

/// What a registry holds and what it refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryStats {
    /// Families that are registered.
    pub families: usize,
    /// Series that are shown.
    pub series: usize,
    /// Look-ups of new label values that had no room and went to an overflow series.
    pub refused_series: u64,
    /// Records with a wrong number of label values, which went to an overflow series.
    pub wrong_labels: u64,
    /// Series that were removed because nobody used them.
    pub expired_series: u64,
    /// Records of histograms that found no room for the cells of their octave, and are counted as
    /// the octave's highest value.
    pub coarse_records: u64,
    /// Bytes that series may be charged.
    pub budget_bytes: usize,
    /// Bytes that they are charged.
    pub charged_bytes: usize,
    /// Bytes that counters and gauges take.
    pub metric_bytes: usize,
    /// Bytes that histograms take now, with their windows.
    pub histogram_bytes: usize,
}

/// What threads of the process hold of their own: cells, octaves of histograms, label caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadStats {
    /// Bytes in all.
    pub bytes: usize,
    /// The part of them that histograms take.
    pub histogram_bytes: usize,
    /// Requests for more that the budget refused; those records go to shared cells.
    pub refused: u64,
    /// Slabs that threads have, or have left for others.
    pub slabs: usize,
    /// Slabs that there can be; threads beyond that share cells.
    pub most_slabs: usize,
}

/// What the threads of this process hold of their own.
pub fn thread_stats() -> ThreadStats {
    let usage = local::arena().usage();
    ThreadStats {
        bytes: usage.bytes,
        histogram_bytes: usage.octave_bytes,
        refused: usage.refused,
        slabs: usage.slabs,
        most_slabs: crate::arena::SLABS,
    }
}

/// Sets how many bytes the threads of this process may hold of their own, 144 KiB by default.
/// What they hold already they keep. Records that find no room go to shared cells: exact, slower.
pub fn set_thread_budget(bytes: usize) {
    local::arena().set_budget(bytes);
}
