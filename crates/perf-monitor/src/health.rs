//! How the monitor is, from its ticks to the parts of the service that tell it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::pace::Pace;

/// A part of the service, as it told.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) name: String,
    /// `healthy`, `degraded` or `unhealthy`.
    pub(crate) state: &'static str,
    pub(crate) reason: String,
    /// Since when, in nanoseconds since 1970.
    pub(crate) since_unix_ns: u64,
}

/// Asks for the parts of the service.
pub(crate) type Components = Arc<dyn Fn() -> Vec<Component> + Send + Sync>;

/// When the last tick was, for `/healthz` to judge.
#[derive(Debug)]
pub(crate) struct Health {
    began: Instant,
    /// The last tick, in nanoseconds since `began`; written by the monitor's thread alone.
    last_ns: AtomicU64,
    pace: Pace,
}

impl Health {
    pub(crate) fn new(pace: Pace) -> Health {
        Health { began: Instant::now(), last_ns: AtomicU64::new(0), pace }
    }

    pub(crate) fn ticked(&self) {
        self.last_ns.store(self.began.elapsed().as_nanos() as u64, Relaxed);
    }

    /// The age of the last tick.
    pub(crate) fn age(&self) -> Duration {
        let last = Duration::from_nanos(self.last_ns.load(Relaxed));
        self.began.elapsed().saturating_sub(last)
    }

    /// Whether a last tick of this age is recent: three ticks may be missing, and a busy machine
    /// gets two seconds more.
    pub(crate) fn is_recent(&self, age: Duration) -> bool {
        age <= self.pace.every() * 3 + Duration::from_secs(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_ends_when_three_ticks_and_two_seconds_pass_without_one() {
        let health = Health::new(Pace::new(Duration::from_secs(1)));
        assert!(health.is_recent(Duration::from_secs(5)));
        assert!(!health.is_recent(Duration::from_millis(5_001)));
        health.ticked();
        assert!(health.is_recent(health.age()));
    }
}
