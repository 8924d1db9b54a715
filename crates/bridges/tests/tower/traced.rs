//! The spans of requests that a service receives.

use std::convert::Infallible;
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use perf_monitor_bridges::tower::RequestsLayer;
use perf_monitor_core::{Context as ThreadContext, Registry, Value};
use perf_monitor_tracing::propagation::{self, Baggage};
use perf_monitor_tracing::{DistributedTracer, TracerOptions};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::spans::{exemplars, headers, keeping, lines, spans};
use crate::support::{Body, BodyError, Broken, answer, ended, full, get};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A layer whose routes are the first parts of paths.
fn traced(registry: &Registry) -> (DistributedTracer, RequestsLayer) {
    let tracer = keeping(registry);
    let layer = RequestsLayer::new(registry).unwrap().tracer(&tracer).route(|head| {
        let first = head.uri.path().split('/').nth(1).filter(|first| !first.is_empty())?;
        Some(format!("/{first}").into())
    });
    (tracer, layer)
}

/// Answers with the status that the path ends with.
async fn by_path<A>(request: Request<A>) -> Result<Response<Body>, Infallible> {
    let status = request.uri().path().rsplit('/').next().unwrap().parse().unwrap();
    Ok(answer(status, full("")))
}

/// A body whose frames are made while it is read.
fn made(mut make: impl FnMut() -> Option<&'static str> + Send + Sync + 'static) -> Body {
    let frames = futures_util::stream::poll_fn(move |_| {
        let frame = |text: &str| Ok::<_, BodyError>(Frame::data(Bytes::from(text.to_owned())));
        Poll::Ready(make().map(frame))
    });
    BodyExt::boxed(StreamBody::new(frames))
}

/// Nothing is sampled, so that what is kept is kept by the tail rule, or for its sender.
fn tail_only() -> TracerOptions {
    TracerOptions { ratio: 0.0, ..TracerOptions::default() }
}

fn inside() -> u128 {
    ThreadContext::current().trace_id
}

