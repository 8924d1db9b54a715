//! The end of an exporter.

use std::time::Duration;

use perf_monitor_exporters::{OtlpExporter, OtlpOptions};

use crate::receiver::{Receiver, Reply, Running, traced};

const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn what_waits_at_the_end_is_sent() {
    let receiver = Receiver::start(Vec::new()).await;
    let (registry, tracer) = traced();
    let options = receiver.options().spans_within(LONG).spans_per_request(100);
    let options = options.metrics(true).metrics_every(LONG);
    let exporter = OtlpExporter::new(&registry, Some(&tracer), options).unwrap();
    let running = Running::start(exporter);
    (0..350).for_each(|_| drop(tracer.root("job")));
    running.stop().await;
    let got = receiver.got();
    let (metrics, traces): (Vec<_>, Vec<_>) =
        got.iter().partition(|one| one.head.starts_with("POST /v1/metrics"));
    assert_eq!(traces.iter().map(|one| one.spans().len()).sum::<usize>(), 350);
    assert!(!metrics.is_empty());
    assert_eq!(tracer.waiting_spans(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_no_longer_than_it_may() {
    let receiver = Receiver::start(vec![Reply::Silence; 10]).await;
    let (registry, tracer) = traced();
    drop(tracer.root("job"));
    let options = receiver.options().timeout(LONG).flush_time(Duration::from_secs(7));
    let running = Running::start(OtlpExporter::new(&registry, Some(&tracer), options).unwrap());
    let begun = tokio::time::Instant::now();
    running.stop().await;
    assert!(begun.elapsed() <= Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(tracer.waiting_spans(), 1, "it was given back");
}

#[tokio::test]
async fn a_collector_that_is_not_there_ends_at_once() {
    let (registry, tracer) = traced();
    drop(tracer.root("job"));
    let options = OtlpOptions::default().endpoint("http://127.0.0.1:1").unwrap();
    let options = options.flush_time(LONG);
    let running = Running::start(OtlpExporter::new(&registry, Some(&tracer), options).unwrap());
    running.stop().await;
    assert_eq!(tracer.waiting_spans(), 1);
}

#[tokio::test]
async fn a_dropped_exporter_gives_back_what_it_has() {
    let receiver = Receiver::start(vec![Reply::Silence]).await;
    let (registry, tracer) = traced();
    drop(tracer.root("job"));
    let exporter = OtlpExporter::new(&registry, Some(&tracer), receiver.options()).unwrap();
    let task = tokio::spawn(exporter.run(std::future::pending()));
    receiver.until_requests(1).await;
    assert_eq!(tracer.waiting_spans(), 0);
    task.abort();
    let _ = task.await;
    assert_eq!(tracer.waiting_spans(), 1);
}

#[tokio::test]
async fn switched_off_it_sends_nothing() {
    let receiver = Receiver::start(Vec::new()).await;
    let (registry, tracer) = traced();
    drop(tracer.root("job"));
    let options = receiver.options().traces(false);
    OtlpExporter::new(&registry, Some(&tracer), options).unwrap().run(async {}).await;
    assert!(receiver.got().is_empty());
    assert_eq!(tracer.waiting_spans(), 1);
    receiver.stop().await;
}
