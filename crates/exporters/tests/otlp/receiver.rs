//! A collector that keeps to the script of a test, and tells what it got.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use perf_monitor_core::Registry;
use perf_monitor_exporters::{OtlpExporter, OtlpOptions};
use perf_monitor_tracing::{DistributedTracer, TracerOptions};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// How long something may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a request is answered with.
#[derive(Clone)]
pub(crate) enum Reply {
    /// `200 OK` without a body.
    Fine,
    /// This head, then this body.
    Answer(&'static str, Vec<u8>),
    /// The beginning of an answer, then the end of the connection.
    Half,
    /// Nothing, for as long as the client waits.
    Silence,
}

/// A request that came in whole.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) connection: usize,
}

impl Got {
    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        match self.head.contains("content-encoding: gzip") {
            true => drop(GzDecoder::new(&self.body[..]).read_to_end(&mut plain).unwrap()),
            false => plain.clone_from(&self.body),
        }
        plain
    }

    pub(crate) fn traces(&self) -> ExportTraceServiceRequest {
        assert!(self.head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{}", self.head);
        ExportTraceServiceRequest::decode(&self.plain()[..]).unwrap()
    }

    pub(crate) fn metrics(&self) -> ExportMetricsServiceRequest {
        assert!(self.head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{}", self.head);
        ExportMetricsServiceRequest::decode(&self.plain()[..]).unwrap()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.traces().resource_spans.into_iter();
        resources.flat_map(|one| one.scope_spans).flat_map(|one| one.spans).collect()
    }
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Answers the first requests as `replies` say, all others well.
    pub(crate) async fn start(replies: Vec<Reply>) -> Receiver {
        Receiver::at(([127, 0, 0, 1], 0).into(), replies).await
    }

    pub(crate) async fn at(address: SocketAddr, replies: Vec<Reply>) -> Receiver {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (told, count) = watch::channel(0);
        let (told, shared) = (Arc::new(told), Arc::clone(&got));
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            for connection in 0.. {
                let (tcp, _) = listener.accept().await.unwrap();
                let (told, got, replies) = (told.clone(), shared.clone(), replies.clone());
                tasks.spawn(serve(tcp, connection, replies, got, told));
            }
        });
        Receiver { address, got, count, task }
    }

    pub(crate) fn options(&self) -> OtlpOptions {
        let options = OtlpOptions::default().endpoint(&format!("http://{}", self.address));
        let pace = Duration::from_millis(1);
        options.unwrap().service("checkout").metrics(false).spans_within(pace)
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.got().iter().flat_map(Got::spans).collect()
    }

    /// Waits until what was got is enough.
    pub(crate) async fn until(&self, enough: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let mut count = self.count.clone();
        let all = async {
            loop {
                count.borrow_and_update();
                let got = self.got();
                if enough(&got) {
                    return got;
                }
                count.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("it does not come")
    }

    pub(crate) async fn until_requests(&self, number: usize) -> Vec<Got> {
        self.until(|got| got.len() >= number).await
    }

    /// Closes the listener and every connection.
    pub(crate) async fn stop(self) -> SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        self.address
    }
}

async fn serve(
    mut tcp: TcpStream,
    connection: usize,
    replies: Vec<Reply>,
    got: Arc<Mutex<Vec<Got>>>,
    told: Arc<watch::Sender<usize>>,
) {
    while let Some((head, body)) = read_request(&mut tcp).await {
        let number = {
            let mut got = got.lock().unwrap();
            got.push(Got { head, body, connection });
            got.len()
        };
        let reply = replies.get(number - 1).cloned().unwrap_or(Reply::Fine);
        let answer = match reply {
            Reply::Fine => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into(),
            Reply::Answer(head, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n");
                [head.into_bytes(), body].concat()
            }
            Reply::Half => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec(),
            Reply::Silence => Vec::new(),
        };
        let _ = tcp.write_all(&answer).await;
        told.send_replace(number);
        match replies.get(number - 1) {
            Some(Reply::Half) => return,
            Some(Reply::Silence) => drop(tcp.read(&mut [0]).await),
            _ => {}
        }
    }
}

async fn read_request(tcp: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.split("content-length: ").nth(1).unwrap();
    let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
    tcp.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// A tracer that keeps every trace, with its registry.
pub(crate) fn traced() -> (Registry, DistributedTracer) {
    let registry = Registry::new();
    let options = TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() };
    let tracer = DistributedTracer::new(&registry, options).unwrap();
    (registry, tracer)
}

/// An exporter at work, until it is told to stop.
pub(crate) struct Running {
    close: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(exporter: OtlpExporter) -> Running {
        let (close, closed) = oneshot::channel();
        let closed = async move { drop(closed.await) };
        Running { close, task: tokio::spawn(exporter.run(closed)) }
    }

    pub(crate) async fn stop(self) {
        let _ = self.close.send(());
        self.task.await.unwrap();
    }
}

/// The number of a metric's series with these labels, as the scrape has it; 0 without one.
pub(crate) fn metric(registry: &Registry, series: &str) -> f64 {
    let exporter = perf_monitor_exporters::MetricsExporter::new(registry, Default::default());
    let text = exporter.render();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}
