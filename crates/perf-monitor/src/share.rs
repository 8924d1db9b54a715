//! One monitor's part of a metric that several may feed.

use perf_monitor_core::{Counter, Gauge};

/// What one monitor contributes to a gauge; it is taken back when this is dropped.
pub(crate) struct GaugeShare {
    gauge: Gauge,
    told: f64,
}

impl GaugeShare {
    pub(crate) fn of(gauge: Gauge) -> GaugeShare {
        GaugeShare { gauge, told: 0.0 }
    }

    /// Sets this monitor's contribution.
    pub(crate) fn set(&mut self, value: u64) {
        let value = value as f64;
        if value != self.told {
            self.gauge.add(value - self.told);
            self.told = value;
        }
    }
}

impl Drop for GaugeShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// What one monitor contributes to a counter, from a total that it keeps elsewhere.
pub(crate) struct CounterShare {
    counter: Counter,
    told: u64,
}

impl CounterShare {
    pub(crate) fn of(counter: Counter) -> CounterShare {
        CounterShare { counter, told: 0 }
    }

    /// Counts what `total` has gained since the last call.
    pub(crate) fn bring_to(&mut self, total: u64) {
        self.counter.add(total.saturating_sub(self.told));
        self.told = total.max(self.told);
    }
}
