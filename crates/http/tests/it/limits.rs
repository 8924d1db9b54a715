//! Every limit of the listener: what hits it is refused, counted, and harms no one else.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use perf_monitor_http::{Body, CHUNK_BYTES, Rejection, Request, Router, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::support::{Answer, HELLO, Running, hello, later, read_head, text, until};

fn posted(length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn takes_posts() -> Router {
    hello().post("/hello", async |request: Request| text(format!("{} bytes", request.body().len())))
}

#[tokio::test]
async fn an_oversized_header_gets_431() {
    let server = Running::start(ServerOptions::default(), hello());
    for bytes in [17 * 1024, 100 * 1024] {
        let header = format!("X: {}\r\n\r\n", "x".repeat(bytes));
        let answer = server.ask(HELLO.replace("\r\n\r\n", "\r\n") + &header).await;
        assert_eq!(answer.status, 431);
    }
    // counted once the client has closed, too
    until(|| server.rejected(Rejection::HeaderBytes) == 2).await;
    assert_eq!(server.ask(HELLO).await.status, 200);
}

#[tokio::test]
async fn a_head_just_below_the_limit_passes() {
    let server = Running::start(ServerOptions::default(), hello());
    let header = format!("X: {}\r\n\r\n", "x".repeat(15 * 1024));
    let answer = server.ask(HELLO.replace("\r\n\r\n", "\r\n") + &header).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_oversized_body_gets_413_announced_or_not() {
    let server = Running::start(ServerOptions::default().body_bytes(1000), takes_posts());
    assert_eq!(server.ask(posted(1000, &[b'x'; 1000])).await.text(), "1000 bytes");
    // announced: refused before a byte of it, however much the client still sends
    assert_eq!(server.ask(posted(100_000, &[b'x'; 100_000])).await.status, 413);
    let chunked = "POST /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let answer = server.ask(format!("{chunked}{}", chunk.repeat(3))).await;
    assert_eq!(answer.status, 413);
    assert_eq!(server.rejected(Rejection::BodyBytes), 2);
}

#[tokio::test]
async fn a_client_that_sends_on_after_it_was_refused_still_gets_its_answer() {
    let server = Running::start(ServerOptions::default(), takes_posts());
    let mut tcp = server.connect().await;
    tcp.write_all(&posted(200_000, b"")).await.unwrap();
    tcp.peek(&mut [0]).await.unwrap();
    for _ in 0..20 {
        tcp.write_all(&[b'x'; 10_000]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(Answer::read(&mut tcp).await.status, 413);
}

#[tokio::test]
async fn limits_as_large_as_numbers_get_are_no_harm() {
    let options = ServerOptions::default()
        .header_bytes(usize::MAX)
        .body_bytes(usize::MAX)
        .connections(usize::MAX)
        .header_time(Duration::MAX)
        .body_time(Duration::MAX)
        .request_time(Duration::MAX)
        .idle_time(Duration::MAX)
        .stall_time(Duration::MAX)
        .shutdown_time(Duration::MAX);
    let server = Running::start(options, takes_posts());
    assert_eq!(server.ask(posted(5, b"hello")).await.text(), "5 bytes");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_broken_request_gets_400() {
    let server = Running::start(ServerOptions::default(), takes_posts());
    assert_eq!(server.ask("HELLO?\r\n\r\n").await.status, 400);
    let chunked =
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n";
    assert_eq!(server.ask(chunked).await.status, 400);
    until(|| server.rejected(Rejection::Malformed) == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_or_too_little_is_closed_in_time() {
    let server = Running::start(ServerOptions::default(), hello());
    for said in ["", "GET /hello HT", "GET /hello HTTP/1.1\r\nHost: localhost\r\n"] {
        let begun = Instant::now();
        let mut tcp = server.connect().await;
        tcp.write_all(said.as_bytes()).await.unwrap();
        assert_eq!(tcp.read(&mut [0; 64]).await.unwrap(), 0);
        assert!(begun.elapsed() >= Duration::from_secs(10));
        assert!(begun.elapsed() < Duration::from_secs(11), "{said:?}");
    }
    assert_eq!(server.rejected(Rejection::HeaderTime), 3);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_in_is_not_given_more_time() {
    let server = Running::start(ServerOptions::default(), hello());
    let mut tcp = server.connect().await;
    let mut every = tokio::time::interval(Duration::from_secs(3));
    let mut sent = 0;
    while tcp.write_all(b"G").await.is_ok() && server.rejected(Rejection::HeaderTime) == 0 {
        sent += 1;
        every.tick().await;
    }
    assert!(sent <= 6, "{sent} bytes in 3 s each");
    assert_eq!(server.rejected(Rejection::HeaderTime), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_is_closed_when_nothing_more_is_asked() {
    let server = Running::start(ServerOptions::default(), hello());
    let mut tcp = server.connect().await;
    tcp.write_all(b"HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_head(&mut tcp).await;
    let begun = Instant::now();
    assert_eq!(tcp.read(&mut [0; 64]).await.unwrap(), 0);
    assert!(begun.elapsed() >= Duration::from_secs(30));
    assert_eq!(server.rejected(Rejection::IdleTime), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_request_must_come_as_fast_as_the_first() {
    let server = Running::start(ServerOptions::default(), hello());
    let mut tcp = server.connect().await;
    tcp.write_all(b"HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_head(&mut tcp).await;
    let begun = Instant::now();
    tcp.write_all(b"HEAD /hello").await.unwrap();
    assert_eq!(tcp.read(&mut [0; 64]).await.unwrap(), 0);
    assert!(begun.elapsed() < Duration::from_secs(11));
    assert_eq!(server.rejected(Rejection::HeaderTime), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_gets_408() {
    let server = Running::start(ServerOptions::default(), takes_posts());
    assert_eq!(server.ask(posted(10, b"abc")).await.status, 408);
    assert_eq!(server.rejected(Rejection::BodyTime), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_answers_gets_503() {
    let server = Running::start(ServerOptions::default(), later(pending));
    let begun = Instant::now();
    assert_eq!(server.ask(HELLO).await.status, 503);
    assert!(begun.elapsed() >= Duration::from_secs(120));
    assert_eq!(server.rejected(Rejection::RequestTime), 1);
}

/// An answer without end, which tells how many chunks were asked of it, and when it is dropped.
fn endless() -> (Router, Arc<AtomicUsize>, oneshot::Receiver<()>) {
    let chunks = Arc::new(AtomicUsize::new(0));
    let (alive, dropped) = oneshot::channel::<()>();
    let (count, alive) = (Arc::clone(&chunks), std::sync::Mutex::new(Some(alive)));
    let router = Router::new().get("/hello", move |_: Request| {
        let (count, alive) = (Arc::clone(&count), alive.lock().unwrap().take());
        async move {
            text(Body::stream(move |out: &mut Vec<u8>| {
                let _held = &alive;
                count.fetch_add(1, Relaxed);
                out.resize(CHUNK_BYTES, b'x');
                true
            }))
        }
    });
    (router, chunks, dropped)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_dropped_and_its_answer_not_made() {
    let (router, chunks, dropped) = endless();
    let server = Running::start(ServerOptions::default(), router);
    let mut tcp = server.connect().await;
    tcp.write_all(HELLO.as_bytes()).await.unwrap();
    assert!(dropped.await.is_err(), "the source is dropped, not sent");
    assert_eq!(server.rejected(Rejection::Stalled), 1);
    // what the system buffers for loopback, and no more
    let made = chunks.load(Relaxed) * CHUNK_BYTES;
    assert!(made < 64 * 1024 * 1024, "{made} bytes made");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_answer() {
    let (router, _, dropped) = endless();
    let server = Running::start(ServerOptions::default(), router);
    let mut tcp = server.connect().await;
    tcp.write_all(HELLO.as_bytes()).await.unwrap();
    tcp.read_exact(&mut [0; 64]).await.unwrap();
    drop(tcp);
    assert!(dropped.await.is_err());
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_work_for_it() {
    let (alive, dropped) = oneshot::channel::<()>();
    let alive = std::sync::Mutex::new(Some(alive));
    let router = later(move || {
        let held = alive.lock().unwrap().take();
        async move {
            let _held = held;
            pending().await
        }
    });
    let server = Running::start(ServerOptions::default(), router);
    let mut tcp = server.connect().await;
    tcp.write_all(HELLO.as_bytes()).await.unwrap();
    until(|| server.stats.requests() == 1).await;
    drop(tcp);
    assert!(dropped.await.is_err());
    until(|| server.stats.connections_open() == 0).await;
}

#[tokio::test]
async fn when_all_connections_are_busy_the_next_gets_503_at_once() {
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let router = later(move || Arc::clone(&wait).notified_owned());
    let server = Running::start(ServerOptions::default().connections(2), router);
    let mut busy = [server.connect().await, server.connect().await];
    for tcp in &mut busy {
        tcp.write_all(HELLO.as_bytes()).await.unwrap();
    }
    until(|| server.stats.requests() == 2).await;
    let answer = server.ask("").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string());
    assert_eq!(server.stats.connections_open(), 2);
    assert_eq!(server.rejected(Rejection::ConnectionsFull), 1);
    go.notify_waiters();
    for tcp in &mut busy {
        assert_eq!(Answer::read(tcp).await.text(), "hello at last");
    }
    until(|| server.stats.connections_open() == 0).await;
}

#[tokio::test]
async fn a_connection_that_waits_makes_room_for_a_new_one_the_oldest_first() {
    let server = Running::start(ServerOptions::default().connections(2), hello());
    let mut oldest = server.connect().await;
    until(|| server.stats.connections_accepted() == 1).await;
    let mut newest = server.connect().await;
    until(|| server.stats.connections_accepted() == 2).await;
    assert_eq!(server.ask(HELLO).await.status, 200);
    assert_eq!(server.rejected(Rejection::Evicted), 1);
    assert_eq!(oldest.read(&mut [0; 64]).await.unwrap(), 0);
    newest.write_all(HELLO.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(&mut newest).await.status, 200);
}

#[tokio::test]
async fn a_connection_that_is_owed_the_rest_of_an_answer_does_not_make_room() {
    const LARGE: usize = 32 * 1024 * 1024;
    let large = async |_: Request| text(vec![b'x'; LARGE]);
    let router = Router::new().get("/hello", large);
    let server = Running::start(ServerOptions::default().connections(1), router);
    let mut slow = server.connect().await;
    slow.write_all(HELLO.as_bytes()).await.unwrap();
    slow.peek(&mut [0]).await.unwrap();
    assert_eq!(server.ask("").await.status, 503);
    assert_eq!(Answer::read(&mut slow).await.body.len(), LARGE);
}

#[tokio::test]
async fn a_thousand_connections_that_say_nothing_hold_only_the_cap_and_stop_no_one() {
    let server = Running::start(ServerOptions::default(), hello());
    let mut silent = std::collections::VecDeque::new();
    for n in 1..=1000 {
        silent.push_back(server.connect().await);
        until(|| server.stats.connections_accepted() == n).await;
        assert!(server.stats.connections_open() <= 64);
        // the far ends were closed long ago; a usual limit of 1,024 files holds
        silent.drain(..silent.len().saturating_sub(500));
    }
    assert_eq!(server.stats.connections_open(), 64);
    assert_eq!(server.rejected(Rejection::Evicted), 1000 - 64);
    assert_eq!(server.ask(HELLO).await.status, 200);
}
