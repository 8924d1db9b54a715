//! What a monitor's page is told and may change.

mod support;

use std::time::Duration;

use perf_monitor::alerting::{AlertRule, AlertSeverity};
use perf_monitor::{PerformanceMonitor, PerformanceMonitorBuilder, Registry};
use serde_json::{Value, json};
use support::{Answer, Stream, ask_with, get, scraped, wait_for, websocket};

const SITE: &str = "Origin: http://elsewhere.example";

fn builder() -> PerformanceMonitorBuilder {
    PerformanceMonitor::builder("shop")
        .registry(Registry::new())
        .listen(([127, 0, 0, 1], 0))
        .tick(Duration::from_millis(10))
}

fn config(monitor: &PerformanceMonitor) -> Value {
    let answer = get(monitor, "/api/config");
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn change(monitor: &PerformanceMonitor, settings: &Value) -> Answer {
    ask_with(monitor.address().unwrap(), "POST /api/config", &[], &settings.to_string())
}

fn changed(monitor: &PerformanceMonitor, settings: &Value) -> Value {
    let answer = change(monitor, settings);
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn value(config: &Value, name: &str) -> f64 {
    config["settings"][name]["value"].as_f64().unwrap_or_else(|| panic!("no {name} in {config}"))
}

/// The next message of a type.
fn next(stream: &mut Stream, kind: &str) -> Value {
    loop {
        let message: Value = serde_json::from_str(&stream.text()).unwrap();
        if message["type"] == kind {
            return message;
        }
    }
}

#[test]
fn the_configuration_tells_what_is_set_and_what_the_monitor_costs_and_keeps() {
    let monitor = builder().start().unwrap();
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |ticks| ticks > 2.0);
    let config = config(&monitor);
    assert_eq!(value(&config, "tick_ms"), 10.0);
    assert_eq!((value(&config, "page_rate_hz"), value(&config, "window_s")), (60.0, 120.0));
    assert_eq!(value(&config, "alert_cpu_ratio"), 0.8);
    assert_eq!(value(&config, "profiler_hz"), 0.0);
    let ledger = config["ledger"].as_object().unwrap();
    for subsystem in ["dashboard", "history", "traces", "thread", "collectors"] {
        assert!(ledger[subsystem].as_f64().unwrap() > 0.0, "{subsystem}: {ledger:?}");
    }
    let total: f64 = ledger.values().filter_map(Value::as_f64).sum();
    assert_eq!(config["ledger_total_bytes"].as_f64(), Some(total));
    let own = |name: &str| {
        let all = config["own"].as_array().unwrap();
        all.iter().find(|own| own["metric"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    assert!(own("perf_monitor_tick_seconds")["p99"].as_f64().unwrap() > 0.0);
    assert!(own("perf_monitor_history_series")["value"].as_f64().unwrap() > 0.0);
    assert_eq!(own("perf_monitor_history_refused_total")["value"].as_f64(), Some(0.0));
    assert!(own("perf_monitor_http_requests_total")["value"].as_f64().unwrap() > 0.0);
    assert_eq!(own("perf_monitor_dashboard_refused_clients_total")["kind"], "counter");
}

#[test]
fn a_tick_that_is_changed_changes_at_once() {
    let monitor = builder().tick(Duration::from_secs(3_600)).start().unwrap();
    let mut stream = websocket(monitor.address().unwrap(), "/api/stream");
    assert_eq!(next(&mut stream, "hello")["tick_ms"], 3_600_000);
    let ticks = || scraped(&monitor, "perf_monitor_tick_seconds_count");
    assert_eq!(ticks(), 0.0);
    let config = changed(&monitor, &json!({"tick_ms": 10}));
    assert_eq!(value(&config, "tick_ms"), 10.0);
    assert_eq!(next(&mut stream, "settings")["tick_ms"], 10);
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |ticks| ticks > 20.0);
    changed(&monitor, &json!({"tick_ms": 3_600_000}));
    let still = ticks();
    (0..50).for_each(|_| drop(get(&monitor, "/api/config")));
    assert_eq!(ticks(), still);
    assert_eq!(get(&monitor, "/healthz").status, 200);
}

#[test]
fn what_is_out_of_range_is_refused_by_name_and_nothing_changes() {
    let monitor = builder().start().unwrap();
    for (settings, named) in [
        (
            json!({"tick_ms": 9}),
            "tick_ms is out of range: give a whole number from 10 to 3600000 ms",
        ),
        (json!({"tick_ms": 10.5}), "whole number"),
        (json!({"page_rate_hz": 61}), "from 1 to 60 Hz"),
        (json!({"window_s": "long"}), "window_s"),
        (
            json!({"alert_cpu_ratio": 1.5}),
            "alert_cpu_ratio is out of range: give a number from 0.01 to 1",
        ),
        (json!({"profiler_hz": -1}), "profiler_hz"),
        (json!({"page_rate_hz": 30, "colour": 3}), "\"colour\" is no setting"),
        (json!([1]), "send a JSON object"),
    ] {
        let answer = change(&monitor, &settings);
        assert_eq!(answer.status, 400, "{settings}: {}", answer.body);
        assert!(answer.body.contains(named), "{settings}: {}", answer.body);
    }
    let config = config(&monitor);
    assert_eq!((value(&config, "tick_ms"), value(&config, "page_rate_hz")), (10.0, 60.0));
}

#[test]
fn another_site_s_page_changes_nothing() {
    let monitor = builder().start().unwrap();
    let address = monitor.address().unwrap();
    let answer = ask_with(address, "POST /api/config", &[SITE], r#"{"tick_ms": 500}"#);
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(value(&config(&monitor), "tick_ms"), 10.0);
}

#[test]
fn a_threshold_that_is_changed_is_that_of_its_rules() {
    let monitor = builder().start().unwrap();
    let rules = || get(&monitor, "/api/rules").body;
    assert!(rules().contains("host_cpu_usage_ratio > 0.80"), "{}", rules());
    let config =
        changed(&monitor, &json!({"alert_cpu_ratio": 0.5, "alert_response_seconds": 0.25}));
    assert_eq!(value(&config, "alert_cpu_ratio"), 0.5);
    let now = rules();
    assert!(now.contains("host_cpu_usage_ratio > 0.5\""), "{now}");
    assert!(now.contains("rate(request_duration_seconds_count[1m]) > 0.25\""), "{now}");
    assert!(!now.contains("host_cpu_usage_ratio > 0.80"), "{now}");
    // without those rules there is nothing to set
    let without = builder().default_rules(false).start().unwrap();
    let answer = change(&without, &json!({"alert_cpu_ratio": 0.5}));
    assert_eq!(answer.status, 400, "{}", answer.body);
}

#[cfg(target_os = "linux")]
#[test]
fn profiles_are_marked_and_the_continuous_one_begins_changes_and_ends() {
    let monitor = builder().start().unwrap();
    let mut stream = websocket(monitor.address().unwrap(), "/api/stream");
    assert_eq!(get(&monitor, "/debug/pprof/profile?seconds=1&format=json").status, 200);
    let marker = next(&mut stream, "marker");
    assert_eq!((&marker["kind"], &marker["state"]), (&json!("profile"), &json!("recorded")));
    assert_eq!(marker["title"], "CPU profile of 1 s");
    assert_eq!(value(&changed(&monitor, &json!({"profiler_hz": 19})), "profiler_hz"), 19.0);
    assert!(monitor.profiler().is_continuous());
    // the rate is a metric from the next tick on
    let ticks = scraped(&monitor, "perf_monitor_tick_seconds_count");
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |now| now > ticks + 1.0);
    assert_eq!(scraped(&monitor, "perf_monitor_profiler_rate_hertz"), 19.0);
    changed(&monitor, &json!({"profiler_hz": 50}));
    wait_for(&monitor, "perf_monitor_profiler_rate_hertz", |rate| rate == 50.0);
    changed(&monitor, &json!({"profiler_hz": 0}));
    assert!(!monitor.profiler().is_continuous());
    wait_for(&monitor, "perf_monitor_profiler_rate_hertz", |rate| rate == 0.0);
}

#[test]
fn alerts_and_profiles_are_marked_for_those_who_watch_and_those_who_come() {
    let registry = Registry::new();
    let depth = registry.gauge(("jobs_waiting", "Jobs that wait.")).unwrap();
    let full = AlertRule::new("full", AlertSeverity::Critical, |m| {
        m.metric("jobs_waiting", &[]).is_some_and(|depth| depth > 5.0)
    });
    let monitor = builder().registry(registry).default_rules(false).alert(full).start().unwrap();
    let address = monitor.address().unwrap();
    let mut stream = websocket(address, "/api/stream");
    let hello = next(&mut stream, "hello");
    assert_eq!(hello["parts"], json!(["spans", "profiles", "alerts"]));
    depth.set(9.0);
    let fired = next(&mut stream, "marker");
    assert_eq!((&fired["kind"], &fired["state"]), (&json!("alert"), &json!("firing")));
    assert_eq!(fired["severity"], "critical");
    assert!(fired["title"].as_str().unwrap().starts_with("full: "), "{fired}");
    assert!(fired["at"].as_u64().unwrap() > 1_600_000_000_000);
    depth.set(0.0);
    let resolved = next(&mut stream, "marker");
    assert_eq!((&resolved["state"], &resolved["title"]), (&json!("resolved"), &json!("full")));
    let mut late = websocket(address, "/api/stream");
    assert_eq!(next(&mut late, "marker"), fired);
    assert_eq!(next(&mut late, "marker"), resolved);
}
