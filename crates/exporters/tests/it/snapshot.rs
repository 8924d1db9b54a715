//! The JSON snapshot, read back by serde_json.

use perf_monitor_core::{Desc, HistogramOptions, Registry, Unit};
use perf_monitor_exporters::Scrape;
use serde_json::{Value, json};

use crate::families::{filled_registry, large_registry};

fn read(registry: &Registry) -> Value {
    serde_json::from_slice(&Scrape::json(registry).read_to_end()).unwrap()
}

fn family(snapshot: &Value, name: &str) -> Value {
    let families = snapshot["families"].as_array().unwrap();
    families.iter().find(|family| family["name"] == name).unwrap().clone()
}

/// The first series without the time at which it began.
fn first_series(mut family: Value) -> Value {
    let mut series = family["series"][0].take();
    let started = series.as_object_mut().unwrap().remove("started").unwrap();
    assert!(started.as_f64().unwrap() > 1.6e9, "seconds since 1970");
    series
}

#[test]
fn every_kind_is_in_base_units_with_its_labels() {
    let snapshot = read(&filled_registry());
    assert!(snapshot["timestamp"].as_f64().unwrap() > 1.6e9);
    let busy = family(&snapshot, "busy_seconds_total");
    assert_eq!((&busy["unit"], &busy["kind"]), (&json!("seconds"), &json!("counter")));
    assert_eq!(first_series(busy), json!({"labels": {}, "value": 1.5}));
    let visits = first_series(family(&snapshot, "visits_total"));
    assert_eq!(
        visits,
        json!({"labels": {"path": "C:\\temp\n", "who": "say \"hi\" 🙂"}, "value": 3})
    );
    let temperature = family(&snapshot, "temperature_celsius");
    assert_eq!(temperature["help"], "A \"help\" of \\ two\nlines.");
    assert_eq!(first_series(temperature)["value"], -17.25);
    let latency = first_series(family(&snapshot, "request_duration_seconds"));
    assert_eq!(
        latency,
        json!({"labels": {}, "count": 3, "sum": 0.0312, "max": 0.03,
            "p50": 0.0008, "p90": 0.03, "p95": 0.03, "p99": 0.03, "p999": 0.03})
    );
}

#[test]
fn what_is_no_number_and_what_is_not_known_is_null() {
    let registry = filled_registry();
    let desc = Desc::new("idle_seconds", "Nothing yet.").unit(Unit::Microseconds);
    registry.histogram(desc, HistogramOptions::default()).unwrap();
    let snapshot = read(&registry);
    let levels = family(&snapshot, "level_ratio");
    let values: Vec<_> =
        levels["series"].as_array().unwrap().iter().map(|level| &level["value"]).collect();
    assert_eq!(values, [&Value::Null, &Value::Null, &json!(2.5e-9)]);
    let idle = first_series(family(&snapshot, "idle_seconds"));
    assert_eq!((&idle["count"], &idle["sum"]), (&json!(0), &json!(0)));
    assert_eq!((&idle["max"], &idle["p99"]), (&Value::Null, &Value::Null));
}

#[test]
fn an_empty_registry_is_an_object_without_families() {
    assert_eq!(read(&Registry::new())["families"], json!([]));
}

#[test]
fn a_snapshot_in_chunks_is_whole() {
    let snapshot = read(&large_registry(3_000));
    for (name, count) in [("calls_total", 3_000), ("depth", 3_000), ("sizes", 30)] {
        assert_eq!(family(&snapshot, name)["series"].as_array().unwrap().len(), count, "{name}");
    }
}
