//! A session against peers that keep to the script of a test.

use std::time::Duration;

use bytes::Bytes;
use perf_monitor_http::{Client, ClientOptions, Error, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const TIME: Duration = Duration::from_secs(10);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";

/// A peer whose every connection gives these answers, then ends; the heads of all requests come back, by connection.
async fn peer(connections: Vec<Vec<&'static str>>) -> (String, JoinHandle<Vec<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut heads = Vec::new();
        for answers in connections {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut of_this = Vec::new();
            for answer in answers {
                of_this.push(head(&mut tcp).await);
                tcp.write_all(answer.as_bytes()).await.unwrap();
            }
            heads.push(of_this);
        }
        heads
    });
    (url, task)
}

async fn head(tcp: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn post(session: &mut Session, url: &str) -> Result<http::Response<Bytes>, Error> {
    session.send(http::Request::post(url).body(Bytes::new()).unwrap(), TIME).await
}

#[tokio::test]
async fn one_connection_takes_one_request_after_the_other() {
    let (url, heads) = peer(vec![vec![OK; 5]]).await;
    let mut session = Session::new(Client::default());
    for _ in 0..5 {
        assert_eq!(post(&mut session, &url).await.unwrap().body(), "ok");
    }
    let heads = heads.await.unwrap();
    assert_eq!(heads[0].len(), 5);
    assert!(heads[0].iter().all(|head| !head.contains("connection: close")), "{heads:?}");
}

#[tokio::test]
async fn a_connection_that_the_peer_closed_is_replaced() {
    let (url, heads) = peer(vec![vec![OK, OK], vec![OK]]).await;
    let mut session = Session::new(Client::default());
    for _ in 0..3 {
        assert_eq!(post(&mut session, &url).await.unwrap().body(), "ok");
        // time for the end of the connection to arrive
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(heads.await.unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn a_peer_that_says_close_is_left() {
    const CLOSE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    let (url, heads) = peer(vec![vec![CLOSE], vec![OK]]).await;
    let mut session = Session::new(Client::default());
    for _ in 0..2 {
        assert_eq!(post(&mut session, &url).await.unwrap().body(), "ok");
    }
    assert_eq!(heads.await.unwrap().len(), 2);
}

#[tokio::test]
async fn after_an_error_the_connection_is_not_used_again() {
    let (url, heads) = peer(vec![vec![OK, HALF], vec![OK]]).await;
    let mut session = Session::new(Client::default());
    assert!(post(&mut session, &url).await.is_ok());
    let error = post(&mut session, &url).await.unwrap_err();
    assert!(error.to_string().starts_with("no complete answer from"), "{error}");
    assert!(post(&mut session, &url).await.is_ok());
    assert_eq!(heads.await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_answer_over_the_limit_ends_the_connection() {
    let (url, heads) = peer(vec![vec![HALF], vec![OK]]).await;
    let options = ClientOptions::default().answer_bytes(8);
    let mut session = Session::new(Client::new(options));
    assert!(post(&mut session, &url).await.unwrap_err().is_too_large());
    assert!(post(&mut session, &url).await.is_ok());
    assert_eq!(heads.await.unwrap().len(), 2);
}

#[tokio::test]
async fn each_host_has_a_connection_of_its_own() {
    let (first, first_heads) = peer(vec![vec![OK], vec![OK]]).await;
    let (second, second_heads) = peer(vec![vec![OK]]).await;
    let mut session = Session::new(Client::default());
    for url in [&first, &second, &first] {
        assert!(post(&mut session, url).await.is_ok());
    }
    assert_eq!(first_heads.await.unwrap().len(), 2);
    assert_eq!(second_heads.await.unwrap().len(), 1);
}
