//! A process's memory at one moment, and from one moment to another.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::system::System;
use crate::heap::{AllocCounts, HeapGrowth, HeapProfile};

/// Where a snapshot comes from, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemorySource {
    /// jemalloc, which is the program's allocator, and the system.
    Jemalloc,
    /// A [`TrackedAlloc`](crate::TrackedAlloc) around the program's allocator, and the system.
    TrackedAlloc,
    /// The system alone.
    System,
}

/// A process's memory at one moment, in bytes. What is not known is `None`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MemorySnapshot {
    /// When it was taken.
    pub timestamp: Instant,
    /// The same as time of day.
    pub time: SystemTime,
    /// Where it comes from.
    pub source: MemorySource,
    /// What the program has allocated and not freed. [`TrackedAlloc`](crate::TrackedAlloc) counts what was
    /// asked for, jemalloc what it gave, which is some more.
    pub allocated: Option<u64>,
    /// Pages that the allocator has given parts of to the program; jemalloc only.
    pub active: Option<u64>,
    /// What the allocator has mapped for that; jemalloc only.
    pub mapped: Option<u64>,
    /// Address space that the allocator keeps, without memory behind it; jemalloc only.
    pub retained: Option<u64>,
    /// Memory that is there: of jemalloc its own, else the process's, [`rss`](MemorySnapshot::rss).
    pub resident: Option<u64>,
    /// What the whole process has in memory.
    pub rss: Option<u64>,
    /// What the process's cgroup uses, with what the kernel caches for it.
    pub cgroup: Option<u64>,
    /// What the cgroup may use; `None` also without a limit.
    pub cgroup_limit: Option<u64>,
    /// Faults so far for which nothing had to be read.
    pub minor_faults: Option<u64>,
    /// Faults so far for which something had to be read from a disk.
    pub major_faults: Option<u64>,
    /// Counts of allocations and frees; [`TrackedAlloc`](crate::TrackedAlloc) only.
    pub allocations: Option<AllocCounts>,
    /// Where live memory was allocated, while stacks are sampled.
    pub heap_profile: Option<Arc<HeapProfile>>,
    /// What a reader should know: why something is missing.
    pub notes: Vec<&'static str>,
}

impl MemorySnapshot {
    pub(super) fn new(
        timestamp: Instant,
        time: SystemTime,
        source: MemorySource,
        system: System,
    ) -> MemorySnapshot {
        MemorySnapshot {
            timestamp,
            time,
            source,
            allocated: None,
            active: None,
            mapped: None,
            retained: None,
            resident: system.rss,
            rss: system.rss,
            cgroup: system.cgroup,
            cgroup_limit: system.cgroup_limit,
            minor_faults: system.minor_faults,
            major_faults: system.major_faults,
            allocations: None,
            heap_profile: None,
            notes: Vec::new(),
        }
    }

    /// What is more, or less, than in `earlier`; `None` where one of the two is not known.
    pub fn growth_since(&self, earlier: &MemorySnapshot) -> MemoryGrowth {
        let grown = |of: fn(&MemorySnapshot) -> Option<u64>| {
            Some(of(self)?.wrapping_sub(of(earlier)?) as i64)
        };
        let profiles = self.heap_profile.as_ref().zip(earlier.heap_profile.as_ref());
        MemoryGrowth {
            over: self.timestamp.saturating_duration_since(earlier.timestamp),
            allocated: grown(|s| s.allocated),
            active: grown(|s| s.active),
            mapped: grown(|s| s.mapped),
            retained: grown(|s| s.retained),
            resident: grown(|s| s.resident),
            rss: grown(|s| s.rss),
            cgroup: grown(|s| s.cgroup),
            stacks: profiles.map(|(now, before)| now.growth_since(before)).unwrap_or_default(),
        }
    }

    /// Bytes that the snapshot itself holds, about.
    pub fn memory_bytes(&self) -> usize {
        let profile = self.heap_profile.as_ref().map_or(0, |profile| profile.memory_bytes());
        size_of::<MemorySnapshot>() + size_of::<&str>() * self.notes.capacity() + profile
    }
}

/// What grew from one snapshot to another, in bytes; negative where it shrank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryGrowth {
    /// The time between the two.
    pub over: Duration,
    /// Of [`MemorySnapshot::allocated`].
    pub allocated: Option<i64>,
    /// Of [`MemorySnapshot::active`].
    pub active: Option<i64>,
    /// Of [`MemorySnapshot::mapped`].
    pub mapped: Option<i64>,
    /// Of [`MemorySnapshot::retained`].
    pub retained: Option<i64>,
    /// Of [`MemorySnapshot::resident`].
    pub resident: Option<i64>,
    /// Of [`MemorySnapshot::rss`].
    pub rss: Option<i64>,
    /// Of [`MemorySnapshot::cgroup`].
    pub cgroup: Option<i64>,
    /// By stack, if both have a heap profile; the most growth first.
    pub stacks: Vec<HeapGrowth>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_signed_and_unknown_where_one_side_is() {
        let now = Instant::now();
        let taken = |after: u64, allocated, rss| MemorySnapshot {
            allocated,
            ..MemorySnapshot::new(
                now + Duration::from_secs(after),
                SystemTime::UNIX_EPOCH,
                MemorySource::TrackedAlloc,
                System { rss, ..System::default() },
            )
        };
        let growth = taken(5, Some(10), Some(700)).growth_since(&taken(0, Some(30), None));
        assert_eq!((growth.allocated, growth.rss), (Some(-20), None));
        assert_eq!((growth.over, growth.stacks.len()), (Duration::from_secs(5), 0));
    }
}
