//! How do I serve the page from my own server, behind my own login?
//!
//! The monitor listens nowhere: the router of the service has all that it would serve below `/monitor/`. `cargo run --example
//! dashboard_in_axum` starts a shop on a free port, asks it for its page and a metric, and ends. With `-- --serve` it stays:
//! open the page that it prints.

use std::error::Error;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use perf_monitor::http::{Client, Mounted};
use perf_monitor::{MetricsCollector, PerformanceMonitor};
use tokio::net::TcpListener;

/// How long a client waits.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let monitor = PerformanceMonitor::builder("shop").mount().start()?;
    let mounted = monitor.mounted().ok_or("it was mounted")?;
    let app = shop(monitor.metrics().clone()).merge(page(mounted));

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let service = format!("http://{}", listener.local_addr()?);
    println!("service  {service}");
    println!("page     {service}/monitor/");
    if std::env::args().any(|argument| argument == "--serve") {
        return Ok(axum::serve(listener, app).await?);
    }
    let server = tokio::spawn(axum::serve(listener, app).into_future());
    ask(&format!("{service}/")).await?;
    let page = ask(&format!("{service}/monitor/")).await?;
    println!("{}", page.lines().find(|line| line.contains("<title>")).unwrap_or_default().trim());
    let metrics = ask(&format!("{service}/monitor/metrics")).await?;
    for line in metrics.lines().filter(|line| line.starts_with("requests_total{")) {
        println!("{line}");
    }
    server.abort();
    Ok(())
}

/// The service: it records what it is asked for.
fn shop(metrics: MetricsCollector) -> Router {
    let welcome = async |State(metrics): State<MetricsCollector>| {
        let begun = Instant::now();
        let answer = "welcome\n";
        metrics.record_request(begun.elapsed(), true);
        answer
    };
    Router::new().route("/", get(welcome)).with_state(metrics)
}

/// The page; a layer here would be its login.
fn page(mounted: Mounted) -> Router {
    let answer = async |State(mounted): State<Mounted>, request: Request| -> Response {
        mounted.respond(request).await.map(Body::new)
    };
    // its files are named relative to it, so its own path ends in a slash
    let slash = async || Redirect::permanent("/monitor/").into_response();
    let inner = Router::new().fallback(answer).with_state(mounted);
    Router::new().route("/monitor", get(slash)).nest_service("/monitor/", inner)
}

async fn ask(url: &str) -> Result<String, Box<dyn Error>> {
    let request = axum::http::Request::get(url).body(Default::default())?;
    let answer = Client::default().send(request, PATIENCE).await?;
    Ok(String::from_utf8(answer.into_body().to_vec())?)
}
