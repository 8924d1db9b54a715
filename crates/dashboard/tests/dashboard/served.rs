//! A served dashboard under the hands of a client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use perf_monitor_core::{MetricsCollector, Registry};
use perf_monitor_dashboard::{About, MetricsDashboard};
use perf_monitor_history::MemoryHistory;
use perf_monitor_http::{Server, ServerOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Served {
    pub(crate) dashboard: MetricsDashboard,
    pub(crate) metrics: MetricsCollector,
    pub(crate) registry: Registry,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Served {
    /// A dashboard of a registry of its own, served by the test's runtime.
    pub(crate) fn new(service: &str) -> Served {
        Served::make(service, None, ServerOptions::default())
    }

    pub(crate) fn with_options(service: &str, options: ServerOptions) -> Served {
        Served::make(service, None, options)
    }

    pub(crate) fn with_history(service: &str, history: Arc<MemoryHistory>) -> Served {
        Served::make(service, Some(history), ServerOptions::default())
    }

    fn make(service: &str, history: Option<Arc<MemoryHistory>>, options: ServerOptions) -> Served {
        let registry = Registry::new();
        let metrics = MetricsCollector::new(&registry).unwrap();
        let about = About::new(service, Duration::from_secs(1)).host(Some("web-1".into()));
        let (own, of) = (metrics.clone(), registry.clone());
        let dashboard = match history {
            Some(history) => MetricsDashboard::with_history(about, own, of, history),
            None => MetricsDashboard::new(about, own, of),
        };
        let server = Server::bind(([127, 0, 0, 1], 0), options).unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let routes = dashboard.routes();
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            server.serve(routes, stopped).await.unwrap();
        });
        Served { dashboard, metrics, registry, address, stop, serving }
    }

    pub(crate) fn tick(&self) {
        self.registry.tick();
        self.dashboard.tick();
    }

    /// A client of the stream.
    pub(crate) async fn view(&self) -> Result<Viewer, Error> {
        self.watch("/api/stream").await
    }

    pub(crate) async fn watch(&self, path: &str) -> Result<Viewer, Error> {
        self.ask_to_watch(path, &[]).await
    }

    /// The same with further headers, or others than usual.
    pub(crate) async fn ask_to_watch(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Viewer, Error> {
        let url = format!("ws://{}{path}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = timeout(PATIENCE, connect_async(request)).await.expect("an answer")?;
        Ok(Viewer(socket))
    }

    /// The answer to a request with these headers, as text.
    pub(crate) async fn get(&self, path: &str, headers: &str) -> String {
        String::from_utf8(self.ask(path, headers).await).unwrap()
    }

    /// The same as its head and its body.
    pub(crate) async fn get_bytes(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        let mut head = self.ask(path, headers).await;
        let end = head.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head") + 4;
        let body = head.split_off(end);
        (String::from_utf8(head).unwrap(), body)
    }

    /// The answer to who calls the server by this name.
    pub(crate) async fn get_of(&self, host: &str, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        String::from_utf8(self.send(head).await).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, headers: &str, body: &str) -> String {
        let (host, length) = (self.address, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        String::from_utf8(self.send(request).await).unwrap()
    }

    async fn ask(&self, path: &str, headers: &str) -> Vec<u8> {
        let host = self.address;
        self.send(format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
        ))
        .await
    }

    async fn send(&self, request: String) -> Vec<u8> {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, tcp.read_to_end(&mut answer)).await.expect("an answer").unwrap();
        answer
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.serving).await.expect("an end").unwrap();
    }
}

pub(crate) struct Viewer(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// A message of the server.
#[derive(Debug)]
pub(crate) enum Heard {
    Text(Value),
    Bytes(Vec<u8>),
}

impl Viewer {
    /// The next message; `None` when the stream is over.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("a message")? {
                Ok(Message::Text(text)) => {
                    return Some(Heard::Text(serde_json::from_str(&text).unwrap()));
                }
                Ok(Message::Binary(bytes)) => return Some(Heard::Bytes(bytes.into())),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }
}
