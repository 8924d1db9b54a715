//! The demo.

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
