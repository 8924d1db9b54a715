//! Any service of requests.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use perf_monitor_bridges::tower::RequestsLayer;
use perf_monitor_core::{MetricsCollector, Registry};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Body, Broken, active, answer, durations, ended, full, get, sizes};

fn layer(registry: &Registry) -> RequestsLayer {
    RequestsLayer::new(registry).unwrap()
}

#[tokio::test]
async fn a_request_is_counted_by_method_route_and_class_of_status() {
    let registry = Registry::new();
    let layer = layer(&registry).route(|head| Some(head.uri.path()[1..].into()));
    let status = |request: Request<_>| request.uri().query().unwrap().parse().unwrap();
    let service = layer.layer(service_fn(move |request| {
        ready(Ok::<_, Infallible>(answer(status(request), full(""))))
    }));
    for (method, path) in [
        ("GET", "/a?200"),
        ("GET", "/a?204"),
        ("GET", "/a?302"),
        ("POST", "/a?404"),
        ("POST", "/b?503"),
        ("POST", "/b?799"),
        ("GET", "/b?101"),
    ] {
        let request = Request::builder().method(method).uri(path).body(full("")).unwrap();
        service.clone().oneshot(request).await.unwrap();
    }
    let expected = ["GET a 2xx 2", "GET a 3xx 1", "GET b 1xx 1", "POST a 4xx 1", "POST b 5xx 2"];
    assert_eq!(ended(&registry), expected);
    assert_eq!(active(&registry), ["GET a 0", "POST a 0", "POST b 0", "GET b 0"]);
    assert_eq!(durations(&registry), 7);
}

#[tokio::test]
async fn what_clients_choose_makes_no_series() {
    let registry = Registry::new();
    let service =
        layer(&registry).layer(service_fn(|_| ready(Ok::<_, Infallible>(answer(404, full(""))))));
    for n in 0..100 {
        let method = Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
        let request = Request::builder().method(method).uri(format!("/{n}?{n}"));
        service.clone().oneshot(request.body(full("")).unwrap()).await.unwrap();
    }
    assert_eq!(ended(&registry), ["other unknown 4xx 100"]);
}

#[tokio::test]
async fn a_route_that_the_rule_does_not_know_goes_by_the_default() {
    let registry = Registry::new();
    let layer = layer(&registry).route(|head| head.uri.query().map(|query| query.into()));
    let service = layer.layer(service_fn(|_| ready(Ok::<_, Infallible>(answer(200, full(""))))));
    service.clone().oneshot(get("/a?orders")).await.unwrap();
    service.clone().oneshot(get("/a")).await.unwrap();
    assert_eq!(ended(&registry), ["GET orders 2xx 1", "GET unknown 2xx 1"]);
}

#[tokio::test]
async fn a_service_that_gives_an_error_is_counted_and_its_error_passed_on() {
    let registry = Registry::new();
    let service =
        layer(&registry).layer(service_fn(|_| ready(Err::<Response<Body>, Broken>(Broken))));
    assert_eq!(service.oneshot(get("/")).await.unwrap_err(), Broken);
    assert_eq!(ended(&registry), ["GET unknown error 1"]);
    assert_eq!(active(&registry), ["GET unknown 0"]);
    assert_eq!(durations(&registry), 1);
}

#[tokio::test]
async fn a_response_that_is_given_up_is_cancelled() {
    let registry = Registry::new();
    let mut service =
        layer(&registry).layer(service_fn(|_| pending::<Result<Response<Body>, Infallible>>()));
    let unpolled = service.call(get("/"));
    let mut polled = Box::pin(service.call(get("/")));
    assert!(polled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(active(&registry), ["GET unknown 2"]);
    assert_eq!(ended(&registry), [""; 0]);
    drop((unpolled, polled));
    assert_eq!(active(&registry), ["GET unknown 0"]);
    assert_eq!(ended(&registry), ["GET unknown cancelled 2"]);
    assert_eq!(sizes(&registry, "http_server_response_size_bytes"), [""; 0]);
}

#[tokio::test]
async fn a_panic_is_an_error_wherever_it_happens_and_whoever_catches_it() {
    let registry = Registry::new();
    let layer = layer(&registry).route(|head| Some(head.uri.path()[1..].into()));

    async fn fails(request: Request<Body>) -> Result<Response<Body>, Infallible> {
        panic!("as {} should", request.uri())
    }
    let mut in_future = layer.layer(service_fn(fails));
    let request = || get("/future").map(|body| body.map_err(|never| match never {}).boxed());
    // Caught and dropped while the panic unwinds, by a task;
    let task = tokio::spawn(in_future.call(request()));
    assert!(task.await.unwrap_err().is_panic());
    // caught outside, and dropped afterwards.
    let mut future = Box::pin(in_future.call(request()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx))).is_err());
    assert_eq!(active(&registry), ["GET future 1"]);
    drop(future);

    let mut in_call = layer.layer(service_fn(
        |request: Request<Body>| -> std::future::Ready<Result<Response<Body>, Infallible>> {
            panic!("as {} should", request.uri())
        },
    ));
    let request = get("/call").map(|body| body.map_err(|never| match never {}).boxed());
    assert!(catch_unwind(AssertUnwindSafe(|| in_call.call(request))).is_err());

    assert_eq!(ended(&registry), ["GET call error 1", "GET future error 2"]);
    assert_eq!(active(&registry), ["GET future 0", "GET call 0"]);
}

#[tokio::test]
async fn the_collector_of_the_registry_sees_the_same_requests() {
    let registry = Registry::new();
    let status = |request: &Request<_>| request.uri().path()[1..].parse().unwrap();
    let service =
        service_fn(move |request| ready(Ok::<_, Infallible>(answer(status(&request), full("")))));
    let collected = layer(&registry).layer(service);
    for path in ["/200", "/404", "/500"] {
        collected.clone().oneshot(get(path)).await.unwrap();
    }
    drop(collected.clone().call(get("/200")));
    let metrics = MetricsCollector::new(&registry).unwrap();
    assert_eq!((metrics.total_requests(), metrics.failed_requests()), (4, 2));

    let quiet = layer(&registry).without_collector().layer(service);
    quiet.oneshot(get("/200")).await.unwrap();
    assert_eq!(metrics.total_requests(), 4);
    assert_eq!(durations(&registry), 5);
}

#[tokio::test]
async fn layers_of_one_registry_share_their_metrics() {
    let registry = Registry::new();
    for _ in 0..2 {
        let answers = service_fn(|_| ready(Ok::<_, Infallible>(answer(200, full("")))));
        layer(&registry).layer(answers).oneshot(get("/")).await.unwrap();
    }
    assert_eq!(ended(&registry), ["GET unknown 2xx 2"]);
}

#[test]
fn a_name_that_is_taken_is_an_error_of_the_layer() {
    let registry = Registry::new();
    registry.gauge(("http_server_requests_total", "Something else.")).unwrap();
    assert!(RequestsLayer::new(&registry).unwrap_err().is_clash());
}

#[test]
fn the_service_is_ready_when_the_one_within_is() {
    struct Never;
    impl Service<Request<Body>> for Never {
        type Response = Response<Body>;
        type Error = Broken;
        type Future = std::future::Ready<Result<Response<Body>, Broken>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
            Poll::Ready(Err(Broken))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let mut service = layer(&Registry::new()).layer(Never);
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    assert_eq!(ready, Poll::Ready(Err(Broken)));
}
