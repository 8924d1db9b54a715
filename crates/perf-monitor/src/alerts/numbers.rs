//! What alerts hold, do and fail at, as metrics.

use perf_monitor_alerting::{AlertManager, AlertStats};
use perf_monitor_core::Counter;

use crate::builder::Context;
use crate::error::Error;
use crate::own::Failures;
use crate::share::{CounterShare, GaugeShare};

/// A metric's name, help and source.
type Shown = (&'static str, &'static str, fn(&AlertStats) -> u64);

const GAUGES: [Shown; 5] = [
    ("perf_monitor_alerts_pending", "Alerts whose time has not come.", |s| s.pending as u64),
    ("perf_monitor_alerts_firing", "Alerts that fire.", |s| s.firing as u64),
    ("perf_monitor_alert_rules", "Rules in force.", |s| s.rules as u64),
    ("perf_monitor_alert_rules_failing", "Rules whose last look failed.", |s| {
        s.rules_failing as u64
    }),
    ("perf_monitor_notifications_waiting", "Notifications that wait to be sent.", |s| {
        s.waiting as u64
    }),
];

const COUNTERS: [Shown; 4] = [
    ("perf_monitor_notifications_delivered_total", "Notifications that arrived.", |s| s.delivered),
    ("perf_monitor_notifications_given_up_total", "Notifications that never will.", |s| s.given_up),
    ("perf_monitor_notification_attempts_failed_total", "Attempts to notify that failed.", |s| {
        s.attempts_failed
    }),
    (
        "perf_monitor_alerts_refused_total",
        "Alerts, rules, silences and recorded series that found no room.",
        |s| s.refused_alerts + s.refused_rules + s.refused_silences,
    ),
];

pub(super) struct Numbers {
    bytes: GaugeShare,
    gauges: Vec<(Shown, GaugeShare)>,
    counters: Vec<(Shown, CounterShare)>,
    skipped: Counter,
    failures: Failures,
    failed: u64,
}

impl Numbers {
    pub(super) fn new(context: &Context, manager: &AlertManager) -> Result<Numbers, Error> {
        let registry = &context.registry;
        let gauge = |shown: Shown| {
            Ok::<_, Error>((shown, GaugeShare::of(registry.gauge((shown.0, shown.1))?)))
        };
        let counter = |shown: Shown| {
            Ok::<_, Error>((shown, CounterShare::of(registry.counter((shown.0, shown.1))?)))
        };
        let skipped = "Ticks without a look at the rules, as the one before was not over.";
        let mut numbers = Numbers {
            bytes: context.own.ledger("alerts")?,
            gauges: GAUGES.into_iter().map(gauge).collect::<Result<_, _>>()?,
            counters: COUNTERS.into_iter().map(counter).collect::<Result<_, _>>()?,
            skipped: registry.counter(("perf_monitor_alert_looks_skipped_total", skipped))?,
            failures: context.own.failures.clone(),
            failed: 0,
        };
        numbers.tell(manager);
        Ok(numbers)
    }

    pub(super) fn tell(&mut self, manager: &AlertManager) {
        let stats = manager.stats();
        self.bytes.set(stats.bytes as u64);
        self.gauges.iter_mut().for_each(|((.., of), share)| share.set(of(&stats)));
        self.counters.iter_mut().for_each(|((.., of), share)| share.bring_to(of(&stats)));
        let repaired = u64::from(stats.damaged_bytes > 0);
        let failed = stats.write_failures + stats.file_failures + stats.given_up + repaired;
        (self.failed..failed).for_each(|_| self.failures.count("alerting"));
        self.failed = failed.max(self.failed);
    }

    pub(super) fn skipped(&self) {
        self.skipped.inc();
    }
}
