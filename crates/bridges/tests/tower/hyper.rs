//! A plain hyper server, with clients that behave and clients that do not.

use std::convert::Infallible;
use std::future::pending;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use perf_monitor_bridges::tower::RequestsLayer;
use perf_monitor_core::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower::{Layer, service_fn};

use crate::support::{Body, active, answer, data, ended, full, sizes, streamed};

/// Answers by path; `begun` hears of requests that will not be answered.
async fn serve(
    request: Request<Incoming>,
    begun: mpsc::UnboundedSender<()>,
) -> Result<Response<Body>, Infallible> {
    Ok(match request.uri().path() {
        "/hello" => answer(200, full("hello")),
        "/none" => answer(204, full("")),
        "/never" => {
            begun.send(()).unwrap();
            pending().await
        }
        "/stream" => {
            let (frames, body) = streamed();
            frames.send(data("some of it")).await.unwrap();
            // Never ends, whether it is read or not.
            tokio::spawn(async move { frames.closed().await });
            answer(200, body)
        }
        _ => answer(404, full("no such page")),
    })
}

/// The client's end of a connection, what the service tells of it, and the server's end of it.
fn connect(registry: &Registry) -> (DuplexStream, mpsc::UnboundedReceiver<()>, JoinHandle<()>) {
    let layer = RequestsLayer::new(registry).unwrap().route(|head| Some(head.uri.path().into()));
    let (sender, begun) = mpsc::unbounded_channel();
    let service = layer.layer(service_fn(move |request| serve(request, sender.clone())));
    let (client, server) = tokio::io::duplex(64 * 1024);
    let connection = http1::Builder::new()
        .serve_connection(TokioIo::new(server), TowerToHyperService::new(service));
    let served = tokio::spawn(async move {
        // A client that left is an error of the connection, which is what these tests make.
        let _ = connection.await;
    });
    (client, begun, served)
}

#[tokio::test]
async fn a_connection_of_several_requests_is_counted_by_request() {
    let registry = Registry::new();
    let (mut client, _begun, served) = connect(&registry);
    let requests = [
        "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "BREW /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ];
    client.write_all(requests.concat().as_bytes()).await.unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    served.await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3);
    let expected =
        ["GET /hello 2xx 1", "HEAD /hello 2xx 1", "POST /none 2xx 1", "other /hello 2xx 1"];
    assert_eq!(ended(&registry), expected);
    assert!(active(&registry).iter().all(|line| line.ends_with(" 0")));
    let received = sizes(&registry, "http_server_request_size_bytes");
    assert!(received.contains(&"POST /none 1 3".to_string()), "{received:?}");
    let sent = sizes(&registry, "http_server_response_size_bytes");
    assert!(sent.contains(&"GET /hello 1 5".to_string()), "{sent:?}");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_response_is_counted_as_cancelled() {
    let registry = Registry::new();
    let (mut client, mut begun, served) = connect(&registry);
    client.write_all(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    begun.recv().await.unwrap();
    assert_eq!(active(&registry), ["GET /never 1"]);
    drop(client);
    served.await.unwrap();
    assert_eq!(ended(&registry), ["GET /never cancelled 1"]);
    assert_eq!(active(&registry), ["GET /never 0"]);
}

#[tokio::test]
async fn a_client_that_leaves_within_a_stream_is_counted_as_cancelled() {
    let registry = Registry::new();
    let (mut client, _begun, served) = connect(&registry);
    client.write_all(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"some of it\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    assert_eq!(active(&registry), ["GET /stream 1"]);
    drop(client);
    served.await.unwrap();
    assert_eq!(ended(&registry), ["GET /stream cancelled 1"]);
    assert_eq!(active(&registry), ["GET /stream 0"]);
    assert_eq!(sizes(&registry, "http_server_response_size_bytes"), ["GET /stream 1 10"]);
}
