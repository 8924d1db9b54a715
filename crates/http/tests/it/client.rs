//! The client against peers that keep to the script of a test.

use std::time::Duration;

use bytes::Bytes;
use perf_monitor_http::{Client, ClientOptions, Error, Request, Router, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{Running, text};

const TIME: Duration = Duration::from_secs(10);

/// A peer that takes one connection, reads a request's head and answers with `script`; gives what it read.
async fn peer(script: impl Into<Vec<u8>>, hangs: bool) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/path?key=secret", listener.local_addr().unwrap());
    let script = script.into();
    let task = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let head = read_request(&mut tcp).await;
        // the client may have had enough before the end
        let _ = tcp.write_all(&script).await;
        if hangs {
            let _ = tcp.read_to_end(&mut Vec::new()).await;
        }
        head
    });
    (url, task)
}

async fn read_request(tcp: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match tcp.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8(head).unwrap()
}

async fn get(url: &str) -> Result<http::Response<Bytes>, Error> {
    let options = ClientOptions::default().answer_bytes(1000);
    let request = http::Request::get(url).body(Bytes::new()).unwrap();
    Client::new(options).send(request, TIME).await
}

async fn answer_of(script: &str) -> Result<http::Response<Bytes>, Error> {
    let (url, task) = peer(script, false).await;
    let answer = get(&url).await;
    if let Err(error) = &answer {
        assert_shows_no_secret(error, &url);
    }
    task.await.unwrap();
    answer
}

fn assert_shows_no_secret(error: &Error, url: &str) {
    let said = format!("{error} {error:?}");
    assert!(!said.contains("secret") && !said.contains("/path"), "{said}");
    let origin = url.split("/path").next().unwrap();
    assert!(said.contains(origin), "{said}");
}

#[tokio::test]
async fn a_request_and_its_answer_go_through() {
    let (url, task) =
        peer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", false).await;
    let answer = get(&url).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"hello"[..]));
    assert_eq!(answer.headers()["x"], "y");
    let head = task.await.unwrap();
    let authority = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    assert!(head.starts_with("GET /path?key=secret HTTP/1.1\r\n"), "{head}");
    for header in [
        format!("host: {authority}"),
        "connection: close".into(),
        "user-agent: perf-monitor/".into(),
    ] {
        assert!(head.contains(&header), "{header} in {head}");
    }
}

#[tokio::test]
async fn client_and_server_understand_each_other() {
    let router = Router::new().post("/echo", async |request: Request| text(request.into_body()));
    let server = Running::start(ServerOptions::default().body_bytes(1 << 20), router);
    let body = Bytes::from(vec![b'x'; 500_000]);
    let request = http::Request::post(format!("http://{}/echo", server.address));
    let request = request.body(body.clone()).unwrap();
    let answer = Client::default().send(request, TIME).await.unwrap();
    assert_eq!(answer.body(), &body);
}

#[tokio::test]
async fn a_redirect_and_a_failure_are_answers() {
    let answer = answer_of(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(answer.await.unwrap().status(), 302);
    let answer = answer_of("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(answer.unwrap().status(), 500);
}

#[tokio::test]
async fn an_answer_that_ends_with_the_connection_is_whole() {
    let answer = answer_of("HTTP/1.1 200 OK\r\n\r\nuntil the end").await.unwrap();
    assert_eq!(&answer.body()[..], b"until the end");
}

#[tokio::test]
async fn a_peer_that_breaks_off_or_talks_nonsense_is_an_error() {
    for script in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let error = answer_of(script).await.unwrap_err();
        assert!(
            error.to_string().starts_with("no complete answer from http://127.0.0.1:"),
            "{error}"
        );
        assert!(!error.is_timeout() && !error.is_connect() && !error.is_too_large());
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read() {
    let body = "x".repeat(1001);
    for script in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{body}\r\n0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
    ] {
        let error = answer_of(&script).await.unwrap_err();
        assert!(error.is_too_large(), "{error}");
    }
    let whole = format!("HTTP/1.1 200 OK\r\n\r\n{}", &body[1..]);
    assert_eq!(answer_of(&whole).await.unwrap().body().len(), 1000);
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert!(answer_of(&head).await.is_err());
}

#[tokio::test]
async fn a_request_over_the_limit_is_not_sent() {
    let client = Client::new(ClientOptions::default().request_bytes(1000));
    let request = http::Request::post("http://127.0.0.1:1/path").body(Bytes::from(vec![0; 1001]));
    let error = client.send(request.unwrap(), TIME).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_runs_into_the_timeout() {
    for script in ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"] {
        let (url, task) = peer(script, true).await;
        let begun = Instant::now();
        let error = get(&url).await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert_shows_no_secret(&error, &url);
        assert!(error.to_string().contains("no answer"), "{error}");
        assert!(begun.elapsed() >= TIME);
        assert!(begun.elapsed() < TIME + Duration::from_secs(1));
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_a_connect_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/path?key=secret", listener.local_addr().unwrap());
    drop(listener);
    let error = get(&url).await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    assert_shows_no_secret(&error, &url);
}

#[tokio::test]
async fn a_url_that_cannot_be_sent_to_is_invalid() {
    for url in ["/path", "ftp://127.0.0.1/", "http://name:secret@127.0.0.1/"] {
        let error = get(url).await.unwrap_err();
        assert!(error.is_invalid(), "{url}: {error}");
        assert!(!format!("{error:?}").contains("secret"));
    }
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn https_without_the_feature_is_invalid() {
    let error = get("https://127.0.0.1/").await.unwrap_err();
    assert!(error.to_string().contains("feature `tls`"), "{error}");
}
