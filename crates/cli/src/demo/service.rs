//! The service: a shop whose checkout is slow, whose reports fail at times.

use std::cell::Cell;
use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::ORIGIN;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use perf_monitor::{
    Counter, Desc, Error, Family, Gauge, Histogram, HistogramOptions, PerformanceMonitor, Unit,
    monitor::MetricsCollector, tracing::FutureExt,
};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::activity::Activity;
use super::dice::Dice;
use super::traces::Traces;

/// Connections held at once: the load's, and some for the curious.
const CONNECTIONS: usize = 64;

/// The largest request body.
const BODY_BYTES: usize = 64 * 1024;

/// Seconds in which the payment provider takes three times as long, of how many.
const PAYMENT_STRAIN: (Range<u64>, u64) = (60..75, 150);

/// Seconds in which the reports' store is away, of how many.
const STORE_OUTAGE: (Range<u64>, u64) = (40..50, 60);

/// What the service does and how it is measured.
pub(super) struct Shop {
    dice: Dice,
    opened: Instant,
    metrics: MetricsCollector,
    requests: Family<Counter>,
    durations: Family<Histogram>,
    in_flight: Gauge,
    activity: Activity,
    traces: Traces,
    /// Whether nothing is served: somebody wants to see an alert.
    broken: Cell<bool>,
}