#[tokio::test]
async fn a_request_is_a_server_span_below_the_one_that_it_came_from() {
    let registry = Registry::new();
    let (tracer, layer) = traced(&registry);
    let mut request = get("/users/200?secret=1");
    *request.headers_mut() =
        headers([("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]);
    let here = tracer.clone();
    let service = layer.layer(service_fn(move |request| {
        let mut sent = HeaderMap::new();
        propagation::inject(&here.current().unwrap(), &mut sent);
        assert_eq!(sent["tracestate"], "a=1,b=2", "others' state goes on with our requests");
        by_path(request)
    }));
    service.oneshot(request).await.unwrap();
    let spans = spans(&tracer);
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].trace_id.to_string(), TRACE);
    assert_eq!(spans[0].parent.unwrap().to_string(), "00f067aa0ba902b7");
    assert!(spans[0].parent_is_remote);
    assert_eq!(&*spans[0].trace_state, "a=1,b=2");
    let expected = "server GET /users http.request.method=GET url.path=/users/200 \
                    http.route=/users http.response.status_code=200";
    assert_eq!(lines(&tracer), [expected]);
}

#[tokio::test]
async fn without_a_valid_sender_a_request_begins_a_trace() {
    let registry = Registry::new();
    let (tracer, layer) = traced(&registry);
    let service = layer.layer(service_fn(by_path));
    for parent in [None, Some("00-nonsense")] {
        let mut request = get("/a/200");
        if let Some(parent) = parent {
            *request.headers_mut() = headers([("traceparent", parent)]);
        }
        service.clone().oneshot(request).await.unwrap();
    }
    let spans = spans(&tracer);
    assert!(spans.iter().all(|span| span.parent.is_none()));
    assert_ne!(spans[0].trace_id, spans[1].trace_id);
    let snapshot = registry.snapshot();
    let invalid = "perf_monitor_propagation_invalid_total";
    let invalid = snapshot.value(invalid, &[("header", "traceparent")]);
    assert!(matches!(invalid, Some(Value::Counter(1))));
}

#[tokio::test]
async fn the_service_is_in_the_span_in_every_poll_and_so_is_the_body() {
    let registry = Registry::new();
    let (tracer, layer) = traced(&registry);
    let below = tracer.clone();
    let mut service = layer.layer(service_fn(move |_: Request<_>| {
        let trace = inside();
        assert_ne!(trace, 0, "when it is called");
        let below = below.clone();
        async move {
            let mut polls = 0;
            poll_fn(|_| {
                assert_eq!(inside(), trace);
                polls += 1;
                if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            drop(below.span("query"));
            let mut frames = 2;
            Ok::<_, Infallible>(answer(
                200,
                made(move || {
                    assert_eq!(inside(), trace);
                    drop(below.span("row"));
                    frames -= 1;
                    (frames > 0).then_some("frame")
                }),
            ))
        }
    }));
    let mut cx = Context::from_waker(Waker::noop());
    let mut future = pin!(service.call(get("/a")));
    assert_eq!(inside(), 0);
    for _ in 0..2 {
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert_eq!(inside(), 0, "others are polled in between");
    }
    let Poll::Ready(Ok(response)) = future.as_mut().poll(&mut cx) else { panic!("it is ready") };
    assert_eq!(tracer.open_spans().len(), 1, "the body is yet to be read");
    response.into_body().collect().await.unwrap();
    assert_eq!(inside(), 0);
    let spans = spans(&tracer);
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["GET /a", "query", "row", "row"]);
    assert!(spans[1..].iter().all(|span| span.parent == Some(spans[0].span_id)));
}

#[tokio::test]
async fn what_a_service_holds_is_dropped_in_the_span_when_it_is_given_up() {
    struct Lock(DistributedTracer);
    impl Drop for Lock {
        fn drop(&mut self) {
            drop(self.0.span("unlock"));
        }
    }
    let registry = Registry::new();
    let (tracer, layer) = traced(&registry);
    let here = tracer.clone();
    let mut service = layer.layer(service_fn(move |_: Request<_>| {
        let lock = Lock(here.clone());
        async move {
            let _lock = lock;
            pending::<Result<Response<Body>, Infallible>>().await
        }
    }));
    let mut future = Box::pin(service.call(get("/a")));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(future);
    assert_eq!(inside(), 0);
    let spans = spans(&tracer);
    assert_eq!(spans[1].parent, Some(spans[0].span_id));
    assert_eq!((&*spans[0].name, &*spans[1].name), ("GET /a", "unlock"));
}

#[tokio::test]
async fn an_end_that_is_no_success_fails_the_span_and_says_why() {
    let registry = Registry::new();
    let (tracer, layer) = traced(&registry);
    let service = layer.layer(service_fn(by_path));
    for path in ["/a/302", "/a/404", "/a/503", "/a/799"] {
        service.clone().oneshot(get(path)).await.unwrap();
    }
    let broken = layer.layer(service_fn(|_| ready(Err::<Response<Body>, _>(Broken))));
    broken.oneshot(get("/a/broken")).await.unwrap_err();
    let waits = service_fn(|_| pending::<Result<Response<Body>, Infallible>>());
    drop(layer.layer(waits).call(get("/a/waits")));
    let half = || ready(Ok::<_, Infallible>(answer(200, made(|| Some("again")))));
    let mut body = layer.layer(service_fn(move |_| half())).oneshot(get("/a/half")).await.unwrap();
    body.body_mut().frame().await.unwrap().unwrap();
    drop(body);
    let panics = service_fn(|_| {
        poll_fn(|_| -> Poll<Result<Response<Body>, Infallible>> { panic!("as it should") })
    });
    let mut panics = Box::pin(layer.layer(panics).call(get("/a/panics")));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(catch_unwind(AssertUnwindSafe(|| panics.as_mut().poll(&mut cx))).is_err());
    drop(panics);
    assert_eq!(inside(), 0);
    let ends: Vec<String> = lines(&tracer)
        .iter()
        .map(|line| line.replace("server GET /a http.request.method=GET url.path=/a/", ""))
        .map(|line| line.replace("http.route=/a ", "").replace("http.response.status_code=", ""))
        .collect();
    let expected = [
        "302 302",
        "404 404",
        "failed 503 503 error.type=503",
        "failed 799 799 error.type=799",
        "failed broken error.type=error",
        "failed waits error.type=cancelled",
        "failed half 200 error.type=cancelled",
        "failed panics error.type=error",
    ];
    assert_eq!(ends, expected);
}

#[tokio::test]
async fn a_grpc_call_fails_by_its_own_status() {
    let registry = Registry::new();
    let (tracer, layer) = traced(&registry);
    for (code, failed) in [("0", false), ("5", false), ("14", true)] {
        let service = layer.layer(service_fn(move |_| {
            let mut response = answer(200, full(""));
            *response.headers_mut() =
                headers([("content-type", "application/grpc"), ("grpc-status", code)]);
            ready(Ok::<_, Infallible>(response))
        }));
        service.oneshot(get("/a")).await.unwrap();
        let last = lines(&tracer).pop().unwrap();
        assert_eq!(last.starts_with("failed"), failed);
        assert_eq!(
            last.ends_with("http.response.status_code=200 error.type=5xx"),
            failed,
            "{last}"
        );
    }
}

#[tokio::test]
async fn what_clients_choose_makes_no_names() {
    let registry = Registry::new();
    let tracer = keeping(&registry);
    let layer = RequestsLayer::new(&registry).unwrap().tracer(&tracer);
    let service = layer.layer(service_fn(by_path));
    for n in 0..50 {
        let method = Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
        let request = Request::builder().method(method).uri(format!("http://a/{n}/200?{n}"));
        service.clone().oneshot(request.body(Full::default()).unwrap()).await.unwrap();
    }
    service.clone().oneshot(get("/200")).await.unwrap();
    let lines = lines(&tracer);
    let expected = "server HTTP http.request.method=_OTHER url.path=/0/200 url.scheme=http \
                    http.request.method_original=M0 http.response.status_code=200";
    assert_eq!(lines[0], expected);
    assert!(lines[50].starts_with("server GET http.request.method=GET"));
    let mut names: Vec<_> = spans(&tracer).iter().map(|span| span.name.clone()).collect();
    names.dedup();
    assert_eq!(names.len(), 2);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_span_is_named_by_the_template_of_axum() {
    let registry = Registry::new();
    let tracer = keeping(&registry);
    let layer = RequestsLayer::new(&registry).unwrap().tracer(&tracer);
    let here = tracer.clone();
    let user = axum::routing::get(|| async move { drop(here.span("look up")) });
    let app = axum::Router::<()>::new().route("/users/{id}", user).layer(layer);
    let request = Request::get("/users/7").body(axum::body::Body::empty()).unwrap();
    app.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    let names: Vec<_> = spans(&tracer).into_iter().map(|span| span.name).collect();
    assert_eq!(
        names.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["GET /users/{id}", "look up"]
    );
}

#[tokio::test]
async fn of_layers_within_one_another_the_inner_span_is_below_the_outer() {
    let registry = Registry::new();
    let (tracer, layer) = traced(&registry);
    let service = layer.layer(layer.layer(service_fn(by_path)));
    let mut request = get("/a/200");
    *request.headers_mut() = headers([("traceparent", PARENT)]);
    service.oneshot(request).await.unwrap();
    let spans = spans(&tracer);
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[1].parent, Some(spans[0].span_id));
    assert!(spans.iter().all(|span| span.trace_id.to_string() == TRACE));
}

#[tokio::test]
async fn a_duration_has_the_trace_as_its_exemplar_if_that_is_kept() {
    let registry = Registry::new();
    let tracer = DistributedTracer::new(&registry, tail_only()).unwrap();
    let layer = RequestsLayer::new(&registry).unwrap().tracer(&tracer);
    let service = layer.layer(service_fn(by_path));
    service.clone().oneshot(get("/200")).await.unwrap();
    let (route, all) = ("http_server_request_duration_seconds", "request_duration_seconds");
    assert!(exemplars(&registry, route).is_empty() && exemplars(&registry, all).is_empty());

    // What failed is kept by the tail rule, what the sender sampled by the head's.
    service.clone().oneshot(get("/500")).await.unwrap();
    let failed = tracer.failed(1).remove(0).spans.remove(0);
    let of_failed = exemplars(&registry, route);
    assert_eq!(of_failed[0].trace_id, failed.trace_id.get());
    assert_eq!(of_failed[0].span_id, failed.span_id.get());
    assert_ne!(of_failed[0].unix_ns, 0);
    assert_eq!(exemplars(&registry, all)[0].trace_id, failed.trace_id.get());

    let registry = Registry::new();
    let tracer = DistributedTracer::new(&registry, tail_only()).unwrap();
    let layer = RequestsLayer::new(&registry).unwrap().tracer(&tracer).without_collector();
    let mut request = get("/200");
    *request.headers_mut() = headers([("traceparent", PARENT)]);
    layer.layer(service_fn(by_path)).oneshot(request).await.unwrap();
    assert_eq!(format!("{:032x}", exemplars(&registry, route)[0].trace_id), TRACE);
}

#[tokio::test]
async fn the_baggage_of_a_request_is_in_its_extensions() {
    let registry = Registry::new();
    let (_, layer) = traced(&registry);
    let users = service_fn(|request: Request<_>| {
        let baggage = request.extensions().get::<Baggage>();
        let user = baggage.and_then(|baggage| baggage.get("user")).map(|user| user.into_owned());
        ready(Ok::<_, Infallible>(answer(
            if user.as_deref() == Some("Zoë") { 200 } else { 404 },
            full(""),
        )))
    });
    let service = layer.layer(users);
    let mut request = get("/a");
    *request.headers_mut() = headers([("baggage", "tier=gold"), ("baggage", "user=Zo%C3%AB")]);
    assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
    assert_eq!(service.oneshot(get("/a")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_layer_without_a_tracer_makes_no_spans() {
    let registry = Registry::new();
    let tracer = keeping(&registry);
    let layer = RequestsLayer::new(&registry).unwrap();
    let service = layer.layer(service_fn(|request| {
        assert_eq!(inside(), 0);
        by_path(request)
    }));
    let mut request = get("/200");
    *request.headers_mut() = headers([("traceparent", PARENT), ("baggage", "a=1")]);
    service.oneshot(request).await.unwrap();
    assert_eq!(lines(&tracer), [""; 0]);
    assert_eq!(ended(&registry), ["GET unknown 2xx 1"]);
}
