//! A router in a server of axum's.

use std::net::SocketAddr;

use axum::body::Body;
use axum::routing::{any, get};
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use perf_monitor_http::{
    Message, Mounted, Rejection, Request, Router, ServerOptions, Token, WebSocket, answer,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{client_async, tungstenite};

use crate::support::until;

/// A service that has `mounted` below `/monitor`.
struct Service {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

async fn start(mounted: &Mounted) -> Service {
    let mounted = mounted.clone();
    let inner = axum::Router::new().fallback(any(move |request: axum::extract::Request| {
        let mounted = mounted.clone();
        async move { mounted.respond(request).await.map(Body::new) }
    }));
    let service = axum::Router::new().route("/", get(|| async { "mine" })).nest("/monitor", inner);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    Service { address, serving }
}

impl Service {
    async fn ask(&self, what: &str, headers: &str, body: &str) -> String {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        let (address, length) = (self.address, body.len());
        let request = format!(
            "{what} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        tcp.read_to_string(&mut text).await.unwrap();
        text
    }

    async fn open(
        &self,
        headers: &[(&'static str, &str)],
    ) -> Result<tokio_tungstenite::WebSocketStream<TcpStream>, tungstenite::Error> {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let url = format!("ws://{}/monitor/socket", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        client_async(request, tcp).await.map(|(socket, _)| socket)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn router() -> Router {
    Router::new()
        .get("/hello", async |_: Request| answer(StatusCode::OK, "text/plain", "hello"))
        .post("/echo", async |request: Request| {
            answer(StatusCode::OK, "text/plain", request.into_body())
        })
        .get("/panics", async |_: Request| panic!("a handler that panics, for a test"))
        .websocket("/socket", async |mut socket: WebSocket, _: Request| {
            while let Ok(Some(Message::Text(text))) = socket.recv().await {
                if socket.send_text(text).await.is_err() {
                    return;
                }
            }
        })
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_host_s_server_serves_it_beside_its_own() {
    let mounted = router().mount(ServerOptions::default());
    let service = start(&mounted).await;
    assert!(service.ask("GET /", "", "").await.ends_with("mine"));
    let hello = service.ask("GET /monitor/hello", "", "").await;
    assert!(hello.ends_with("hello"), "{hello}");
    assert!(hello.contains("x-content-type-options: nosniff"), "{hello}");
    assert!(hello.contains("content-security-policy: default-src 'none'"), "{hello}");
    assert!(service.ask("POST /monitor/echo", "", "words").await.ends_with("words"));
    assert_eq!(status(&service.ask("GET /monitor/none", "", "").await), 404);
    assert_eq!(status(&service.ask("GET /monitor/panics", "", "").await), 500);
    assert_eq!(status(&service.ask("GET /monitor/socket", "", "").await), 426);
    assert_eq!(mounted.stats().requests(), 5);
    assert_eq!(mounted.stats().rejected(Rejection::Panic), 1);
}

#[tokio::test]
async fn what_another_site_asks_for_and_what_is_too_much_is_refused() {
    let options = ServerOptions::default().body_bytes(8).allow_host("metrics.example.org");
    let mounted = router().mount(options);
    let service = start(&mounted).await;
    let foreign = "Origin: http://elsewhere.example\r\n";
    assert_eq!(status(&service.ask("POST /monitor/echo", foreign, "words").await), 403);
    assert_eq!(status(&service.ask("POST /monitor/echo", "", "more than eight").await), 413);
    let refused = service.open(&[("origin", "http://elsewhere.example")]).await;
    assert!(matches!(refused, Err(tungstenite::Error::Http(answer)) if answer.status() == 403));
    // a name that was rebound to this address
    let rebound = service.open(&[("host", "elsewhere.example")]).await;
    assert!(matches!(rebound, Err(tungstenite::Error::Http(answer)) if answer.status() == 421));
    let allowed = [("host", "metrics.example.org"), ("origin", "http://metrics.example.org")];
    assert!(service.open(&allowed).await.is_ok());
    assert_eq!(mounted.stats().rejected(Rejection::Origin), 2);
    assert_eq!(mounted.stats().rejected(Rejection::Host), 1);
    assert_eq!(mounted.stats().rejected(Rejection::BodyBytes), 1);
}

#[tokio::test]
async fn a_token_is_asked_for_if_there_is_one() {
    let token = Token::new("open.sesame").unwrap();
    let mounted = router().mount(ServerOptions::default().token(token));
    let service = start(&mounted).await;
    assert_eq!(status(&service.ask("GET /monitor/hello", "", "").await), 401);
    let bearer = "Authorization: Bearer open.sesame\r\n";
    assert_eq!(status(&service.ask("GET /monitor/hello", bearer, "").await), 200);
    assert!(service.open(&[]).await.is_err());
    assert!(service.open(&[("cookie", "perf_monitor_token=open.sesame")]).await.is_ok());
}

#[tokio::test]
async fn a_websocket_goes_on_until_the_last_clone_is_gone() {
    let mounted = router().mount(ServerOptions::default().websockets(1));
    let service = start(&mounted).await;
    let stats = mounted.stats();
    let mut socket = service.open(&[]).await.unwrap();
    socket.send(Frame::text("hello ✓")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Frame::text("hello ✓"));
    let refused = service.open(&[]).await;
    assert!(matches!(refused, Err(tungstenite::Error::Http(answer)) if answer.status() == 503));
    assert_eq!(stats.websockets_open(), 1);
    drop((service, mounted));
    while let Some(Ok(message)) = socket.next().await {
        assert!(message.is_close(), "{message}");
    }
    until(|| stats.websockets_open() == 0).await;
}
