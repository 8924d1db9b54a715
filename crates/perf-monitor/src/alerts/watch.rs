//! Alerts that fire and resolve, as marks on the page.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use perf_monitor_alerting::{AlertManager, AlertSeverity, Phase};
use perf_monitor_core::Clock;

use crate::page::Marks;

/// What fired at the last look: as many as the manager may have alerts.
pub(super) struct Watch {
    marks: Marks,
    firing: HashMap<u64, Firing>,
}

struct Firing {
    name: String,
    severity: AlertSeverity,
    seen: bool,
}

impl Watch {
    pub(super) fn new(marks: Marks) -> Watch {
        Watch { marks, firing: HashMap::new() }
    }

    /// Marks what changed since the last call.
    pub(super) fn look(&mut self, manager: &AlertManager, clock: &Clock) {
        if self.firing.is_empty() && manager.stats().firing == 0 {
            return;
        }
        let firing = manager.active_alerts().into_iter().filter(|a| a.phase == Phase::Firing);
        for alert in firing {
            let key = alert.labels.fingerprint();
            let (severity, name) = (alert.severity, alert.name);
            let known = self.firing.entry(key).or_insert_with(|| {
                let title = format!("{name}: {}", alert.message);
                self.marks.alert(alert.triggered_at, title, "firing", severity.as_str());
                Firing { name, severity, seen: true }
            });
            known.seen = true;
        }
        let now = UNIX_EPOCH + Duration::from_nanos(clock.unix_ns());
        self.firing.retain(|_, alert| {
            let goes_on = std::mem::take(&mut alert.seen);
            if !goes_on {
                let severity = alert.severity.as_str();
                self.marks.alert(now, alert.name.clone(), "resolved", severity);
            }
            goes_on
        });
    }
}
