//! Names that a Prometheus registry cannot have as the metrics crate gives them lose no total.

use metrics::{counter, gauge, histogram, with_local_recorder};
use perf_monitor_bridges::metrics::MetricsBridge;
use perf_monitor_core::{OwnedValue, Registry, SeriesSnapshot, Snapshot, Value};

fn record(registry: &Registry, record: impl FnOnce()) -> Snapshot {
    let bridge = MetricsBridge::new(registry).unwrap();
    with_local_recorder(&bridge, record);
    registry.snapshot()
}

#[track_caller]
fn total(snapshot: &Snapshot, name: &str, labels: &[(&str, &str)]) -> u64 {
    match snapshot.value(name, labels) {
        Some(Value::Counter(n)) => n,
        other => panic!("{name} {labels:?} is {other:?}"),
    }
}

fn refused(snapshot: &Snapshot, reason: &str) -> u64 {
    match snapshot.value("perf_monitor_bridge_refused_total", &[("reason", reason)]) {
        Some(Value::Counter(n)) => n,
        _ => 0,
    }
}

fn sum(snapshot: &Snapshot, name: &str) -> u64 {
    let series = &snapshot.family(name).unwrap().series;
    let totals = series.iter().map(|series| match series.value.as_value() {
        Value::Counter(n) => n,
        other => panic!("{other:?}"),
    });
    totals.sum()
}

#[test]
fn a_label_that_is_left_out_is_empty() {
    let snapshot = record(&Registry::new(), || {
        counter!("requests", "route" => "/", "code" => "200").increment(1);
        counter!("requests", "route" => "/").increment(2);
        counter!("requests").increment(4);
    });
    assert_eq!(total(&snapshot, "requests_total", &[("route", "/"), ("code", "")]), 2);
    assert_eq!(total(&snapshot, "requests_total", &[("route", ""), ("code", "")]), 4);
    assert_eq!(sum(&snapshot, "requests_total"), 7);
    assert_eq!(refused(&snapshot, "labels"), 0);
}

#[test]
fn labels_that_a_name_does_not_have_are_a_metric_of_their_own() {
    let snapshot = record(&Registry::new(), || {
        for _ in 0..2 {
            counter!("requests", "route" => "/").increment(1);
            counter!("requests", "route" => "/", "code" => "200").increment(1);
            counter!("requests", "code" => "200").increment(1);
            gauge!("depth").set(1.0);
            gauge!("depth", "queue" => "mail").set(2.0);
        }
    });
    assert_eq!(sum(&snapshot, "requests_total"), 2);
    assert_eq!(sum(&snapshot, "requests_by_code_route_total"), 4);
    let mail = snapshot.value("depth_by_queue", &[("queue", "mail")]);
    assert!(matches!(mail, Some(Value::Gauge(2.0))));
    assert_eq!(refused(&snapshot, "labels"), 2);
}

#[test]
fn labels_that_were_told_beforehand_hold_whoever_is_first() {
    let registry = Registry::new();
    let bridge = MetricsBridge::new(&registry).unwrap().labels("requests", &["route", "code"]);
    with_local_recorder(&bridge, || {
        counter!("requests").increment(1);
        counter!("requests", "code" => "200").increment(1);
        counter!("requests", "code" => "200", "route" => "/").increment(1);
    });
    let snapshot = registry.snapshot();
    assert_eq!(sum(&snapshot, "requests_total"), 3);
    assert_eq!(refused(&snapshot, "labels"), 0);
}

#[test]
fn one_name_may_be_of_several_kinds() {
    let snapshot = record(&Registry::new(), || {
        counter!("jobs").increment(3);
        gauge!("jobs").set(2.0);
        histogram!("jobs").record(1.0);
        counter!("jobs").increment(1);
    });
    assert_eq!(total(&snapshot, "jobs_total", &[]), 4);
    assert!(matches!(snapshot.value("jobs_level", &[]), Some(Value::Gauge(2.0))));
    assert!(matches!(snapshot.value("jobs_spread", &[]), Some(Value::Histogram(_))));
    assert_eq!(refused(&snapshot, "taken"), 2);
}

