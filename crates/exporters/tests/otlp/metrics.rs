//! Metrics on their way.

use std::time::Duration;

use perf_monitor_core::Registry;
use perf_monitor_exporters::OtlpExporter;

use crate::receiver::{Receiver, Reply, Running, metric};

#[tokio::test]
async fn metrics_arrive_again_and_again_also_after_a_failure() {
    let receiver = Receiver::start(vec![Reply::Half]).await;
    let registry = Registry::new();
    let jobs = registry.counter(("jobs_total", "Jobs.")).unwrap();
    jobs.add(5);
    let options = receiver.options().metrics(true).metrics_every(Duration::from_millis(10));
    let running = Running::start(OtlpExporter::new(&registry, None, options).unwrap());
    receiver.until_requests(3).await;
    running.stop().await;
    for got in receiver.got() {
        let metrics = got.metrics().resource_metrics.into_iter();
        let metrics = metrics.flat_map(|one| one.scope_metrics).flat_map(|one| one.metrics);
        assert!(metrics.into_iter().any(|metric| metric.name == "jobs_total"));
    }
    let broken = "perf_monitor_otlp_failures_total{signal=\"metrics\",reason=\"broken\"}";
    assert_eq!(metric(&registry, broken), 1.0);
}

#[tokio::test]
async fn a_large_registry_goes_out_in_parts() {
    let receiver = Receiver::start(Vec::new()).await;
    let registry = Registry::new();
    let family = registry.counter_family(("jobs_total", "Jobs."), &["kind"]).unwrap();
    (0..500).for_each(|n| family.add(&[&format!("kind {n}")], 1));
    let options = receiver.options().metrics(true).request_bytes(4_000);
    OtlpExporter::new(&registry, None, options).unwrap().run(async {}).await;
    let got = receiver.got();
    assert!(got.len() > 5, "{}", got.len());
    assert!(got.iter().all(|one| one.body.len() <= 4_000));
}
