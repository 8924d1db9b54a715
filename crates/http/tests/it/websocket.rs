//! WebSockets: the handshake, the messages, and the limits.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use perf_monitor_http::{Message, Rejection, Request, Router, ServerOptions, Token, WebSocket};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::{HELLO, Running, text, until};

const HANDSHAKE: &str = "GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

async fn echo(mut socket: WebSocket, _: Request) {
    while let Ok(Some(message)) = socket.recv().await {
        let sent = match message {
            Message::Text(text) => socket.send_text(text).await,
            Message::Binary(bytes) => socket.send_binary(bytes).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

fn start(options: ServerOptions) -> Running {
    Running::start(options, Router::new().websocket("/socket", echo))
}

async fn open(server: &Running) -> WebSocketStream<TcpStream> {
    let tcp = server.connect().await;
    client_async("ws://localhost/socket", tcp).await.unwrap().0
}

#[tokio::test]
async fn texts_and_bytes_come_back() {
    let server = start(ServerOptions::default());
    let mut socket = open(&server).await;
    for sent in [Frame::text("hello ✓"), Frame::binary(vec![7; 60_000]), Frame::text("")] {
        socket.send(sent.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), sent);
    }
    assert_eq!(server.stats.websockets_open(), 1);
    socket.close(None).await.unwrap();
    while socket.next().await.is_some() {}
    until(|| server.stats.websockets_open() == 0).await;
    until(|| server.stats.connections_open() == 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_without_a_word_frees_its_place() {
    let server = start(ServerOptions::default());
    let socket = open(&server).await;
    until(|| server.stats.websockets_open() == 1).await;
    drop(socket);
    until(|| server.stats.websockets_open() == 0).await;
}

#[tokio::test]
async fn the_proof_is_that_of_the_standard_and_a_path_may_answer_both_ways() {
    let router =
        Router::new().websocket("/socket", echo).get("/socket", async |_: Request| text("a page"));
    let server = Running::start(ServerOptions::default(), router);
    let mut tcp = server.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut tcp, HANDSHAKE.as_bytes()).await.unwrap();
    let head = crate::support::read_head(&mut tcp).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    assert_eq!(server.ask(HELLO.replace("/hello", "/socket")).await.text(), "a page");
}

#[tokio::test]
async fn a_garbage_handshake_is_refused() {
    let server = start(ServerOptions::default());
    for (good, bad, status) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", 400),
        ("keep-alive, Upgrade", "close", 400),
        ("Version: 13", "Version: 8", 426),
        ("Upgrade: websocket", "Upgrade: h2c", 426),
        ("Upgrade: websocket\r\n", "", 426),
    ] {
        let request = HANDSHAKE.replace(good, bad);
        let request = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let answer = server.ask(request).await;
        assert_eq!(answer.status, status, "{bad}");
        assert_eq!(answer.header("upgrade").is_some(), status == 426);
    }
    assert_eq!(server.rejected(Rejection::Malformed), 5);
    assert_eq!(server.stats.websockets_open(), 0);
}

#[tokio::test]
async fn another_site_gets_no_websocket() {
    let server = start(ServerOptions::default());
    for foreign in ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
        let more = format!("\r\n{foreign}\r\nConnection: close\r\n\r\n");
        assert_eq!(server.ask(HANDSHAKE.replace("\r\n\r\n", &more)).await.status, 403);
    }
    let rebound = HANDSHAKE.replace("Host: localhost", "Connection: close\r\nHost: evil.example");
    assert_eq!(server.ask(rebound).await.status, 421);
    assert_eq!(server.rejected(Rejection::Origin), 3);
    assert_eq!(server.rejected(Rejection::Host), 1);
}

#[tokio::test]
async fn a_websocket_needs_the_token_too() {
    let server = start(ServerOptions::default().token(Token::new("open.sesame").unwrap()));
    let close = HANDSHAKE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    assert_eq!(server.ask(close).await.status, 401);
    let cookie =
        HANDSHAKE.replace("\r\n\r\n", "\r\nCookie: perf_monitor_token=open.sesame\r\n\r\n");
    let mut tcp = server.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut tcp, cookie.as_bytes()).await.unwrap();
    assert!(crate::support::read_head(&mut tcp).await.starts_with("HTTP/1.1 101"));
}

#[tokio::test]
async fn of_33_websockets_the_last_gets_503_until_one_ends() {
    let server = start(ServerOptions::default());
    let mut sockets = Vec::new();
    for _ in 0..32 {
        sockets.push(open(&server).await);
    }
    let close = HANDSHAKE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    assert_eq!(server.ask(close).await.status, 503);
    assert_eq!(server.rejected(Rejection::WebSocketsFull), 1);
    drop(sockets.pop());
    until(|| server.stats.websockets_open() == 31).await;
    let mut last = open(&server).await;
    last.send(Frame::text("hello")).await.unwrap();
    assert_eq!(last.next().await.unwrap().unwrap(), Frame::text("hello"));
}

#[tokio::test]
async fn websockets_do_not_make_room_for_others() {
    let server = start(ServerOptions::default().connections(1));
    let mut socket = open(&server).await;
    until(|| server.stats.websockets_open() == 1).await;
    assert_eq!(server.ask("").await.status, 503);
    socket.send(Frame::text("still here")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Frame::text("still here"));
}

