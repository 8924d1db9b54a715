//! How does my service do, route by route?
//!
//! One layer around the router tells, and traces each request. `cargo run --example axum_service --features axum` starts a
//! shop on a free port, asks it a few hundred times, prints what a scrape of its monitor shows of
//! each route with the last request that failed, and ends. With `-- --serve` it stays: open the page that it prints, and ask yourself.

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{Method, Request, StatusCode};
use axum::routing::{get, post};
use perf_monitor::PerformanceMonitor;
use perf_monitor::bridges::tower::RequestsLayer;
use perf_monitor::http::Client;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};

/// How long a client waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody waits for a quote.
static ASKED: Notify = Notify::const_new();

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let monitor = PerformanceMonitor::builder("shop").listen(([127, 0, 0, 1], 0)).start()?;
    let requests = RequestsLayer::new(monitor.registry())?.tracer(monitor.tracer());
    let app = shop().layer(requests); // the one line

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let service = format!("http://{}", listener.local_addr()?);
    let page = monitor.url().unwrap_or_default();
    println!("service  {service}");
    println!("page     {page}");
    if std::env::args().any(|argument| argument == "--serve") {
        return Ok(axum::serve(listener, app).await?);
    }

    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
    let server = tokio::spawn(server.into_future());
    visit(&service).await?;
    drop(stop);
    server.await??; // every request has ended, those of clients that left too

    let scraped = ask(Method::GET, format!("{page}/metrics")).await?;
    let scraped = std::str::from_utf8(&scraped)?;
    let shown = ["http_server_requests_total", "http_server_request_duration_seconds_count"];
    for line in scraped.lines().filter(|line| shown.iter().any(|name| line.starts_with(name))) {
        println!("{line}");
    }
    let failed = ask(Method::GET, format!("{page}/api/spans?state=failed&limit=1")).await?;
    print!("{}", std::str::from_utf8(&failed)?);
    Ok(())
}

/// The service: it knows nothing of its monitor.
fn shop() -> Router {
    Router::new()
        .route("/", get(|| async { "welcome\n" }))
        .route("/items/{id}", get(item))
        .route("/orders", post(|order: String| async move { format!("{} bytes\n", order.len()) }))
        .route("/catalogue", get(catalogue))
        .route("/quote", get(quote))
}

async fn item(Path(id): Path<u32>) -> Result<String, StatusCode> {
    match id {
        0..=90 => Ok(format!("item {id}\n")),
        91..=98 => Err(StatusCode::NOT_FOUND),
        _ => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// A body that comes in pieces.
async fn catalogue() -> Body {
    let lines = (0..100).map(|id| Ok::<_, std::io::Error>(Bytes::from(format!("item {id}\n"))));
    Body::from_stream(futures_util::stream::iter(lines))
}

/// Never ready, so that whoever asks leaves.
async fn quote() -> String {
    ASKED.notify_one();
    pending().await
}

/// A few hundred requests; how they end is for the metrics to tell.
async fn visit(service: &str) -> Result<(), Box<dyn Error>> {
    for id in 0..100 {
        ask(Method::GET, format!("{service}/items/{id}")).await?;
        ask(Method::GET, format!("{service}/no/such/page/{id}")).await?;
    }
    for _ in 0..20 {
        ask(Method::GET, format!("{service}/")).await?;
        ask(Method::POST, format!("{service}/orders")).await?;
        ask(Method::GET, format!("{service}/catalogue")).await?;
    }
    tokio::select! {
        quoted = ask(Method::GET, format!("{service}/quote")) => drop(quoted?),
        () = ASKED.notified() => {} // and hangs up
    }
    Ok(())
}

async fn ask(method: Method, url: String) -> Result<Bytes, Box<dyn Error>> {
    let body = if method == Method::POST { "2 of item 17" } else { "" };
    let request = Request::builder().method(method).uri(url).body(body.into())?;
    Ok(Client::default().send(request, PATIENCE).await?.into_body())
}
