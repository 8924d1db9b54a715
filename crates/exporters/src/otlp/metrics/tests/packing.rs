//! How series are spread over requests.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, NumberDataPoint};
use perf_monitor_core::{Desc, HistogramOptions, Registry, Unit};

use super::{NO_LIMIT, bodies, decode, encode_metrics, metrics};
use crate::otlp::resource::ResourceAttributes;

#[test]
fn a_registry_without_series_needs_no_request() {
    let registry = Registry::new();
    let _none = registry.counter_family(("calls_total", ""), &["route"]).unwrap();
    assert!(bodies(&registry, 0).is_empty());
}

/// A registry of several kinds, with names and labels of different length.
fn a_registry(series: usize) -> Registry {
    let registry = Registry::builder().budget_bytes(1 << 24).build();
    let calls = registry.counter_family(("calls_total", "Calls."), &["route"]).unwrap();
    let depth = registry.gauge_family(("depth", "How many wait."), &["queue", "kind"]).unwrap();
    let desc = Desc::new("wait_seconds", "Time.").unit(Unit::Microseconds);
    let waits = registry.histogram_family(desc, &["route"], HistogramOptions::default()).unwrap();
    for i in 0..series {
        let route = format!("/{}/{i}", "r".repeat(i % 40));
        calls.with(&[&route]).unwrap().add(i as u64);
        depth.with(&[&route, "x"]).unwrap().set(i as f64 / 8.0);
        waits.with(&[&route]).unwrap().record((i * i) as u64);
    }
    registry
}

/// The points by metric, as text; when they were read is left out.
fn points(bodies: &[Vec<u8>]) -> BTreeMap<String, Vec<String>> {
    let mut points: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for metric in metrics(bodies) {
        let points = points.entry(metric.name.clone()).or_default();
        match metric.data.unwrap() {
            Data::Sum(sum) => points.extend(sum.data_points.into_iter().map(timeless)),
            Data::Gauge(gauge) => points.extend(gauge.data_points.into_iter().map(timeless)),
            Data::ExponentialHistogram(data) => {
                let timeless = |point| ExponentialHistogramDataPoint { time_unix_nano: 0, ..point };
                points.extend(data.data_points.into_iter().map(timeless).map(|p| format!("{p:?}")));
            }
            other => panic!("{other:?}"),
        }
    }
    points
}

fn timeless(point: NumberDataPoint) -> String {
    format!("{:?}", NumberDataPoint { time_unix_nano: 0, ..point })
}

#[test]
fn small_requests_together_are_the_large_one() {
    let registry = a_registry(300);
    let whole = bodies(&registry, NO_LIMIT);
    assert_eq!(whole.len(), 1);
    let all = points(&whole);
    assert!(all.values().all(|points| points.len() == 300));
    for limit in [1_000, 4_096, 50_000] {
        let parts = bodies(&registry, limit);
        assert_eq!(points(&parts), all);
        let (resource, scope) = envelope(&whole[0]);
        for part in &parts {
            assert!(part.len() <= limit, "{} of {limit}", part.len());
            assert_eq!(envelope(part), (resource.clone(), scope.clone()));
        }
        // No request is closed before it is nearly full.
        let total: usize = parts.iter().map(Vec::len).sum();
        assert!(total / (parts.len()) > limit / 2, "{} requests of {limit}", parts.len());
    }
}

/// The resource and the scope of a request's only part, as text.
fn envelope(body: &[u8]) -> (String, String) {
    let request = decode(body);
    let [part] = &*request.resource_metrics else { panic!("{request:?}") };
    let [scope] = &*part.scope_metrics else { panic!("{part:?}") };
    let scope = scope.scope.clone().unwrap();
    assert_eq!((&*scope.name, &*scope.version), ("perf-monitor", env!("CARGO_PKG_VERSION")));
    (format!("{:?}", part.resource), format!("{scope:?}"))
}

#[test]
fn a_series_above_the_limit_goes_alone() {
    let registry = a_registry(20);
    let parts = bodies(&registry, 0);
    assert_eq!(parts.len(), 60);
    assert_eq!(points(&parts), points(&bodies(&registry, NO_LIMIT)));
}

#[test]
fn a_request_holds_itself_not_the_registry() {
    let registry = a_registry(10);
    let mut requests = encode_metrics(&registry, &ResourceAttributes::of_this_process(), 2_000);
    let first = requests.next().unwrap();
    // Between two requests everything can be done with it.
    assert!(registry.unregister("wait_seconds"));
    registry.counter(("later_total", "")).unwrap().inc();
    let rest: Vec<_> = requests.collect();
    assert!(metrics(&rest).iter().all(|metric| metric.name != "later_total"));
    assert_eq!(metrics(&[first])[0].name, "calls_total");
}