impl Shop {
    /// A shop that `monitor` watches.
    ///
    /// # Errors
    /// Metrics of the registry are in the way.
    pub(super) fn new(monitor: &PerformanceMonitor, broken: bool) -> Result<Shop, Error> {
        let registry = monitor.registry();
        let requests =
            ("demo_requests_total", "Requests of the demo service, by route and status.");
        let requests = registry.counter_family(requests, &["route", "status"])?;
        let durations = "Time that requests of the demo service take, by route.";
        let durations =
            Desc::new("demo_request_duration_seconds", durations).unit(Unit::Microseconds);
        let options = HistogramOptions::default();
        let durations = registry.histogram_family(durations, &["route"], options)?;
        // by the name that OpenTelemetry gives it, as the history keeps that one
        let in_flight =
            ("http_server_active_requests", "Requests that the demo service is answering.");
        Ok(Shop {
            dice: Dice::new(1),
            opened: Instant::now(),
            metrics: monitor.metrics().clone(),
            requests,
            durations,
            in_flight: registry.gauge(in_flight)?,
            activity: Activity::new(monitor.instruments()),
            traces: Traces::new(monitor.tracer()),
            broken: Cell::new(broken),
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if let Some(answer) = self.turn(&request) {
            return answer;
        }
        let route = Route::of(request.uri().path());
        let span = self.traces.request(route, request.method().as_str());
        let id = span.id();
        let answered = async {
            let response = self.serve(request, route).await;
            self.traces.answered(id, response.status());
            response
        };
        answered.in_span(span).await
    }

    /// `POST /break` and `POST /mend`, which are none of the service's requests. A page of another site has no
    /// business here.
    fn turn(&self, request: &Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let broken = match request.uri().path() {
            "/break" => true,
            "/mend" => false,
            _ => return None,
        };
        let (status, text) = match request.method() {
            _ if request.headers().contains_key(ORIGIN) => {
                (StatusCode::FORBIDDEN, "not for pages\n")
            }
            &Method::POST => {
                self.broken.set(broken);
                (StatusCode::OK, if broken { "broken\n" } else { "mended\n" })
            }
            _ => (StatusCode::METHOD_NOT_ALLOWED, "send a POST\n"),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        Some(response)
    }

    async fn serve(&self, request: Request<Incoming>, route: Route) -> Response<Full<Bytes>> {
        let begun = Instant::now();
        self.in_flight.add(1.0);
        let body = Limited::new(request.into_body(), BODY_BYTES).collect().await;
        let (bytes, status) = match body {
            Ok(body) => (body.to_bytes().len(), self.work(route).await),
            Err(_) => (0, StatusCode::PAYLOAD_TOO_LARGE),
        };
        self.in_flight.add(-1.0);
        self.record(route, status, begun.elapsed(), bytes);
        let text = format!("{}: {}\n", route.name(), status.canonical_reason().unwrap_or_default());
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
    }

    fn record(&self, route: Route, status: StatusCode, took: Duration, bytes: usize) {
        self.metrics.record_request(took, !status.is_server_error());
        self.metrics.record_request_size(bytes as u64);
        self.activity.answered(route.name(), took, !status.is_server_error(), bytes);
        self.requests.inc(&[route.name(), status.as_str()]);
        self.durations.record(&[route.name()], took.as_micros() as u64);
    }

    /// Whether it is such a time: times come back with their period, from the opening on.
    fn is_in(&self, (seconds, period): (Range<u64>, u64)) -> bool {
        seconds.contains(&(self.opened.elapsed().as_secs() % period))
    }

    async fn work(&self, route: Route) -> StatusCode {
        if self.broken.get() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        match route {
            Route::Home => {
                let missed = self.activity.page(&self.dice);
                self.traces.look_up("pages", !missed);
                if missed {
                    render(40);
                }
            }
            Route::Search => self.search().await,
            Route::Checkout => self.check_out().await,
            Route::Report => return self.report().await,
            Route::Unknown => return StatusCode::NOT_FOUND,
        }
        StatusCode::OK
    }

    async fn search(&self) {
        let begun = Instant::now();
        let query = async {
            self.wait(1, 4).await;
            self.wait(1, 16).in_span(self.traces.call("index", "Scan")).await;
        };
        query.in_span(self.traces.query("products by word")).await;
        black_box(rank_products(self.dice.share()));
        render(120);
        self.activity.searched(begun.elapsed());
    }

    async fn check_out(&self) {
        self.reserve().in_span(self.traces.step("reserve")).await;
        self.pay().in_span(self.traces.step("pay")).await;
        let confirm = async {
            let _stage = self.activity.confirm.start();
            self.wait(5, 10).await;
            render(80);
        };
        confirm.in_span(self.traces.step("confirm")).await;
    }

    async fn reserve(&self) {
        let _stage = self.activity.reserve.start();
        self.wait(5, 20).in_span(self.traces.query("items of a cart")).await;
    }

    async fn pay(&self) {
        let strained = self.is_in(PAYMENT_STRAIN);
        self.activity.payments(strained);
        let strain = if strained { 3 } else { 1 };
        let call = self.traces.call("payments", "Charge");
        if strained {
            self.traces.event(call.id(), "the provider is slow", "times", strain as i64);
        }
        let _stage = self.activity.pay.start();
        self.wait(50 * strain, 190 * strain).in_span(call).await;
    }

    async fn report(&self) -> StatusCode {
        self.collect().in_span(self.traces.step("collect")).await
    }

    async fn collect(&self) -> StatusCode {
        let mut stage = self.activity.collect.start();
        let outage = self.is_in(STORE_OUTAGE);
        let failed = self.dice.happens(if outage { 0.9 } else { 0.1 });
        let call = self.traces.call("store", "Read");
        let id = call.id();
        let read = async {
            self.wait(5, 40).await;
            if failed {
                self.traces.event(id, "retry", "attempt", 2);
                self.wait(5, 10).await;
                self.traces.failed(id, "the store does not answer");
            }
        };
        read.in_span(call).await;
        self.activity.store(!outage);
        self.activity.report(failed);
        if failed {
            stage.fail();
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        StatusCode::OK
    }

    /// A time between these milliseconds, as a peer takes it.
    async fn wait(&self, least: u64, most: u64) {
        sleep(self.dice.time(millis(least), millis(most))).await;
    }
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Products that a search compares with what was typed.
const PRODUCTS: u32 = 400;

/// The product whose name is nearest to what was typed: by comparing all of them, letter by letter, which
/// is what takes the service's CPU time.
#[inline(never)]
fn rank_products(chance: f64) -> Option<(usize, u32)> {
    let typed = format!("product {:05}", (chance * f64::from(PRODUCTS)) as u32);
    let names = (0..PRODUCTS).map(|number| (format!("product number {number:05}"), number));
    names.map(|(name, number)| (edit_distance(typed.as_bytes(), name.as_bytes()), number)).min()
}

/// Letters to change, add or take away until `left` is `right`.
#[inline(never)]
fn edit_distance(left: &[u8], right: &[u8]) -> usize {
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut corner = std::mem::replace(&mut above[0], row + 1);
        for (column, b) in right.iter().enumerate() {
            let replaced = corner + usize::from(a != b);
            corner = above[column + 1];
            above[column + 1] = replaced.min(corner + 1).min(above[column] + 1);
        }
    }
    above[right.len()]
}

/// Work for the CPU, some microseconds a round, so that the process's use follows the load.
fn render(rounds: u32) {
    let mut page = [0u8; 1024];
    for round in 0..rounds {
        for (at, byte) in page.iter_mut().enumerate() {
            *byte = byte.wrapping_mul(31).wrapping_add((at as u32 ^ round) as u8);
        }
        black_box(&mut page);
    }
}

#[derive(Clone, Copy)]
pub(super) enum Route {
    Home,
    Search,
    Checkout,
    Report,
    Unknown,
}

impl Route {
    fn of(path: &str) -> Route {
        match path {
            "/" => Route::Home,
            "/search" => Route::Search,
            "/checkout" => Route::Checkout,
            "/report" => Route::Report,
            _ => Route::Unknown,
        }
    }

    /// The route as a label: one for all paths that are none, so that a client cannot make up series.
    pub(super) fn name(self) -> &'static str {
        match self {
            Route::Home => "/",
            Route::Search => "/search",
            Route::Checkout => "/checkout",
            Route::Report => "/report",
            Route::Unknown => "other",
        }
    }

    /// The name of its requests' spans.
    pub(super) fn span(self) -> &'static str {
        match self {
            Route::Home => "GET /",
            Route::Search => "GET /search",
            Route::Checkout => "POST /checkout",
            Route::Report => "GET /report",
            Route::Unknown => "other",
        }
    }
}

/// Serves `shop` on `listener` for ever.
///
/// # Errors
/// The runtime cannot take the listener.
pub(super) async fn serve(listener: std::net::TcpListener, shop: Shop) -> io::Result<Infallible> {
    let listener = TcpListener::from_std(listener)?;
    let shop = Rc::new(shop);
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let tcp = match listener.accept().await {
            Ok((tcp, _)) => tcp,
            Err(_) => {
                sleep(millis(100)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&free).try_acquire_owned() else {
            continue;
        };
        let shop = Rc::clone(&shop);
        let free = Arc::clone(&free);
        spawn_local(async move {
            let open = |free: &Semaphore| (CONNECTIONS - free.available_permits()) as u64;
            shop.activity.connections(open(&free));
            let answer =
                service_fn(async |request| Ok::<_, Infallible>(shop.answer(request).await));
            // a client that goes away or sends nonsense ends its own connection alone
            let _ = http1::Builder::new().serve_connection(TokioIo::new(tcp), answer).await;
            drop(place);
            shop.activity.connections(open(&free));
        });
    }
}