#[tokio::test]
async fn an_oversized_message_and_broken_frames_end_the_websocket() {
    let server = start(ServerOptions::default());
    let mut socket = open(&server).await;
    socket.send(Frame::binary(vec![7; 64 * 1024 + 1])).await.unwrap();
    assert!(!matches!(socket.next().await, Some(Ok(Frame::Binary(_)))));
    let socket = open(&server).await;
    let mut tcp = socket.into_inner();
    tokio::io::AsyncWriteExt::write_all(&mut tcp, &[0xff; 64]).await.unwrap();
    let _ = tcp.read_to_end(&mut Vec::new()).await;
    until(|| server.stats.websockets_open() == 0).await;
    assert_eq!(server.rejected(Rejection::BodyBytes), 1);
    assert_eq!(server.rejected(Rejection::Malformed), 1);
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_websocket_alone() {
    let panics = |mut socket: WebSocket, request: Request| async move {
        let said = socket.recv().await;
        assert_eq!(request.uri().path(), "/socket");
        panic!("on purpose: {said:?}");
    };
    let server =
        Running::start(ServerOptions::default(), Router::new().websocket("/socket", panics));
    for n in 1..=2 {
        let mut socket = open(&server).await;
        socket.send(Frame::text("hello")).await.unwrap();
        assert!(!matches!(socket.next().await, Some(Ok(_))));
        until(|| server.rejected(Rejection::Panic) == n).await;
    }
    until(|| server.stats.websockets_open() == 0).await;
}

/// A server whose handler hands on what comes of `run`.
fn report<F, Fut, T>(options: ServerOptions, run: F) -> (Running, mpsc::UnboundedReceiver<T>)
where
    F: Fn(WebSocket) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (tell, told) = mpsc::unbounded_channel();
    let handler = move |socket: WebSocket, _: Request| {
        let (tell, run) = (tell.clone(), run(socket));
        async move { drop(tell.send(run.await)) }
    };
    let server = Running::start(options, Router::new().websocket("/socket", handler));
    (server, told)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_given_up() {
    let flood = |mut socket: WebSocket| async move {
        let chunk = bytes::Bytes::from(vec![7; 100 * 1024]);
        let mut sent = 0;
        loop {
            match socket.send_binary(chunk.clone()).await {
                Ok(()) => sent += chunk.len(),
                Err(error) => return (sent, error, socket.ping().await),
            }
        }
    };
    let (server, mut told) = report(ServerOptions::default(), flood);
    let _socket = open(&server).await;
    let (sent, error, next) = told.recv().await.unwrap();
    assert!(error.is_timeout(), "{error}");
    assert!(next.unwrap_err().is_closed());
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes sent");
    assert_eq!(server.rejected(Rejection::Stalled), 1);
    until(|| server.stats.connections_open() == 0).await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_not_sent_and_harms_nothing() {
    let (server, mut told) =
        report(ServerOptions::default().message_bytes(1000), |mut socket| async move {
            let over = socket.send_binary(vec![7; 1001]).await;
            socket.send_text("x".repeat(1000)).await.unwrap();
            socket.close().await;
            over
        });
    let mut socket = open(&server).await;
    assert_eq!(socket.next().await.unwrap().unwrap().len(), 1000);
    assert!(matches!(socket.next().await, Some(Ok(Frame::Close(_)))));
    assert!(socket.next().await.is_none());
    assert!(told.recv().await.unwrap().unwrap_err().is_too_large());
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_given_up() {
    let (server, mut told) =
        report(ServerOptions::default(), |mut socket| async move { socket.recv().await });
    let begun = Instant::now();
    // a bare connection, so that nobody answers the ping
    let mut silent = open(&server).await.into_inner();
    let error = told.recv().await.unwrap().unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(begun.elapsed() >= Duration::from_secs(60));
    assert!(begun.elapsed() < Duration::from_secs(61));
    let mut got = Vec::new();
    silent.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, [0x89, 0], "one empty ping");
    assert_eq!(server.rejected(Rejection::IdleTime), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_stays() {
    let server = start(ServerOptions::default());
    let mut socket = open(&server).await;
    let begun = Instant::now();
    for _ in 0..5 {
        assert!(matches!(socket.next().await, Some(Ok(Frame::Ping(_)))));
        socket.flush().await.unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_secs(150));
    socket.send(Frame::text("hello")).await.unwrap();
    let mut next = socket.next().await.unwrap().unwrap();
    while next.is_ping() {
        next = socket.next().await.unwrap().unwrap();
    }
    assert_eq!(next, Frame::text("hello"));
}

#[tokio::test]
async fn a_server_that_stops_says_goodbye() {
    let server = start(ServerOptions::default());
    let stats = Arc::clone(&server.stats);
    let mut socket = open(&server).await;
    until(|| stats.websockets_open() == 1).await;
    let stopped = server.stop();
    let Some(Ok(tungstenite::Message::Close(Some(frame)))) = socket.next().await else {
        panic!("no close");
    };
    assert_eq!(frame.code, CloseCode::Away);
    stopped.await.unwrap();
    assert_eq!(stats.websockets_open(), 0);
}
