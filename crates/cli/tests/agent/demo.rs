//! The demo.

use serde_json::Value;

use crate::process::{Running, get, poll};

#[test]
fn the_demo_fills_every_view() {
    let agent = Running::start(&["--listen", "127.0.0.1:0", "--tick", "100ms", "--demo"]);
    for series in [
        "requests_total{outcome=\"success\"}",
        "demo_requests_total{route=\"/\",status=\"200\"}",
        "demo_requests_total{route=\"/checkout\",status=\"200\"}",
        "demo_requests_total{route=\"/report\",status=\"200\"}",
        "request_size_bytes_count",
        "stage_duration_seconds_count{stage=\"reserve\"}",
        "query_duration_seconds_count{query=\"products by word\"}",
        "cache_hits_total{cache=\"pages\"}",
        "events_total{source=\"web\",domain=\"shop\",entity=\"/\",outcome=\"success\"}",
        "timeline_operations_total{operation=\"search\"}",
        "io_bytes_total{operation=\"read\"}",
    ] {
        poll(series, || agent.metric(series).filter(|total| *total > 3.0));
    }
    for series in [
        "requests_total{outcome=\"failure\"}",
        "errors_total{type=\"unavailable\",component=\"store\",severity=\"error\"}",
        "retries_total{operation=\"load report\"}",
        "component_health{component=\"payments\",state=\"healthy\"}",
        "circuit_breaker_state{breaker=\"store\",state=\"closed\"}",
    ] {
        poll(series, || agent.metric(series).filter(|total| *total > 0.0));
    }
    assert!(agent.get("/healthz").1.contains("\nstore: healthy\n"));
}

#[test]
fn the_demo_service_answers_others_too() {
    let agent = Running::start(&["--listen", "127.0.0.1:0", "--tick", "50ms", "--demo"]);
    let shop = agent.address_of("demo");
    assert!(get(shop, "/search", "").0.contains(" 200 "));
    assert!(get(shop, "/nonsense", "").0.contains(" 404 "));
    let other = "demo_requests_total{route=\"other\",status=\"404\"}";
    assert_eq!(poll(other, || agent.metric(other)), 1.0);
}

/// What `/api/spans` answers to `query`, once it has traces.
fn traces(agent: &Running, query: &str) -> Vec<Value> {
    poll(query, || {
        let (head, body) = agent.get(&format!("/api/spans?{query}"));
        assert!(head.contains(" 200 "), "{head}\n{body}");
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        let Value::Array(traces) = answer["traces"].take() else { panic!("{body}") };
        (!traces.is_empty()).then_some(traces)
    })
}

/// The names from a span of this name up to the root.
fn ancestors<'a>(trace: &'a Value, name: &str) -> Vec<&'a str> {
    let spans = trace["spans"].as_array().unwrap();
    let mut at = spans.iter().find(|span| span["name"] == name);
    let mut names = Vec::new();
    while let Some(span) = at {
        names.push(span["name"].as_str().unwrap());
        at = spans.iter().find(|above| above["span_id"] == span["parent_id"]);
    }
    names
}

#[test]
fn the_demo_s_requests_are_traces_of_several_levels() {
    let agent = Running::start(&["--listen", "127.0.0.1:0", "--tick", "50ms", "--demo"]);
    assert!(agent.greeting.contains("/api/spans"), "{}", agent.greeting);
    for (root, below) in [
        ("GET /search", &["rpc.call", "db.query", "GET /search"][..]),
        ("POST /checkout", &["rpc.call", "pay", "POST /checkout"]),
        ("GET /report", &["rpc.call", "collect", "GET /report"]),
    ] {
        let query = format!("name={}", root.replace(' ', "+"));
        let trace = &traces(&agent, &query)[0];
        assert_eq!(ancestors(trace, below[0]), below, "{trace}");
    }
    let page = &traces(&agent, "name=cache.get")[0];
    assert_eq!(ancestors(page, "cache.get"), ["cache.get", "GET /"]);
    let slow = &traces(&agent, "state=slow")[0];
    assert!(slow["spans"][0]["duration_ms"].as_f64().unwrap() > 0.0, "{slow}");
    let recent = &traces(&agent, "state=recent&limit=1")[0];
    assert_eq!(recent["spans"][0]["kind"], "server", "{recent}");
}

#[test]
fn the_demo_s_failures_are_traces_with_what_happened() {
    let agent = Running::start(&["--listen", "127.0.0.1:0", "--tick", "50ms", "--demo"]);
    let failed = &traces(&agent, "state=failed")[0];
    assert_eq!(failed["failed"], true);
    let spans = failed["spans"].as_array().unwrap();
    let named = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    let (request, call) = (named("GET /report"), named("rpc.call"));
    assert_eq!((&request["status"], &call["status"]), (&"error".into(), &"error".into()));
    assert_eq!(request["message"], "Internal Server Error");
    assert_eq!(call["message"], "the store does not answer");
    assert_eq!(call["events"][0]["name"], "retry");
    let code = request["attributes"].as_array().unwrap().iter();
    let mut code = code.filter(|one| one["key"] == "http.response.status_code");
    assert_eq!(code.next().unwrap()["value"], 500);
}
