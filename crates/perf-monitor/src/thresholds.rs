//! The thresholds of the built-in rules, as the page's configuration has them.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use perf_monitor_alerting::{AlertManager, Thresholds};
use perf_monitor_dashboard::Setting;

use crate::builder::Context;

/// A threshold's name, unit, range, meaning and place.
type Threshold = (
    &'static str,
    &'static str,
    RangeInclusive<f64>,
    &'static str,
    fn(&mut Thresholds) -> &mut f64,
);

const ALL: [Threshold; 6] = [
    ("alert_cpu_ratio", "", 0.01..=1.0, "HighCpu: the busy share of all cores.", |t| {
        &mut t.cpu_ratio
    }),
    ("alert_memory_ratio", "", 0.01..=1.0, "HighMemory: the used share of the memory.", |t| {
        &mut t.memory_ratio
    }),
    (
        "alert_disk_operations_per_second",
        "1/s",
        1.0..=1e9,
        "HighDiskIo: reads and writes of a disk.",
        |t| &mut t.disk_operations_per_second,
    ),
    (
        "alert_network_bytes_per_second",
        "bytes/s",
        1e3..=1e12,
        "HighNetworkIo: bytes in and out of the network.",
        |t| &mut t.network_bytes_per_second,
    ),
    (
        "alert_score_percent",
        "%",
        1.0..=1000.0,
        "HighPerformanceScore: the mean of those four, each in percent of its threshold.",
        |t| &mut t.score_percent,
    ),
    (
        "alert_response_seconds",
        "s",
        1e-6..=3600.0,
        "SlowResponses: the mean time of a request.",
        |t| &mut t.response_seconds,
    ),
];

/// Lets the page change the thresholds, if their rules are in force.
pub(crate) fn join(context: &mut Context, manager: &AlertManager, in_force: bool) {
    if in_force {
        let now = Arc::new(Mutex::new(Thresholds::default()));
        context.page.settings(ALL.map(|threshold| setting(threshold, &now, manager)));
    }
}

fn setting(
    (name, unit, range, help, place): Threshold,
    now: &Arc<Mutex<Thresholds>>,
    manager: &AlertManager,
) -> Setting {
    let (shown, changed, manager) = (now.clone(), now.clone(), manager.clone());
    let read = |now: &Mutex<Thresholds>| *now.lock().unwrap_or_else(PoisonError::into_inner);
    Setting::new(name, unit, range, help).reads(move || *place(&mut read(&shown))).applies(
        move |value| {
            let (changed, manager) = (changed.clone(), manager.clone());
            Box::pin(async move {
                let mut wanted = read(&changed);
                *place(&mut wanted) = value;
                manager.set_thresholds(&wanted).await.map_err(|e| e.to_string())?;
                let mut now = changed.lock().unwrap_or_else(PoisonError::into_inner);
                *place(&mut now) = value;
                Ok(())
            })
        },
    )
}
