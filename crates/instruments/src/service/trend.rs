//! The history of what came, interval by interval.

use std::time::Duration;

use perf_monitor_core::Budget;

use crate::events::durations::Durations;
use crate::resources::samples::Samples;
use crate::{Errors, Events, MonitoringOptions, Retries, ServiceSample};

/// The last samples; the totals at the newest one.
pub(super) struct Trend {
    interval: Duration,
    at_ns: u64,
    totals: Totals,
    samples: Samples<ServiceSample>,
}

/// What was recorded until some moment.
pub(super) struct Totals {
    events: u64,
    failures: u64,
    errors: u64,
    retries: u64,
    durations: Durations,
}

impl Totals {
    pub(super) fn of(events: &Events, errors: &Errors, retries: &Retries) -> Totals {
        let durations = events.inner().durations();
        let (events, failures) = events.inner().totals();
        Totals { events, failures, errors: errors.total(), retries: retries.total(), durations }
    }

    fn since(&self, before: &Totals, unix_ns: u64, interval: Duration) -> ServiceSample {
        let durations = self.durations.since(&before.durations);
        ServiceSample {
            unix_ns,
            interval,
            events: self.events.saturating_sub(before.events),
            failures: self.failures.saturating_sub(before.failures),
            errors: self.errors.saturating_sub(before.errors),
            retries: self.retries.saturating_sub(before.retries),
            p95: durations.quantile(0.95),
            p99: durations.quantile(0.99),
        }
    }
}

impl Trend {
    /// Begins at `now_ns`, when this much was there already.
    pub(super) fn new(
        now_ns: u64,
        totals: Totals,
        options: &MonitoringOptions,
        budget: Budget,
    ) -> Trend {
        Trend {
            interval: options.monitoring_interval,
            at_ns: now_ns,
            totals,
            samples: Samples::new(options.history, budget),
        }
    }

    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        self.elapsed(now_ns) >= self.interval
    }

    fn elapsed(&self, now_ns: u64) -> Duration {
        Duration::from_nanos(now_ns.saturating_sub(self.at_ns))
    }

    /// Adds the sample that ends now, unless somebody else did meanwhile.
    pub(super) fn push(&mut self, now_ns: u64, unix_ns: u64, totals: Totals) {
        if self.is_due(now_ns) {
            self.samples.push(totals.since(&self.totals, unix_ns, self.elapsed(now_ns)));
            (self.at_ns, self.totals) = (now_ns, totals);
        }
    }

    pub(super) fn samples(&self) -> Vec<ServiceSample> {
        self.samples.to_vec()
    }
}
