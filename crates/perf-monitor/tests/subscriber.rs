//! Code that is instrumented with the `tracing` crate is on the monitor's `/api/spans`.

mod support;

use perf_monitor::tracing::TracingLayer;
use perf_monitor::{PerformanceMonitor, Registry};
use serde_json::{Value, json};
use support::get;
use tracing_subscriber::layer::SubscriberExt;

#[tracing::instrument]
fn load(id: u64) {
    tracing::error!("no customer");
}

#[test]
fn spans_of_the_tracing_crate_are_shown_with_their_fields_below_the_tracer_s_own() {
    let monitor = PerformanceMonitor::builder("test").registry(Registry::new());
    let monitor = monitor.listen(([127, 0, 0, 1], 0)).start().unwrap();
    let layer = TracingLayer::new(monitor.tracer());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let _request = monitor.tracer().root("request");
        load(7);
    });
    let failed: Value =
        serde_json::from_str(&get(&monitor, "/api/spans?state=failed").body).unwrap();
    let [request, loaded] = &**failed["traces"][0]["spans"].as_array().unwrap() else {
        panic!("{failed}");
    };
    assert_eq!((&request["name"], &loaded["name"]), (&json!("request"), &json!("load")));
    assert_eq!(loaded["parent_id"], request["span_id"]);
    assert_eq!(loaded["attributes"][0], json!({"key": "id", "type": "int", "value": 7}));
    assert_eq!((&loaded["status"], &loaded["message"]), (&json!("error"), &json!("no customer")));
    assert_eq!(loaded["events"][0]["name"], "no customer");
}
