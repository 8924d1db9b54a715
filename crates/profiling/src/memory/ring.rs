//! The last snapshots, in a bounded number and of a bounded size.

use std::collections::VecDeque;
use std::time::Instant;

use super::snapshot::MemorySnapshot;

#[derive(Debug, Default)]
pub(super) struct Ring {
    snapshots: VecDeque<MemorySnapshot>,
    bytes: usize,
    dropped: u64,
    profiles_dropped: u64,
}

/// What a [`MemoryProfiler`](super::MemoryProfiler) keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryProfilerStats {
    /// Snapshots that are kept.
    pub snapshots: usize,
    /// Bytes that they take.
    pub memory_bytes: usize,
    /// Snapshots that went when newer ones came.
    pub dropped: u64,
    /// Heap profiles that went before their snapshots, for want of room.
    pub profiles_dropped: u64,
}

impl Ring {
    /// Keeps `snapshot`; what had to go for it is given back, to be freed outside of the lock.
    pub(super) fn push(
        &mut self,
        snapshot: MemorySnapshot,
        most: usize,
        bytes: usize,
    ) -> Vec<MemorySnapshot> {
        let mut gone = Vec::new();
        self.bytes += snapshot.memory_bytes();
        self.snapshots.push_back(snapshot);
        while self.snapshots.len() > most.max(1) {
            gone.extend(self.pop());
        }
        self.drop_profiles(bytes, &mut gone);
        while self.bytes > bytes && self.snapshots.len() > 1 {
            gone.extend(self.pop());
        }
        gone
    }

    /// Takes heap profiles from the oldest on until what is left takes no more than `bytes`.
    fn drop_profiles(&mut self, bytes: usize, gone: &mut Vec<MemorySnapshot>) {
        for snapshot in &mut self.snapshots {
            if self.bytes <= bytes {
                return;
            }
            if snapshot.heap_profile.is_some() {
                let before = snapshot.memory_bytes();
                let bare = MemorySnapshot { heap_profile: None, ..snapshot.clone() };
                gone.push(std::mem::replace(snapshot, bare));
                self.bytes = self.bytes - before + snapshot.memory_bytes();
                self.profiles_dropped += 1;
            }
        }
    }

    fn pop(&mut self) -> Option<MemorySnapshot> {
        let oldest = self.snapshots.pop_front()?;
        self.bytes -= oldest.memory_bytes();
        self.dropped += 1;
        Some(oldest)
    }

    pub(super) fn last_taken(&self) -> Option<Instant> {
        self.snapshots.back().map(|snapshot| snapshot.timestamp)
    }

    pub(super) fn snapshots(&self) -> Vec<MemorySnapshot> {
        self.snapshots.iter().cloned().collect()
    }

    pub(super) fn stats(&self) -> MemoryProfilerStats {
        MemoryProfilerStats {
            snapshots: self.snapshots.len(),
            memory_bytes: self.bytes,
            dropped: self.dropped,
            profiles_dropped: self.profiles_dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::HeapProfile;
    use crate::memory::snapshot::MemorySource;
    use crate::memory::system::System;
    use std::sync::Arc;
    use std::time::SystemTime;

    fn snapshot(rss: u64) -> MemorySnapshot {
        let system = System { rss: Some(rss), ..System::default() };
        MemorySnapshot::new(Instant::now(), SystemTime::UNIX_EPOCH, MemorySource::System, system)
    }

    fn with_profile(rss: u64) -> MemorySnapshot {
        let mut profile = HeapProfile::default();
        let stack = "@ 0x10\n  t*: 1: 64 [0: 0]\n";
        profile.parse_dump(format!("heap_v2/1024\n{}", stack.repeat(100))).unwrap();
        MemorySnapshot { heap_profile: Some(Arc::new(profile)), ..snapshot(rss) }
    }

    fn kept(ring: &Ring) -> Vec<(u64, bool)> {
        let kept = ring.snapshots();
        kept.iter().map(|s| (s.rss.unwrap(), s.heap_profile.is_some())).collect()
    }

    #[test]
    fn the_newest_are_kept() {
        let mut ring = Ring::default();
        (0..5).for_each(|n| drop(ring.push(snapshot(n), 3, usize::MAX)));
        assert_eq!(kept(&ring), [(2, false), (3, false), (4, false)]);
        assert_eq!((ring.stats().dropped, ring.stats().snapshots), (2, 3));
    }

    #[test]
    fn the_oldest_lose_their_profiles_first() {
        let room = 2 * with_profile(0).memory_bytes() + snapshot(0).memory_bytes();
        let mut ring = Ring::default();
        (0..3).for_each(|n| drop(ring.push(with_profile(n), 10, room)));
        assert_eq!(kept(&ring), [(0, false), (1, true), (2, true)]);
        let stats = ring.stats();
        assert!(stats.memory_bytes <= room);
        assert_eq!((stats.dropped, stats.profiles_dropped), (0, 1));
    }

    #[test]
    fn what_is_too_large_is_kept_without_its_profile() {
        let mut ring = Ring::default();
        let gone = ring.push(with_profile(0), 10, 1);
        assert_eq!((kept(&ring), gone.len()), (vec![(0, false)], 1));
        assert_eq!(ring.stats().memory_bytes, snapshot(0).memory_bytes());
    }
}
