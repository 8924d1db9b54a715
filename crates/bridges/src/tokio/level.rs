//! A gauge that several runtimes share.

use perf_monitor_core::Gauge;

/// What one runtime adds to a gauge, until it is dropped.
pub(super) struct Level {
    gauge: Gauge,
    added: usize,
}

impl Level {
    pub(super) fn of(gauge: Gauge) -> Level {
        Level { gauge, added: 0 }
    }

    /// Makes its share `level`.
    pub(super) fn set(&mut self, level: usize) {
        self.gauge.add(level as f64 - self.added as f64);
        self.added = level;
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.set(0);
    }
}
