//! What an exporter has served and left out, for a user to look at.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of one [`MetricsExporter`](crate::MetricsExporter); they only grow.
///
/// Readable from any thread.
#[derive(Debug, Default)]
pub struct ExporterStats {
    pub(crate) scrapes: Count,
    pub(crate) snapshots: Count,
    pub(crate) not_compressed: Count,
    #[cfg_attr(not(feature = "prometheus"), allow(dead_code))]
    pub(crate) families_skipped: Count,
    #[cfg_attr(not(feature = "prometheus"), allow(dead_code))]
    pub(crate) gather_panics: Count,
}

impl ExporterStats {
    /// Scrapes that were begun.
    pub fn scrapes(&self) -> u64 {
        self.scrapes.get()
    }

    /// JSON snapshots that were begun.
    pub fn snapshots(&self) -> u64 {
        self.snapshots.get()
    }

    /// Answers sent as they are to clients that take gzip, because enough others were being compressed.
    pub fn not_compressed(&self) -> u64 {
        self.not_compressed.get()
    }

    /// Families of `prometheus` registries that were left out of a scrape, because their name was taken or they
    /// could not be read (no valid name, untyped).
    pub fn families_skipped(&self) -> u64 {
        self.families_skipped.get()
    }

    /// `prometheus` registries that were left out of a scrape, because a collector of theirs panicked.
    pub fn gather_panics(&self) -> u64 {
        self.gather_panics.get()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
