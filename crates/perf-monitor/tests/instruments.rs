//! A monitor's instruments are served, switched and shared as it says.

mod support;

use std::time::Duration;

use perf_monitor::instruments::{HealthState, MonitoringOptions, Severity};
use perf_monitor::{PerformanceMonitor, PerformanceMonitorBuilder, Registry};
use serde_json::Value;
use support::{get, scraped, wait_for};

const FAST: Duration = Duration::from_millis(10);

/// What of a memory budget is the tracer's.
const TRACES: usize = if cfg!(feature = "tracing") { 200_000 } else { 0 };

/// A monitor that ticks fast, with a registry and a port of its own.
fn builder() -> PerformanceMonitorBuilder {
    PerformanceMonitor::builder("test")
        .registry(Registry::new())
        .listen(([127, 0, 0, 1], 0))
        .tick(FAST)
}

/// A service that has done some of everything.
fn busy(monitor: &PerformanceMonitor) {
    let service = monitor.instruments();
    service.stages().record_stage("fetch", Duration::from_millis(50), false);
    let ms = Duration::from_millis;
    service.queries().record_detailed_query_execution("orders", ms(1), ms(2), ms(30));
    service.caches().cache("pages").hit();
    service.io().record_io_read(4_096);
    service.record_event_processing(ms(150), "mqtt", "light", "light.living_room", true);
    service.record_error("timeout", "store", Severity::Error);
    service.health().set("store", HealthState::Degraded, "slow");
}

#[test]
fn what_the_instruments_record_is_on_metrics() {
    let monitor = builder().start().unwrap();
    busy(&monitor);
    for (series, value) in [
        ("stage_duration_seconds_count{stage=\"fetch\"}", 1.0),
        ("query_duration_seconds_count{query=\"orders\"}", 1.0),
        ("cache_hits_total{cache=\"pages\"}", 1.0),
        ("io_bytes_total{operation=\"read\"}", 4_096.0),
        ("component_health{component=\"store\",state=\"degraded\"}", 1.0),
    ] {
        assert_eq!(scraped(&monitor, series), value, "{series}");
    }
}

#[test]
fn the_report_is_text_or_markdown_and_another_format_is_refused_by_name() {
    let monitor = builder().start().unwrap();
    busy(&monitor);
    let text = get(&monitor, "/api/report");
    assert!(text.status == 200 && text.head.contains("text/plain"), "{}", text.head);
    for part in ["fetch", "orders", "pages"] {
        assert!(text.body.contains(part), "{part} in\n{}", text.body);
    }
    assert_eq!(get(&monitor, "/api/report?format=text").status, 200);
    let markdown = get(&monitor, "/api/report?format=markdown");
    assert!(markdown.body.starts_with('#'), "{}", markdown.body);
    let refused = get(&monitor, "/api/report?format=pdf");
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("text") && refused.body.contains("markdown"), "{}", refused.body);
}

#[test]
fn the_run_is_json_and_the_series_are_csv() {
    let monitor = builder().start().unwrap();
    busy(&monitor);
    let run = get(&monitor, "/api/run");
    let run: Value = serde_json::from_str(&run.body).unwrap();
    assert_eq!(run["stages"]["fetch"]["avg_duration_s"], 0.05);
    let csv = get(&monitor, "/api/series.csv");
    assert!(csv.head.contains("text/csv"), "{}", csv.head);
    assert!(csv.body.starts_with("time,metric,type,unit,labels,sample,value\r\n"));
    assert!(csv.body.contains("cache_hits_total"), "{}", csv.body);
}

#[test]
fn components_are_in_the_answers_on_health_and_do_not_change_the_status() {
    let monitor = builder().start().unwrap();
    let health = monitor.instruments().health();
    health.set("store", HealthState::Unhealthy, "away since\nnoon");
    health.set("a \"queue\"", HealthState::Healthy, "");
    let lines = get(&monitor, "/healthz");
    assert_eq!(lines.status, 200);
    let mut said = lines.body.lines();
    assert_eq!(said.next(), Some("ok"));
    assert!(said.next().unwrap().starts_with("last tick "));
    assert_eq!(said.next(), Some("a \"queue\": healthy"));
    assert_eq!(said.next(), Some("store: unhealthy (away since noon)"));
    let document = get(&monitor, "/api/health");
    assert_eq!(document.status, 200);
    let document: Value = serde_json::from_str(&document.body).unwrap();
    assert_eq!(document["status"], "ok");
    assert!(document["last_tick_seconds"].as_f64().unwrap() < 20.0);
    assert_eq!(document["components"][0]["component"], "a \"queue\"");
    assert_eq!(document["components"][1]["state"], "unhealthy");
    assert_eq!(document["components"][1]["reason"], "away since\nnoon");
    assert!(document["components"][1]["since"].as_f64().unwrap() > 1.7e9);
}

