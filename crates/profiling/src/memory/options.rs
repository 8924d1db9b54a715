//! What a memory profiler is asked for.

use std::path::PathBuf;
use std::time::Duration;

/// What a [`MemoryProfiler`](super::MemoryProfiler) is asked for.
///
/// ```
/// use perf_monitor_profiling::{MemoryProfiler, MemoryProfilerOptions};
/// use std::time::Duration;
///
/// let options = MemoryProfilerOptions::new().interval(Duration::from_secs(1)).snapshots(600);
/// let profiler = MemoryProfiler::with_options(options);
/// assert!(profiler.snapshots().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryProfilerOptions {
    /// The time from one snapshot to the next; 10 s unless set.
    pub interval: Duration,
    /// Snapshots that are kept, 60 unless set; at least one.
    pub snapshots: usize,
    /// Bytes that those take with their heap profiles, 512 KiB unless set. Past it the oldest lose their
    /// profiles, then go.
    pub bytes: usize,
    /// Whether snapshots have a heap profile while stacks are sampled; they do unless set.
    pub profiles: bool,
    /// Below where `/proc` and `/sys` are; `/` unless set.
    pub root: PathBuf,
}

impl Default for MemoryProfilerOptions {
    fn default() -> MemoryProfilerOptions {
        MemoryProfilerOptions {
            interval: Duration::from_secs(10),
            snapshots: 60,
            bytes: 512 << 10,
            profiles: true,
            root: PathBuf::from("/"),
        }
    }
}

impl MemoryProfilerOptions {
    /// The defaults.
    pub fn new() -> MemoryProfilerOptions {
        MemoryProfilerOptions::default()
    }

    /// Sets [`interval`](MemoryProfilerOptions::interval).
    pub fn interval(self, interval: Duration) -> MemoryProfilerOptions {
        MemoryProfilerOptions { interval, ..self }
    }

    /// Sets [`snapshots`](MemoryProfilerOptions::snapshots).
    pub fn snapshots(self, snapshots: usize) -> MemoryProfilerOptions {
        MemoryProfilerOptions { snapshots, ..self }
    }

    /// Sets [`bytes`](MemoryProfilerOptions::bytes).
    pub fn bytes(self, bytes: usize) -> MemoryProfilerOptions {
        MemoryProfilerOptions { bytes, ..self }
    }

    /// Sets [`profiles`](MemoryProfilerOptions::profiles).
    pub fn profiles(self, profiles: bool) -> MemoryProfilerOptions {
        MemoryProfilerOptions { profiles, ..self }
    }

    /// Sets [`root`](MemoryProfilerOptions::root).
    pub fn root(self, root: impl Into<PathBuf>) -> MemoryProfilerOptions {
        MemoryProfilerOptions { root: root.into(), ..self }
    }
}
