//! `PrometheusExporter` over a real socket.

use std::error::Error;
use std::net::SocketAddr;

use perf_monitor_core::Registry;
use perf_monitor_exporters::PrometheusExporter;
use perf_monitor_http::{ServerOptions, Token};

use crate::http::get;

const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn started() -> PrometheusExporter {
    let registry = Registry::new();
    registry.counter(("jobs_total", "Jobs.")).unwrap().add(7);
    let mut exporter = PrometheusExporter::new(&registry);
    exporter.start(ANY_PORT).await.unwrap();
    exporter
}

#[tokio::test]
async fn metrics_are_served_and_nothing_else() {
    let exporter = started().await;
    let address = exporter.local_addr().unwrap();
    let (status, body) = get(address, "/metrics").await.unwrap();
    assert_eq!(
        (status, &*body),
        (200, "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total 7\n")
    );
    for path in ["/", "/metrics/", "/api/snapshot", "/favicon.ico"] {
        assert_eq!(get(address, path).await.unwrap().0, 404, "{path}");
    }
    assert_eq!(exporter.exporter().stats().scrapes(), 1);
}

#[tokio::test]
async fn a_busy_port_is_an_error_that_names_it() {
    let address = started().await;
    let address = &address.local_addr().unwrap();
    let mut second = PrometheusExporter::new(&Registry::new());
    let error = second.start(*address).await.unwrap_err();
    assert!(error.is_address_in_use());
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.source().is_some());
    assert_eq!(second.local_addr(), None);
    second.start(ANY_PORT).await.unwrap();
}

#[tokio::test]
async fn it_stops_when_told_and_can_be_started_again() {
    let mut exporter = started().await;
    let address = exporter.local_addr().unwrap();
    assert!(exporter.start(ANY_PORT).await.unwrap_err().to_string().contains("already"));
    exporter.stop().await;
    exporter.stop().await;
    assert_eq!(exporter.local_addr(), None);
    assert!(get(address, "/metrics").await.is_err());
    exporter.start(ANY_PORT).await.unwrap();
    assert_eq!(get(exporter.local_addr().unwrap(), "/metrics").await.unwrap().0, 200);
}

#[tokio::test]
async fn it_stops_when_dropped() {
    let exporter = started().await;
    let address = exporter.local_addr().unwrap();
    drop(exporter);
    let gone = async { while get(address, "/metrics").await.is_ok() {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn an_address_off_loopback_needs_a_token() {
    let everywhere: SocketAddr = ([0, 0, 0, 0], 0).into();
    let mut open = PrometheusExporter::new(&Registry::new());
    let error = open.start(everywhere).await.unwrap_err();
    assert!(error.is_options() && error.to_string().contains("token"), "{error}");
    let options = ServerOptions::default().token(Token::new("open.sesame").unwrap());
    let mut guarded = PrometheusExporter::new(&Registry::new()).server_options(options);
    guarded.start(everywhere).await.unwrap();
    let address = ([127, 0, 0, 1], guarded.local_addr().unwrap().port()).into();
    assert_eq!(get(address, "/metrics").await.unwrap().0, 401);
}

#[test]
fn without_a_runtime_the_start_is_an_error() {
    let mut exporter = PrometheusExporter::new(&Registry::new());
    let mut start = std::pin::pin!(exporter.start(ANY_PORT));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(result) = start.as_mut().poll(&mut context) else {
        panic!("the start waits for nothing");
    };
    assert!(result.unwrap_err().to_string().contains("tokio runtime"));
}