#[test]
fn a_name_that_the_program_has_already_is_shared_or_left_to_it() {
    let registry = Registry::new();
    registry.counter(("jobs_total", "Jobs.")).unwrap().add(10);
    registry.gauge(("depth", "Depth.")).unwrap().set(5.0);
    let snapshot = record(&registry, || {
        counter!("jobs").increment(1);
        counter!("depth").increment(7);
    });
    assert_eq!(total(&snapshot, "jobs_total", &[]), 11);
    assert_eq!(total(&snapshot, "depth_counted_total", &[]), 7);
    assert!(matches!(snapshot.value("depth", &[]), Some(Value::Gauge(5.0))));
}

#[test]
fn names_that_become_one_are_one_metric_and_counted() {
    let snapshot = record(&Registry::new(), || {
        counter!("http.requests", "http.method" => "GET").increment(1);
        counter!("http_requests", "http_method" => "GET").increment(2);
        counter!("http_requests_total", "http_method" => "GET").increment(4);
    });
    assert_eq!(total(&snapshot, "http_requests_total", &[("http_method", "GET")]), 7);
    assert_eq!(refused(&snapshot, "alike"), 2);
}

#[test]
fn hostile_names_and_labels_are_made_fit() {
    let snapshot = record(&Registry::new(), || {
        counter!("yee_haw:lets go", "øhno" => "\"yeet\nies\\\"").increment(1);
        counter!("", "" => "").increment(1);
        counter!("kept", "le" => "1", "overflow" => "true", "__name__" => "x").increment(1);
        counter!("twice", "a" => "1", "a" => "2").increment(1);
        counter!("häh", "a.b" => "1", "a-b" => "2").increment(1);
    });
    assert_eq!(total(&snapshot, "yee_haw:lets_go_total", &[("_hno", "\"yeet\nies\\\"")]), 1);
    let kept = [("exported_le", "1"), ("exported_overflow", "true"), ("exported___name__", "x")];
    assert_eq!(total(&snapshot, "kept_total", &kept), 1);
    assert_eq!(total(&snapshot, "twice_total", &[("a", "2")]), 1);
    assert_eq!(total(&snapshot, "h_h_total", &[("a_b", "2")]), 1);
}

#[test]
fn keys_past_the_budget_are_in_the_overflow_series() {
    let registry = Registry::builder().budget_bytes(40_000).build();
    let snapshot = record(&registry, || {
        for n in 0..1_000_u32 {
            counter!("users", "id" => n.to_string()).increment(1);
            histogram!("sizes", "id" => n.to_string()).record(1.0);
        }
        let late = counter!("users", "id" => "late");
        late.increment(1);
        late.absolute(1_000_000);
    });
    assert_eq!(sum(&snapshot, "users_total"), 1_001);
    assert!(snapshot.family("users_total").unwrap().series.len() < 200);
    let empty = |series: &&SeriesSnapshot| matches!(series.value, OwnedValue::Counter(0));
    assert_eq!(snapshot.family("users_total").unwrap().series.iter().filter(empty).count(), 0);
    let sizes = snapshot.family("sizes").unwrap().series.iter();
    let counts = sizes.map(|series| match series.value.as_value() {
        Value::Histogram(h) => h.count,
        other => panic!("{other:?}"),
    });
    assert_eq!(counts.sum::<u64>(), 1_000);
    assert!(registry.stats().refused_series > 1_000);
    assert_eq!(refused(&snapshot, "absolute"), 1);
}

#[test]
fn names_past_the_budget_are_dropped_and_counted() {
    let registry = Registry::builder().budget_bytes(20_000).build();
    let snapshot = record(&registry, || {
        for n in 0..1_000_u32 {
            counter!(format!("response_{n}")).increment(5);
        }
        let late = gauge!("late");
        late.set(1.0);
        late.increment(1.0);
        histogram!("late").record_many(1.0, 10);
    });
    let kept = snapshot.families.iter().filter(|f| f.info.name.starts_with("response_")).count();
    assert!((1..100).contains(&kept), "{kept}");
    assert_eq!(refused(&snapshot, "names"), 1_000 - kept as u64 + 12);
    let stats = registry.stats();
    assert!(stats.charged_bytes <= 20_500, "{stats:?}");
}

#[test]
fn a_label_of_a_megabyte_is_not_kept() {
    let registry = Registry::builder().budget_bytes(100_000).build();
    let snapshot = record(&registry, || {
        counter!("texts", "text" => "x".repeat(1 << 20)).increment(1);
    });
    assert_eq!(total(&snapshot, "texts_total", &[("overflow", "true")]), 1);
    assert!(registry.stats().charged_bytes < 100_000);
}
