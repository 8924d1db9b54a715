//! A plain HTTP client, and waiting for what a monitor shows.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perf_monitor::{PerformanceMonitor, PerformanceMonitorBuilder, Registry};

/// How long a peer on this machine may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Tries before a condition counts as never met. Each is a request to a monitor that ticks every
/// 10 ms, and asks for a fresh connection.
const TRIES: usize = 20_000;

/// A process has one sampler of CPU time and one allocator: tests of one program that use them take turns.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A monitor that ticks fast, with a registry and a port of its own.
pub fn builder() -> PerformanceMonitorBuilder {
    PerformanceMonitor::builder("test")
        .registry(Registry::new())
        .listen(([127, 0, 0, 1], 0))
        .tick(Duration::from_millis(10))
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the monitor listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// `GET path`, with further header lines.
pub fn get_with(address: SocketAddr, path: &str, headers: &[&str]) -> Answer {
    ask_with(address, &format!("GET {path}"), headers, "")
}

/// Sends what `what` says, such as `POST /path`, with further header lines and a body.
pub fn ask_with(address: SocketAddr, what: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = connect(address);
    let mut request = format!("{what} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    if !body.is_empty() {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    for header in headers {
        request += header;
        request += "\r\n";
    }
    stream.write_all((request + "\r\n" + body).as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    parse(&bytes)
}

pub fn get(monitor: &PerformanceMonitor, path: &str) -> Answer {
    get_with(monitor.address().expect("a listener"), path, &[])
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head") + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(&bytes[end..]) } else { bytes[end..].to_vec() };
    Answer { status, head, body: String::from_utf8(body).unwrap() }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|w| w == b"\r\n").expect("a chunk's size");
        let size = std::str::from_utf8(&bytes[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        bytes = &bytes[line + 2..];
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
}

/// The value of the sample whose name and labels read exactly `series`, as in
/// `requests_total{outcome="success"}`.
pub fn sample(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.split(' ').next()?.parse().ok()
}

/// The sample of a fresh scrape; it must be there.
pub fn scraped(monitor: &PerformanceMonitor, series: &str) -> f64 {
    let answer = get(monitor, "/metrics");
    assert_eq!(answer.status, 200, "{}", answer.body);
    sample(&answer.body, series).unwrap_or_else(|| panic!("no {series} in\n{}", answer.body))
}

/// Scrapes until `series` meets `wanted`.
pub fn wait_for(monitor: &PerformanceMonitor, series: &str, wanted: impl Fn(f64) -> bool) -> f64 {
    let mut last = f64::NAN;
    for _ in 0..TRIES {
        last = scraped(monitor, series);
        if wanted(last) {
            return last;
        }
    }
    panic!("{series} stays at {last}");
}

/// A WebSocket as a plain client sees it: the server's frames are not masked.
pub struct Stream(TcpStream);

/// Opens `path` as a WebSocket.
pub fn websocket(address: SocketAddr, path: &str) -> Stream {
    let mut stream = connect(address);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a whole head");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    Stream(stream)
}

impl Stream {
    /// The next text message; frames of data are passed over.
    pub fn text(&mut self) -> String {
        loop {
            if let (0x81, payload) = self.message() {
                return String::from_utf8(payload).unwrap();
            }
        }
    }

    /// The next message of bytes; texts are passed over.
    pub fn bytes(&mut self) -> Vec<u8> {
        loop {
            if let (0x82, payload) = self.message() {
                return payload;
            }
        }
    }

    /// Sends a text, masked by zeroes.
    pub fn say(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("a short text").to_be_bytes();
        let head = [&[0x81, 0x80 | 126], length.as_slice(), &[0; 4]].concat();
        self.0.write_all(&[&head, text.as_bytes()].concat()).unwrap();
    }

    fn message(&mut self) -> (u8, Vec<u8>) {
        loop {
            let [first, length] = self.take::<2>();
            let length = match length {
                126 => u16::from_be_bytes(self.take()).into(),
                127 => u64::from_be_bytes(self.take()),
                short => u64::from(short),
            };
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).expect("a whole frame");
            match first {
                0x81 | 0x82 => return (first, payload),
                0x89 => {} // a ping that a short test need not answer
                other => panic!("an unexpected frame {other:#x}"),
            }
        }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).expect("a whole frame");
        bytes
    }
}
