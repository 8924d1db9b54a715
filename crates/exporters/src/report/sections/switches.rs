//! What a service was told not to record.

use perf_monitor_instruments::MonitoringOptions;

/// What is absent because an option says so, with the name of that option; `None` where nothing is.
pub(super) fn off(options: &MonitoringOptions) -> Option<String> {
    if !options.monitoring_enabled {
        let all = "events, errors, retries, states, health and resources (monitoring_enabled)";
        return Some(all.to_owned());
    }
    let categories = [
        (options.enable_system_metrics, "resources (enable_system_metrics)"),
        (
            options.enable_performance_metrics,
            "durations of events, queues and connections (enable_performance_metrics)",
        ),
        (
            options.enable_business_metrics,
            "counts of events, data and duplicates (enable_business_metrics)",
        ),
    ];
    let off: Vec<_> = categories.iter().filter(|(on, _)| !on).map(|(_, what)| *what).collect();
    (!off.is_empty()).then(|| off.join("; "))
}
