//! Requests to handlers, with and without a socket.

use std::io;
use std::net::SocketAddr;

use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use perf_monitor_http::{Handler, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) chunks: Vec<Bytes>,
}

impl Answer {
    pub(crate) fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }
}

/// Asks `handler` for `/` with these headers.
pub(crate) async fn ask(handler: &impl Handler, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::new(Bytes::new());
    for (name, value) in headers {
        let name = ::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    answer_of(handler, request).await
}

/// Asks `handler` for `path`, with its query.
#[cfg(feature = "tracing")]
pub(crate) async fn ask_for(handler: &impl Handler, path: &str) -> Answer {
    let request = ::http::Request::get(path).body(Bytes::new()).unwrap();
    answer_of(handler, request).await
}

async fn answer_of(handler: &impl Handler, request: Request) -> Answer {
    let (head, mut body) = handler.handle(request).await.into_parts();
    let mut chunks = Vec::new();
    while let Some(frame) = body.frame().await {
        chunks.push(frame.unwrap().into_data().unwrap());
    }
    Answer { status: head.status, headers: head.headers, chunks }
}

/// The status and the body of `GET path`, from a listener at `address`.
pub(crate) async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body.to_owned()))
}
