//! An exporter holds the request that is out with the next, however many spans there are and whatever the collector does.
//!
//! In a program of its own, because it counts what the whole process allocates.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use perf_monitor_core::Registry;
use perf_monitor_exporters::{OtlpExporter, OtlpOptions};
use perf_monitor_tracing::{DistributedTracer, TracerOptions};
use tokio::net::TcpListener;

#[path = "../../core/tests/support/counting.rs"]
mod counting;

use counting::{HELD, PEAK};

fn work(tracer: &DistributedTracer, number: i64) {
    let mut root = tracer.root("request");
    root.attribute("route", "/api/orders");
    root.attribute("number", number);
    let mut query = tracer.span("query");
    query.attribute("table", "orders");
    query.event("rows", &[("count", number.into())]);
    if number % 1_000 == 0 {
        query.fail("connection refused");
    }
}

/// The most bytes that were held beyond what there was, while 100,000 spans came and the collector was at `endpoint`.
async fn peak(endpoint: &str) -> usize {
    let registry = Registry::new();
    let options = TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() };
    let tracer = DistributedTracer::new(&registry, options).unwrap();
    (0..2_000).for_each(|number| work(&tracer, number));
    let options = OtlpOptions::default().endpoint(endpoint).unwrap().metrics(false);
    let options = options.timeout(Duration::from_millis(20)).flush_time(Duration::ZERO);
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    let exporter = OtlpExporter::new(&registry, Some(&tracer), options).unwrap();
    let everything = async {
        for number in 0..50_000 {
            work(&tracer, number);
            if number % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
    };
    exporter.run(everything).await;
    assert!(tracer.stats().bytes <= tracer.stats().memory_bytes);
    PEAK.load(Relaxed) - before
}

#[tokio::test]
async fn what_is_held_does_not_grow_with_what_was_recorded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:1", &silent] {
        let held = peak(endpoint).await;
        println!("{endpoint}: {held} bytes were held");
        assert!(held <= 500_000, "{endpoint}: {held}");
    }
}