#[test]
#[cfg(target_os = "linux")]
fn a_monitor_samples_resources_by_itself() {
    let monitor = builder().start().unwrap();
    wait_for(&monitor, "resource_samples_total", |samples| samples >= 1.0);
    assert!(monitor.instruments().resources().history()[0].memory_bytes.is_some());
}

#[test]
fn without_system_metrics_the_machine_is_not_read() {
    let options = MonitoringOptions::default().enable_system_metrics(false);
    let monitor = builder().monitoring(options).start().unwrap();
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |n| n >= 2.0);
    assert!(!get(&monitor, "/metrics").body.contains("\nhost_"));
    assert_eq!(scraped(&monitor, "resource_samples_total"), 0.0);
    assert!(monitor.instruments().resources().history().is_empty());
}

#[test]
fn without_prometheus_integration_nothing_answers_on_metrics() {
    let options = MonitoringOptions::default().enable_prometheus_integration(false);
    let monitor = builder().monitoring(options).start().unwrap();
    assert_eq!(get(&monitor, "/metrics").status, 404);
    assert_eq!(get(&monitor, "/api/snapshot").status, 200);
    assert_eq!(get(&monitor, "/healthz").status, 200);
}

#[test]
fn without_monitoring_requests_and_own_metrics_go_on() {
    let options = MonitoringOptions::default().monitoring_enabled(false);
    let monitor = builder().monitoring(options).start().unwrap();
    monitor.metrics().record_request(Duration::from_millis(1), true);
    monitor.registry().counter(("jobs_total", "Jobs.")).unwrap().add(3);
    busy(&monitor);
    assert_eq!(scraped(&monitor, "requests_total{outcome=\"success\"}"), 1.0);
    assert_eq!(scraped(&monitor, "jobs_total"), 3.0);
    let all = monitor.instruments().get_comprehensive_metrics();
    assert_eq!((all.events.total, all.errors.len(), all.health.len()), (0, 0, 0));
    assert!(!get(&monitor, "/metrics").body.contains("\nhost_"));
}

#[test]
fn options_out_of_range_are_errors_that_name_the_option() {
    for (options, name) in [
        (MonitoringOptions::default().history(0), "history"),
        (MonitoringOptions::default().monitoring_interval(Duration::ZERO), "monitoring_interval"),
    ] {
        let error = builder().monitoring(options).start().unwrap_err();
        assert!(error.is_options() && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn an_instrument_s_metric_that_is_something_else_is_an_error_that_names_it() {
    let registry = Registry::new();
    registry.gauge(("stage_errors_total", "Mine.")).unwrap();
    let error = builder().registry(registry).start().unwrap_err();
    assert!(error.is_registry() && error.to_string().contains("stage_errors"), "{error}");
}

#[test]
fn monitors_of_one_registry_have_one_set_of_instruments_with_the_first_one_s_options() {
    let registry = Registry::new();
    let few = MonitoringOptions::default().history(7);
    let one = builder().registry(registry.clone()).monitoring(few).start().unwrap();
    let other = builder().registry(registry).start().unwrap();
    one.instruments().stages().record_stage("fetch", Duration::from_millis(1), true);
    assert_eq!(other.instruments().stages().summary()[0].errors, 1);
    assert_eq!(other.instruments().options().history, 7);
}

#[test]
fn the_least_memory_budget_has_room_for_names_beside_the_monitor_s_own() {
    let monitor = builder().host_metrics(false).memory_budget(700_000 + TRACES).start().unwrap();
    for n in 0..20 {
        monitor.instruments().stages().record_stage(&format!("stage {n}"), FAST, false);
    }
    let stages = monitor.instruments().stages().summary();
    assert!(stages.len() == 20 && stages.iter().all(|stage| !stage.overflow), "{stages:?}");
    assert_eq!(monitor.registry().stats().refused_series, 0);
}
