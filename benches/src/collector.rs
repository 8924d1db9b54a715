//! A collector on loopback that decodes spans and counts them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// What has arrived, of spans that were complete.
#[derive(Default)]
pub(crate) struct Arrived {
    pub(crate) spans: AtomicU64,
    /// Spans without an id of their own, or without three attributes.
    pub(crate) incomplete: AtomicU64,
}

/// Listens until the process ends.
pub(crate) fn start() -> Result<(SocketAddr, Arc<Arrived>), String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let arrived = Arc::new(Arrived::default());
    let shared = arrived.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let arrived = shared.clone();
            std::thread::spawn(move || serve(stream, &arrived));
        }
    });
    Ok((address, arrived))
}

/// Answers requests with an empty success until the client has gone.
fn serve(stream: TcpStream, arrived: &Arrived) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut answers = stream.try_clone().ok()?;
    let mut requests = BufReader::with_capacity(1 << 18, stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if requests.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        body.resize(length, 0);
        requests.read_exact(&mut body).ok()?;
        count(&ExportTraceServiceRequest::decode(&body[..]).ok()?, arrived);
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        answers.write_all(answer).ok()?;
    }
}

fn count(request: &ExportTraceServiceRequest, arrived: &Arrived) {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    for span in scopes.flat_map(|scope| &scope.spans) {
        let complete = span.span_id.len() == 8
            && span.trace_id.len() == 16
            && (span.parent_span_id.is_empty() || span.attributes.len() == 3);
        let counted = if complete { &arrived.spans } else { &arrived.incomplete };
        counted.fetch_add(1, SeqCst);
    }
}
