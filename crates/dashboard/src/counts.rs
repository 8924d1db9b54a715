//! What the dashboard counts of its clients.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What became of clients and of what they asked for.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    clients: AtomicU64,
    refused_clients: AtomicU64,
    refused_columns: AtomicU64,
    skipped_frames: AtomicU64,
}

/// What a [`MetricsDashboard`](crate::MetricsDashboard) holds and what it refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DashboardStats {
    /// Clients that there are, of both streams.
    pub clients: u64,
    /// Sets of columns that are read now, each for one or more clients.
    pub groups: u64,
    /// Clients that came when there were as many as there may be.
    pub refused_clients: u64,
    /// Columns that were asked for and refused.
    pub refused_columns: u64,
    /// Frames and updates that a client was too slow for.
    pub skipped_frames: u64,
    /// Bytes that the dashboard keeps, with what its clients see and without their sockets.
    pub bytes: u64,
}

impl Counts {
    /// Takes a place for a client, if fewer than `most` have one.
    pub(crate) fn come(&self, most: u64) -> bool {
        let more = |clients| (clients < most).then_some(clients + 1);
        let came = self.clients.fetch_update(Relaxed, Relaxed, more).is_ok();
        if !came {
            self.refused_clients.fetch_add(1, Relaxed);
        }
        came
    }

    /// Gives a place back.
    pub(crate) fn leave(&self) {
        self.clients.fetch_sub(1, Relaxed);
    }

    pub(crate) fn skipped(&self, frames: u64) {
        self.skipped_frames.fetch_add(frames, Relaxed);
    }

    pub(crate) fn refused_columns(&self, columns: usize) {
        self.refused_columns.fetch_add(columns as u64, Relaxed);
    }

    pub(crate) fn stats(&self) -> DashboardStats {
        DashboardStats {
            clients: self.clients.load(Relaxed),
            refused_clients: self.refused_clients.load(Relaxed),
            refused_columns: self.refused_columns.load(Relaxed),
            skipped_frames: self.skipped_frames.load(Relaxed),
            ..DashboardStats::default()
        }
    }
}
