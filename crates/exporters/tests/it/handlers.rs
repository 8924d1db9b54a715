//! What `/metrics` answers to whom.

use std::io::Read;

use flate2::read::GzDecoder;
use perf_monitor_core::Registry;
use perf_monitor_exporters::{
    ExporterOptions, Format, MetricsExporter, metrics_handler, snapshot_handler,
};
use perf_monitor_http::Handler;

use crate::families::{filled_registry, large_registry};
use crate::http::{Answer, ask};

fn unzipped(answer: &Answer) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(&*answer.body()).read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test]
async fn the_format_follows_accept_and_is_named() {
    let registry = filled_registry();
    let exporter = MetricsExporter::new(&registry, ExporterOptions::default());
    let handler = metrics_handler(&registry, ExporterOptions::default());
    for (accept, format) in [
        ("*/*", Format::Text),
        ("application/openmetrics-text; version=1.0.0", Format::OpenMetrics),
    ] {
        let answer = ask(&handler, &[("accept", accept)]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some(format.content_type()));
        assert_eq!(answer.header("vary"), Some("accept, accept-encoding"));
        assert_eq!(answer.header("content-encoding"), None);
        assert_eq!(answer.body(), exporter.encode(format));
    }
    assert_eq!(Format::Text.content_type(), "text/plain; version=0.0.4; charset=utf-8");
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(Format::OpenMetrics.content_type(), open_metrics);
}

#[tokio::test]
async fn gzip_unpacks_to_the_plain_answer() {
    let registry = large_registry(5_000);
    let handler = metrics_handler(&registry, ExporterOptions::default());
    let plain = ask(&handler, &[]).await.body();
    let answer = ask(&handler, &[("accept-encoding", "deflate, gzip")]).await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.chunks.len() > 1, "it is streamed");
    assert!(answer.body().len() < plain.len() / 4);
    assert!(unzipped(&answer) == plain, "not what was packed");
    let refused = ask(&handler, &[("accept-encoding", "gzip;q=0")]).await;
    assert_eq!(refused.header("content-encoding"), None);
    assert!(refused.body() == plain);
}

#[tokio::test]
async fn only_so_many_answers_are_compressed_at_once_and_the_rest_is_counted() {
    let exporter = MetricsExporter::new(&Registry::new(), ExporterOptions::default());
    let handler = exporter.handler();
    let gzip = async || {
        let mut request = perf_monitor_http::Request::default();
        request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
        handler.handle(request).await
    };
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(gzip().await);
    }
    let packed =
        |answer: &perf_monitor_http::Response| answer.headers().contains_key("content-encoding");
    assert_eq!(answers.iter().filter(|answer| packed(answer)).count(), 2);
    assert_eq!(exporter.stats().not_compressed(), 1);
    answers.clear();
    assert!(packed(&gzip().await), "the places are given back");
    assert_eq!(exporter.stats().scrapes(), 4);
}

#[tokio::test]
async fn the_snapshot_is_json_and_takes_gzip_too() {
    let handler = snapshot_handler(&filled_registry());
    let answer = ask(&handler, &[("accept-encoding", "gzip")]).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let json: serde_json::Value = serde_json::from_slice(&unzipped(&answer)).unwrap();
    assert!(json["families"].is_array());
}
