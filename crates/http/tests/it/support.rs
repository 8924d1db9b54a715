//! A server in the test's own runtime, and a client that sends exactly the bytes it is told.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use perf_monitor_http::{
    Rejection, Request, Response, Router, Server, ServerOptions, ServerStats, answer,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const HELLO: &str =
    "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) stats: Arc<ServerStats>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(options: ServerOptions, router: Router) -> Self {
        let server = Server::bind(([127, 0, 0, 1], 0), options).unwrap();
        let (address, stats) = (server.local_addr(), server.stats());
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { drop(stopped.await) };
        let task = tokio::spawn(async move { server.serve(router, stopped).await.unwrap() });
        Self { address, stats, stop, task }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// All that comes back for `request` until the server closes.
    pub(crate) async fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut tcp = self.connect().await;
        tcp.write_all(request.as_ref()).await.unwrap();
        Answer::read(&mut tcp).await
    }

    pub(crate) fn rejected(&self, reason: Rejection) -> u64 {
        self.stats.rejected(reason)
    }

    /// Begins to stop; the handle is ready once the server has.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.task
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn read(tcp: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        tcp.read_to_end(&mut bytes).await.unwrap();
        Self::parse(&bytes)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        Self { status: head[9..12].parse().unwrap(), head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// The head of the next answer on a connection that stays open, without the bytes after it.
pub(crate) async fn read_head(tcp: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Lets the other tasks run until `done`.
pub(crate) async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn text(body: impl Into<perf_monitor_http::Body>) -> Response {
    answer(StatusCode::OK, "text/plain", body)
}

pub(crate) fn hello() -> Router {
    Router::new().get("/hello", async |_: Request| text("hello"))
}

/// A handler whose answer comes when its future does.
pub(crate) fn later<F, Fut>(future: F) -> Router
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    Router::new().get("/hello", move |_: Request| {
        let future = future();
        async move {
            future.await;
            text("hello at last")
        }
    })
}
