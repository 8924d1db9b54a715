//! Bodies of requests and responses.

use std::convert::Infallible;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use perf_monitor_bridges::tower::{RequestsLayer, ResponseBody};
use perf_monitor_core::Registry;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Body, BodyError, active, answer, data, ended, full, get, sizes, streamed};

const RESPONSES: &str = "http_server_response_size_bytes";

/// The response of a service that always gives this one.
async fn respond(registry: &Registry, response: Response<Body>) -> Response<ResponseBody<Body>> {
    let response = Mutex::new(Some(response));
    let service =
        service_fn(|_| ready(Ok::<_, Infallible>(response.lock().unwrap().take().unwrap())));
    RequestsLayer::new(registry).unwrap().layer(service).oneshot(get("/")).await.unwrap()
}

#[tokio::test]
async fn a_request_is_under_way_until_its_stream_has_ended() {
    let registry = Registry::new();
    let (frames, body) = streamed();
    let mut response = respond(&registry, answer(200, body)).await;
    frames.send(data("hello ")).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(active(&registry), ["GET unknown 1"]);
    assert_eq!(ended(&registry), [""; 0]);

    frames.send(data("world")).await.unwrap();
    drop(frames);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "world");
    assert_eq!(active(&registry), ["GET unknown 0"]);
    assert_eq!(ended(&registry), ["GET unknown 2xx 1"]);
    assert_eq!(sizes(&registry, RESPONSES), ["GET unknown 1 11"]);
}

#[tokio::test]
async fn a_response_without_a_body_ends_with_its_head() {
    let registry = Registry::new();
    let response = respond(&registry, answer(204, full(""))).await;
    assert_eq!(ended(&registry), ["GET unknown 2xx 1"]);
    drop(response);
    assert_eq!(ended(&registry), ["GET unknown 2xx 1"]);
    assert_eq!(sizes(&registry, RESPONSES), [""; 0]);
}

#[tokio::test]
async fn a_body_that_is_dropped_half_way_is_cancelled() {
    let registry = Registry::new();
    let (frames, body) = streamed();
    let mut response = respond(&registry, answer(200, body)).await;
    frames.send(data("hello ")).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    assert_eq!(active(&registry), ["GET unknown 0"]);
    assert_eq!(ended(&registry), ["GET unknown cancelled 1"]);
    assert_eq!(sizes(&registry, RESPONSES), ["GET unknown 1 6"]);
}

#[tokio::test]
async fn a_body_that_nobody_reads_counts_by_its_head() {
    let registry = Registry::new();
    drop(respond(&registry, answer(503, full("one that a layer outside replaces"))).await);
    assert_eq!(active(&registry), ["GET unknown 0"]);
    assert_eq!(ended(&registry), ["GET unknown 5xx 1"]);
    assert_eq!(sizes(&registry, RESPONSES), [""; 0]);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error() {
    let registry = Registry::new();
    let (frames, body) = streamed();
    let mut response = respond(&registry, answer(200, body)).await;
    frames.send(Err("the disk is gone")).await.unwrap();
    let error: BodyError = response.body_mut().frame().await.unwrap().unwrap_err();
    assert_eq!(error, "the disk is gone");
    assert_eq!(ended(&registry), ["GET unknown error 1"]);
    assert_eq!(active(&registry), ["GET unknown 0"]);
}

#[tokio::test]
async fn a_body_that_panics_is_an_error() {
    struct Panics;
    impl http_body::Body for Panics {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            panic!("as it should")
        }
    }
    let registry = Registry::new();
    let response = respond(&registry, answer(200, Panics.boxed())).await;
    let mut body = Box::pin(response.into_body());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(catch_unwind(AssertUnwindSafe(|| body.as_mut().poll_frame(&mut cx))).is_err());
    drop(body);
    assert_eq!(ended(&registry), ["GET unknown error 1"]);
    assert_eq!(active(&registry), ["GET unknown 0"]);
}

#[tokio::test]
async fn a_body_ends_with_the_last_byte_that_was_declared() {
    let registry = Registry::new();
    let (frames, body) = streamed();
    let response = Response::builder().header("content-length", 5).body(body).unwrap();
    let mut response = respond(&registry, response).await;
    frames.send(data("hel")).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(ended(&registry), [""; 0]);
    frames.send(data("lo")).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(ended(&registry), ["GET unknown 2xx 1"]);
}

#[tokio::test]
async fn a_body_ends_with_its_trailers() {
    let registry = Registry::new();
    let (frames, body) = streamed();
    let mut response = respond(&registry, answer(200, body)).await;
    frames.send(data("hello")).await.unwrap();
    frames.send(Ok(Frame::trailers(http::HeaderMap::new()))).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(ended(&registry), [""; 0]);
    assert!(response.body_mut().frame().await.unwrap().unwrap().is_trailers());
    drop(response);
    assert_eq!(ended(&registry), ["GET unknown 2xx 1"]);
    assert_eq!(sizes(&registry, RESPONSES), ["GET unknown 1 5"]);
}

#[tokio::test]
async fn the_body_within_is_passed_on_as_it_is() {
    let registry = Registry::new();
    let response = respond(&registry, answer(200, full("hello"))).await;
    assert_eq!(response.body().size_hint().exact(), Some(5));
    assert!(!response.body().is_end_stream());
    let mut body = response.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none());
    assert!(body.frame().await.is_none());

    let none = ResponseBody::<http_body_util::Empty<Bytes>>::default();
    assert!(none.collect().await.unwrap().to_bytes().is_empty());
    assert_eq!(ended(&registry), ["GET unknown 2xx 1"]);
}

#[tokio::test]
async fn the_size_of_a_request_is_recorded_where_it_is_known() {
    let registry = Registry::new();
    let service = service_fn(|_| ready(Ok::<_, Infallible>(answer(200, full("")))));
    let service = RequestsLayer::new(&registry).unwrap().layer(service);
    let send = |request: Request<Body>| service.clone().oneshot(request);
    send(Request::put("/").body(full("12345")).unwrap()).await.unwrap();
    let request = Request::put("/").header("content-length", "70000");
    send(request.body(streamed().1).unwrap()).await.unwrap();
    send(Request::put("/").body(streamed().1).unwrap()).await.unwrap();
    let request = Request::put("/").header("content-length", "many");
    send(request.body(streamed().1).unwrap()).await.unwrap();
    assert_eq!(sizes(&registry, "http_server_request_size_bytes"), ["PUT unknown 2 70005"]);
    assert_eq!(sizes(&registry, "request_size_bytes"), [" 2 70005"]);
    assert_eq!(ended(&registry), ["PUT unknown 2xx 4"]);
}
