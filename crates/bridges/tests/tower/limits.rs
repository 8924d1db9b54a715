//! Many routes, and many threads.

use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::task::{Context, Waker};

use http::Request;
use perf_monitor_bridges::tower::RequestsLayer;
use perf_monitor_core::Registry;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Body, active, answer, durations, ended, full};

/// A service that answers at once, with the path as its route.
fn service(
    registry: &Registry,
) -> impl Service<Request<Body>, Response = (), Error = Infallible, Future: Send> + Clone + Send {
    let layer = RequestsLayer::new(registry).unwrap().route(|head| Some(head.uri.path().into()));
    let answers = service_fn(|_: Request<Body>| ready(Ok(answer(200, full("")))));
    layer.layer(answers).map_response(drop)
}

fn send(service: &mut impl Service<Request<Body>>, path: &str) {
    let mut future = pin!(service.call(Request::get(path).body(full("")).unwrap()));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

/// The counts at the end of lines.
fn sum(lines: &[String]) -> u64 {
    lines.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn routes_beyond_the_budget_share_the_overflow_series_and_are_counted() {
    let registry = Registry::new();
    let mut service = service(&registry);
    registry.set_budget_bytes(registry.stats().charged_bytes + 100 * 1024);
    for n in 0..1_000 {
        send(&mut service, &format!("/{}", n % 500));
    }
    let lines = ended(&registry);
    assert_eq!(sum(&lines), 1_000);
    assert!((20..500).contains(&lines.len()), "{} series", lines.len());
    let overflow = lines.iter().find(|line| line.starts_with("overflow")).unwrap();
    assert!(sum(std::slice::from_ref(overflow)) > 0, "{overflow}");
    // A refusal is counted at the look-up; a route that has room keeps what its status was given.
    assert!(registry.stats().refused_series >= 500, "{:?}", registry.stats());
    assert_eq!(durations(&registry), 1_000);
    assert_eq!(sum(&active(&registry)), 0);
}

#[test]
fn threads_that_serve_the_same_routes_lose_nothing() {
    let registry = Registry::new();
    let service = service(&registry);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut service = service.clone();
            scope.spawn(move || (0..5_000).for_each(|n| send(&mut service, ["/a", "/b"][n % 2])));
        }
    });
    assert_eq!(ended(&registry), ["GET /a 2xx 20000", "GET /b 2xx 20000"]);
    assert_eq!(active(&registry), ["GET /a 0", "GET /b 0"]);
}

#[test]
fn a_request_may_end_in_another_thread_than_it_began() {
    let registry = Registry::new();
    let mut service = service(&registry);
    let request = || Request::get("/a").body(full("")).unwrap();
    let futures: Vec<_> = (0..100).map(|_| service.call(request())).collect();
    assert_eq!(active(&registry), ["GET /a 100"]);
    std::thread::scope(|scope| scope.spawn(|| drop(futures)).join()).unwrap();
    assert_eq!(active(&registry), ["GET /a 0"]);
    assert_eq!(ended(&registry), ["GET /a cancelled 100"]);
}
