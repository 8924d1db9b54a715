//! Plain requests and their answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use http::StatusCode;
use perf_monitor_http::{
    Body, CHUNK_BYTES, Rejection, Request, Router, Server, ServerOptions, answer,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Answer, HELLO, Running, hello, read_head, text};

fn start(router: Router) -> Running {
    Running::start(ServerOptions::default(), router)
}

#[tokio::test]
async fn a_request_is_answered_with_the_headers_that_keep_a_browser_safe() {
    let server = start(hello());
    let answer = server.ask(HELLO).await;
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert_eq!(answer.header("content-length"), Some("5"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(server.stats.requests(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_runs_on_many_threads_too() {
    let server = start(hello());
    let asked = (0..32).map(|_| {
        let address = server.address;
        tokio::spawn(async move {
            let mut tcp = tokio::net::TcpStream::connect(address).await.unwrap();
            tcp.write_all(HELLO.as_bytes()).await.unwrap();
            Answer::read(&mut tcp).await.status
        })
    });
    for status in asked.collect::<Vec<_>>() {
        assert_eq!(status.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = start(hello());
    let mut tcp = server.connect().await;
    tcp.write_all(b"HEAD /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read_head(&mut tcp).await.starts_with("HTTP/1.1 404"));
    tcp.write_all(HELLO.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(&mut tcp).await.text(), "hello");
    assert_eq!(server.stats.connections_accepted(), 1);
    assert_eq!(server.stats.requests(), 2);
}

#[tokio::test]
async fn unknown_paths_get_404_and_other_methods_405() {
    let server = start(hello().post("/hello", async |_: Request| text("posted")));
    let answer = server.ask(HELLO.replace("/hello", "/bye")).await;
    assert_eq!(answer.status, 404);
    let answer = server.ask(HELLO.replace("GET", "DELETE")).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, POST, HEAD"));
    assert_eq!(server.ask(HELLO.replace("GET", "POST")).await.text(), "posted");
}

#[tokio::test]
async fn a_handler_sees_the_body_the_query_and_the_peer() {
    let server = start(Router::new().post("/echo", async |request: Request| {
        let peer = request.extensions().get::<SocketAddr>().unwrap().ip();
        let name = perf_monitor_http::query_value(&request, "name").unwrap();
        let body = String::from_utf8(request.into_body().to_vec()).unwrap();
        text(format!("{name} at {peer} said {body}"))
    }));
    let request = "POST /echo?name=a%20b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    let answer = server.ask(request).await;
    assert_eq!(answer.text(), "a b at 127.0.0.1 said hello");
}

#[tokio::test]
async fn head_is_answered_by_get_without_its_body() {
    let pulled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&pulled);
    let stream = move |_: Request| {
        let count = Arc::clone(&count);
        let source = move |_: &mut Vec<u8>| count.fetch_add(1, Relaxed) > 0;
        async { text(Body::stream(source)) }
    };
    let server = start(hello().get("/stream", stream));
    let answer = server.ask(HELLO.replace("GET", "HEAD")).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.header("content-length"), Some("5"));
    let head = HELLO.replace("GET", "HEAD").replace("/hello", "/stream");
    let answer = server.ask(head).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(pulled.load(Relaxed), 0);
}

/// Chunks of a stream: line `n` is `n` in hexadecimal.
fn lines(count: usize) -> Body {
    let mut lines = 0..count;
    Body::stream(move |out: &mut Vec<u8>| {
        while out.len() < CHUNK_BYTES {
            let Some(line) = lines.next() else {
                return false;
            };
            out.extend_from_slice(format!("{line:06x}\n").as_bytes());
        }
        true
    })
}

fn dechunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|end| end == b"\r\n").unwrap();
        let size = std::str::from_utf8(&body[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
}

#[tokio::test]
async fn a_stream_arrives_whole_in_chunks() {
    let server = start(Router::new().get("/hello", async |_: Request| text(lines(300_000))));
    let answer = server.ask(HELLO).await;
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let whole = String::from_utf8(dechunk(&answer.body)).unwrap();
    let told = whole.lines().map(|line| usize::from_str_radix(line, 16).unwrap());
    assert!(told.eq(0..300_000));
}

#[tokio::test]
async fn an_empty_stream_is_an_empty_answer() {
    let server = start(Router::new().get("/hello", async |_: Request| text(lines(0))));
    let answer = server.ask(HELLO).await;
    assert_eq!((answer.status, dechunk(&answer.body).len()), (200, 0));
}

#[tokio::test]
async fn a_handler_that_panics_gives_500_and_the_connection_lives_on() {
    let panics = |_: Request| async { panic!("on purpose, in a future") };
    let at_once = |_: Request| -> std::future::Ready<_> { panic!("on purpose, before a future") };
    let server = start(hello().get("/panic", panics).get("/panic-at-once", at_once));
    let mut tcp = server.connect().await;
    for path in ["/panic", "/panic-at-once"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        assert!(read_head(&mut tcp).await.starts_with("HTTP/1.1 500"));
    }
    tcp.write_all(HELLO.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(&mut tcp).await.text(), "hello");
    assert_eq!(server.rejected(Rejection::Panic), 2);
}

#[tokio::test]
async fn a_stream_that_panics_is_cut_off_and_not_ended() {
    let source = |_: Request| async {
        let mut calls = 0;
        text(Body::stream(move |out: &mut Vec<u8>| {
            calls += 1;
            assert!(calls < 3, "on purpose, in a stream");
            out.extend_from_slice(b"some");
            true
        }))
    };
    let server = start(Router::new().get("/hello", source));
    let mut tcp = server.connect().await;
    tcp.write_all(HELLO.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    // a reset says the same as an early end
    let _ = tcp.read_to_end(&mut got).await;
    assert!(!got.ends_with(b"0\r\n\r\n"));
    assert_eq!(server.rejected(Rejection::Panic), 1);
    assert_eq!(server.ask(HELLO.replace("/hello", "/bye")).await.status, 404);
}

#[tokio::test]
async fn what_a_handler_sets_is_sent() {
    let cached = async |_: Request| {
        let mut response = answer(StatusCode::OK, "text/css", "a {}");
        let forever = http::HeaderValue::from_static("max-age=31536000, immutable");
        response.headers_mut().insert(http::header::CACHE_CONTROL, forever);
        response
    };
    let server = start(Router::new().get("/hello", cached));
    let answer = server.ask(HELLO).await;
    assert_eq!(answer.header("cache-control"), Some("max-age=31536000, immutable"));
    assert_eq!(answer.header("content-type"), Some("text/css"));
}

#[test]
fn a_busy_port_is_an_error_that_names_it() {
    let first = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default()).unwrap();
    let error = Server::bind(first.local_addr(), ServerOptions::default()).unwrap_err();
    assert!(error.is_address_in_use());
    let said = error.to_string();
    let expected = format!("address {} is in use: choose another", first.local_addr());
    assert!(said.starts_with(&expected), "{said}");
    let second = Server::bind_or_free(first.local_addr(), ServerOptions::default()).unwrap();
    assert_eq!(second.local_addr().ip(), first.local_addr().ip());
    assert_ne!(second.local_addr().port(), first.local_addr().port());
}
