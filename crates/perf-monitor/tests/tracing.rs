//! A monitor's tracer is served, bounded and shared as it says.

mod support;

use std::time::Duration;

use perf_monitor::tracing::{DistributedTracer, SpanKind, TracerOptions};
use perf_monitor::{PerformanceMonitor, PerformanceMonitorBuilder, Registry};
use serde_json::{Value, json};
use support::{get, scraped, wait_for};

/// A monitor that ticks fast, with a registry and a port of its own.
fn builder() -> PerformanceMonitorBuilder {
    PerformanceMonitor::builder("test")
        .registry(Registry::new())
        .listen(([127, 0, 0, 1], 0))
        .tick(Duration::from_millis(10))
}

/// A request whose query fails, after one that went well.
fn serve(tracer: &DistributedTracer) {
    drop(tracer.root("GET /"));
    let mut request = tracer.start("GET /cart").root().kind(SpanKind::Server).guard();
    request.attribute("user", 17_i64);
    let mut query = tracer.span("db.query");
    query.event("retry", &[("attempt", 2_i64.into())]);
    query.fail("connection refused");
}

fn spans(monitor: &PerformanceMonitor, query: &str) -> Value {
    let answer = get(monitor, &format!("/api/spans?{query}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn traces_are_on_api_spans_by_their_state_while_the_service_runs() {
    let monitor = builder().start().unwrap();
    serve(monitor.tracer());
    let failed = spans(&monitor, "state=failed");
    let traces = failed["traces"].as_array().unwrap();
    assert_eq!(traces.len(), 1, "{failed}");
    let [request, query] = &**traces[0]["spans"].as_array().unwrap() else { panic!("{failed}") };
    assert_eq!((&request["name"], &request["kind"]), (&json!("GET /cart"), &json!("server")));
    assert_eq!(query["parent_id"], request["span_id"]);
    assert_eq!(
        (&query["status"], &query["message"]),
        (&json!("error"), &json!("connection refused"))
    );
    assert_eq!(query["events"][0]["attributes"][0]["value"], 2);
    assert_eq!(spans(&monitor, "")["traces"].as_array().unwrap().len(), 2);
    let open = monitor.tracer().start("checkout").root().begin();
    let listed = spans(&monitor, "state=open");
    assert_eq!(listed["spans"][0]["span_id"], open.id().to_string());
    drop(open);
    assert_eq!(spans(&monitor, "state=open")["spans"], json!([]));
}

#[test]
fn a_trace_is_found_by_its_id_and_by_the_name_of_a_span() {
    let monitor = builder().start().unwrap();
    serve(monitor.tracer());
    let id = monitor.tracer().failed(1)[0].trace_id;
    for query in [format!("trace={id}"), "name=db.query".into()] {
        let found = spans(&monitor, &query);
        assert_eq!(found["traces"].as_array().unwrap().len(), 1, "{query}");
        assert_eq!(found["traces"][0]["trace_id"], id.to_string(), "{query}");
    }
    for (query, choices) in [
        ("state=old", "open, recent, slow or failed"),
        ("trace=1", "32 hexadecimal digits"),
        ("limit=1000", "1 to 200"),
    ] {
        let refused = get(&monitor, &format!("/api/spans?{query}"));
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.body.contains(choices), "{}", refused.body);
    }
}

#[test]
fn spans_are_metrics_too_and_the_ledger_has_what_they_take() {
    let monitor = builder().start().unwrap();
    serve(monitor.tracer());
    assert_eq!(scraped(&monitor, "span_duration_seconds_count{span=\"db.query\"}"), 1.0);
    assert_eq!(scraped(&monitor, "span_errors_total{span=\"db.query\"}"), 1.0);
    let traces = "perf_monitor_memory_bytes{subsystem=\"traces\"}";
    let bytes = wait_for(&monitor, traces, |bytes| bytes > 0.0);
    assert!((20_000.0..=200_000.0).contains(&bytes), "{bytes}");
}

#[test]
fn the_monitor_s_own_requests_are_in_no_trace() {
    let monitor = builder().start().unwrap();
    for path in ["/", "/metrics", "/api/spans", "/api/snapshot", "/healthz"] {
        assert_eq!(get(&monitor, path).status, 200, "{path}");
    }
    let stats = monitor.tracer().stats();
    assert_eq!((stats.kept, stats.dropped, stats.unsampled, stats.open_spans), (0, 0, 0, 0));
}

#[test]
fn a_tracer_s_options_are_checked_before_anything_begins() {
    let registry = Registry::new();
    let wrong = TracerOptions { ratio: 1.5, ..TracerOptions::default() };
    let error = builder().registry(registry.clone()).tracing(wrong).start().unwrap_err();
    assert!(error.is_options() && error.to_string().contains("\"ratio\" is 1.5"), "{error}");
    assert_eq!(registry.stats().families, 0);
}

#[test]
fn a_metric_in_the_way_of_the_tracer_s_own_is_an_error_that_names_it() {
    let registry = Registry::new();
    registry.gauge(("span_errors_total", "Mine.")).unwrap();
    let error = builder().registry(registry).start().unwrap_err();
    assert!(error.is_registry() && error.to_string().contains("span_errors_total"), "{error}");
}

#[test]
fn the_tracer_keeps_its_share_of_a_memory_budget() {
    let budget = |traces: usize, all: usize| {
        let registry = Registry::new();
        let options = TracerOptions { memory_bytes: traces, ..TracerOptions::default() };
        let builder = builder().registry(registry.clone()).tracing(options);
        let monitor = builder.memory_budget(all).start()?;
        assert!(monitor.tracer().stats().bytes <= traces);
        Ok::<_, perf_monitor::Error>(registry.stats().budget_bytes)
    };
    assert_eq!(budget(200_000, 1_200_000).unwrap(), 500 * 1024);
    assert_eq!(budget(20_000, 1_020_000).unwrap(), 500 * 1024);
    let error = budget(400_000, 1_099_999).unwrap_err();
    assert!(error.is_options() && error.to_string().ends_with("give 1100000"), "{error}");
}

#[test]
fn monitors_of_one_registry_have_one_tracer_with_the_first_one_s_options() {
    let registry = Registry::new();
    let few = TracerOptions { memory_bytes: 50_000, ..TracerOptions::default() };
    let one = builder().registry(registry.clone()).tracing(few).start().unwrap();
    let other = builder().registry(registry).start().unwrap();
    serve(one.tracer());
    assert_eq!(other.tracer().failed(5).len(), 1);
    assert_eq!(other.tracer().stats().memory_bytes, 50_000);
    drop(one);
    let traces = "perf_monitor_memory_bytes{subsystem=\"traces\"}";
    let bytes = wait_for(&other, traces, |bytes| bytes > 0.0);
    assert!(bytes <= 50_000.0, "counted once: {bytes}");
    assert_eq!(spans(&other, "state=failed")["traces"].as_array().unwrap().len(), 1);
}
