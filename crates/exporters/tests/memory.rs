//! A scrape holds about a chunk of itself, whatever the size of the registry.
//!
//! In a program of its own, because it counts what the whole process allocates.

use std::sync::atomic::Ordering::Relaxed;

use perf_monitor_core::Registry;
use perf_monitor_exporters::{ExporterOptions, metrics_handler};
use perf_monitor_http::{Handler, Request};

use http_body_util::BodyExt;

#[path = "../../core/tests/support/counting.rs"]
mod counting;

use counting::{HELD, PEAK};

fn registry(series: u64) -> Registry {
    let registry = Registry::builder().series_per_family(100_000).budget_bytes(1 << 30).build();
    let calls = registry.counter_family(("calls_total", "Calls."), &["method", "route"]).unwrap();
    for i in 0..series {
        calls.with(&["GET", &format!("/route/{i}")]).unwrap().add(i);
    }
    registry
}

/// The most bytes that a scrape held at once, and how many it sent.
async fn scrape(registry: &Registry, encoding: &str) -> (usize, usize) {
    let handler = metrics_handler(registry, ExporterOptions::default());
    let mut request = Request::default();
    request.headers_mut().insert("accept-encoding", encoding.parse().unwrap());
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut body = handler.handle(request).await.into_body();
    let mut sent = 0;
    while let Some(frame) = body.frame().await {
        sent += frame.unwrap().into_data().unwrap().len();
    }
    (PEAK.load(Relaxed) - before, sent)
}

#[tokio::test]
async fn a_scrape_holds_a_chunk_and_gzip_its_window() {
    let (small, large) = (registry(2_000), registry(50_000));
    for (encoding, most) in [("identity", 100_000), ("gzip", 500_000)] {
        scrape(&large, encoding).await;
        let (held_small, _) = scrape(&small, encoding).await;
        let (held, sent) = scrape(&large, encoding).await;
        println!("{encoding}: {held} bytes were held to send {sent}");
        assert!(held <= most, "{encoding}: {held}");
        assert!(held <= held_small + held_small / 10, "{held} grow from {held_small}");
    }
}
