//! What was recorded of events, as a plain struct.

use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that [`Events`](crate::Events) knows, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EventMetrics {
    /// Events that were processed, the failed ones included.
    pub total: u64,
    /// Events that failed.
    pub failures: u64,
    /// Those of the total whose names found no room: they are in none of the three maps.
    pub overflow: u64,
    /// Events by where they came from.
    pub by_source: BTreeMap<String, u64>,
    /// Events by what kind of thing they are about.
    pub by_domain: BTreeMap<String, u64>,
    /// Events by which thing they are about.
    pub by_entity: BTreeMap<String, u64>,
    /// Events whose duration is known.
    pub timed: u64,
    /// Mean duration.
    pub avg: Option<Duration>,
    /// Half of the events took at most so long.
    pub p50: Option<Duration>,
    /// 95 % did.
    pub p95: Option<Duration>,
    /// 99 % did.
    pub p99: Option<Duration>,
    /// The longest duration.
    pub max: Option<Duration>,
    /// Events per second in the last window, from one [tick](crate::Events::tick) to the next;
    /// `None` before the first tick.
    pub throughput_per_s: Option<f64>,
    /// Data points that were written.
    pub data_points: u64,
    /// Bytes that were written.
    pub data_bytes: u64,
    /// Events that were dropped because they had come before. They are not in the total.
    pub duplicates: u64,
    /// Events that wait, by queue.
    pub queue_depths: BTreeMap<String, u64>,
    /// Connections that are open, by kind.
    pub connections: BTreeMap<String, u64>,
}

impl EventMetrics {
    /// The share of events that failed, 0 to 1; `None` without events.
    pub fn error_rate(&self) -> Option<f64> {
        share(self.failures, self.total)
    }

    /// The share of duplicates in all that arrived, 0 to 1; `None` if nothing did.
    pub fn deduplication_rate(&self) -> Option<f64> {
        share(self.duplicates, self.total.saturating_add(self.duplicates))
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
