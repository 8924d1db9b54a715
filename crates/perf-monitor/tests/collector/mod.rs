//! A collector that takes everything, and keeps the spans.
#![allow(missing_docs, unreachable_pub)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

pub struct Collector {
    address: SocketAddr,
    traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    pub fn start() -> Collector {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let traces = Arc::default();
        let taken = Arc::clone(&traces);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let traces = Arc::clone(&taken);
                thread::spawn(move || serve(&stream, &traces));
            }
        });
        Collector { address, traces }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests with spans that have come.
    pub fn traces(&self) -> Vec<ExportTraceServiceRequest> {
        self.traces.lock().unwrap().clone()
    }
}

/// Answers one request after another, until the client goes away.
fn serve(stream: &TcpStream, traces: &Mutex<Vec<ExportTraceServiceRequest>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").parse().unwrap()];
        reader.read_exact(&mut body)?;
        if head.starts_with("post /v1/traces ") {
            assert!(head.contains("content-type: application/x-protobuf"), "{head}");
            let request = ExportTraceServiceRequest::decode(&*body).expect("a whole request");
            traces.lock().unwrap().push(request);
        }
        let mut stream = stream;
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
        )?;
    }
}
