//! A registry read a request at a time.

use perf_monitor_core::{Clock, Cursor, Registry};

use super::packer::Packer;
use crate::otlp::resource::ResourceAttributes;

/// Series that are read in one step, while threads that want a page or a new series wait. Four of the largest
/// histograms, of three digits with each of 17,000 cells in use, take a millisecond (2026-11); four counters 0.2 µs.
const SERIES_AT_ONCE: usize = 4;

/// All series of `registry` as the bodies of requests to `/v1/metrics`; none if it has no series.
///
/// A body has at most `limit_bytes`, unless a single series with the resource has more, which goes alone then. One
/// request is in memory at a time, twice while it is closed, and the registry is not held between two: each point tells
/// when it was read.
///
/// # Cost
/// A counter of two labels takes 50 to 80 ns with the reading, a histogram 2 µs and 14 ns for each cell in use.
pub(crate) fn encode_metrics(
    registry: &Registry,
    resource: &ResourceAttributes,
    limit_bytes: usize,
) -> impl Iterator<Item = Vec<u8>> + Send + use<> {
    Requests {
        cursor: registry.cursor(),
        clock: registry.clock().clone(),
        packer: Packer::new(resource, limit_bytes),
        registry_remains: true,
    }
}

/// The requests, made as they are asked for.
struct Requests {
    cursor: Cursor,
    clock: Clock,
    packer: Packer,
    registry_remains: bool,
}

impl Requests {
    fn step(&mut self) {
        self.packer.unix_ns = self.clock.unix_ns();
        self.registry_remains = self.cursor.next(SERIES_AT_ONCE, &mut self.packer);
        if !self.registry_remains {
            self.packer.close();
        }
    }
}

impl Iterator for Requests {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let full = self.packer.next_full();
            if full.is_some() || !self.registry_remains {
                return full;
            }
            self.step();
        }
    }
}
