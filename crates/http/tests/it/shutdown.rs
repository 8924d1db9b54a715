//! The end of a server: soon, but not in the middle of an answer that is nearly done.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_http::ServerOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::support::{Answer, HELLO, Running, hello, later, read_head, until};

#[tokio::test]
async fn a_running_request_is_finished_and_no_new_one_taken() {
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let router = later(move || Arc::clone(&wait).notified_owned());
    let server = Running::start(ServerOptions::default(), router);
    let (address, stats) = (server.address, Arc::clone(&server.stats));
    let mut tcp = server.connect().await;
    tcp.write_all(HELLO.as_bytes()).await.unwrap();
    until(|| stats.requests() == 1).await;
    let stopped = server.stop();
    while TcpStream::connect(address).await.is_ok() {}
    go.notify_waiters();
    assert_eq!(Answer::read(&mut tcp).await.text(), "hello at last");
    stopped.await.unwrap();
    assert_eq!(stats.connections_open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_end_is_dropped_after_half_a_second() {
    let server = Running::start(ServerOptions::default(), later(pending));
    let stats = Arc::clone(&server.stats);
    let mut tcp = server.connect().await;
    tcp.write_all(HELLO.as_bytes()).await.unwrap();
    until(|| stats.requests() == 1).await;
    let begun = Instant::now();
    server.stop().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert!(begun.elapsed() < Duration::from_millis(600));
    assert_eq!(tcp.read(&mut [0; 64]).await.unwrap(), 0);
    assert_eq!(stats.connections_open(), 0);
}

#[tokio::test(start_paused = true)]
async fn connections_that_wait_are_closed_at_once() {
    let server = Running::start(ServerOptions::default(), hello());
    let stats = Arc::clone(&server.stats);
    let _silent = server.connect().await;
    let mut kept = server.connect().await;
    kept.write_all(b"HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_head(&mut kept).await;
    until(|| stats.connections_open() == 2).await;
    let begun = Instant::now();
    server.stop().await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500));
    assert_eq!(kept.read(&mut [0; 64]).await.unwrap(), 0);
}
