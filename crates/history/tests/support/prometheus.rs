//! A real Prometheus that is fed by remote write and asked over HTTP.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use perf_monitor_history::Labels;
use serde_json::Value;

/// Tries, and the pace at which they are made, before Prometheus counts as not there.
const TRIES: usize = 600;
const PACE: Duration = Duration::from_millis(50);

/// The program, or none where peers are not asked for.
pub(crate) fn program() -> Option<PathBuf> {
    if std::env::var_os("PERF_MONITOR_PEERS").is_none() {
        println!("skipped: set PERF_MONITOR_PEERS and PERF_MONITOR_PROMETHEUS to run it");
        return None;
    }
    let path = std::env::var_os("PERF_MONITOR_PROMETHEUS");
    Some(path.expect("PERF_MONITOR_PROMETHEUS names no program").into())
}

/// Killed when this is dropped, and its files removed.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

/// What a query gives: points by labels, or why not.
#[derive(Debug)]
pub(crate) enum Answer {
    Series(BTreeMap<Labels, Vec<(i64, f64)>>),
    /// The text is no query.
    Misspelled(String),
    /// It is one, and failed.
    Failed(String),
}

impl Prometheus {
    pub(crate) fn start(program: &Path, name: &str) -> Prometheus {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("history-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, "scrape_configs: []\n").unwrap();
        // A port that was free a moment ago: Prometheus cannot tell which one it took.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.enable-remote-write-receiver")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let prometheus = Prometheus { child, address, folder };
        prometheus.wait_until_ready();
        prometheus
    }

    fn wait_until_ready(&self) {
        let (_never, pace) = mpsc::channel::<()>();
        for _ in 0..TRIES {
            if TcpStream::connect(self.address).is_ok()
                && self.post("/api/v1/query", "query=1", &[]).0 == 200
            {
                return;
            }
            let _ = pace.recv_timeout(PACE);
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("Prometheus is not ready; it said:\n{log}")
    }

    fn post(&self, path: &str, body: impl AsRef<[u8]>, headers: &[(&str, &str)]) -> (u16, String) {
        let body = body.as_ref();
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        for (name, value) in if headers.is_empty() { &form } else { headers } {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(&[head.as_bytes(), b"\r\n", body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        (status, if chunked { unchunked(body) } else { body.to_owned() })
    }

    /// Stores samples, those of a series in the order of time.
    pub(crate) fn write(&self, series: &[(Labels, Vec<(i64, f64)>)]) {
        let body = snappy(&write_request(series));
        let headers = [
            ("Content-Type", "application/x-protobuf"),
            ("Content-Encoding", "snappy"),
            ("X-Prometheus-Remote-Write-Version", "0.1.0"),
        ];
        let (status, said) = self.post("/api/v1/write", body, &headers);
        assert!(matches!(status, 200 | 204), "{status}: {said}");
    }

    pub(crate) fn instant(&self, query: &str, at_ms: i64) -> Answer {
        let body = format!("query={}&time={}", encoded(query), seconds(at_ms));
        self.ask("/api/v1/query", &body)
    }

    pub(crate) fn range(&self, query: &str, from_ms: i64, until_ms: i64, step_ms: i64) -> Answer {
        let (from, until, step) = (seconds(from_ms), seconds(until_ms), seconds(step_ms));
        let body = format!("query={}&start={from}&end={until}&step={step}", encoded(query));
        self.ask("/api/v1/query_range", &body)
    }

    fn ask(&self, path: &str, body: &str) -> Answer {
        let (_, said) = self.post(path, body, &[]);
        let answer: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
        if answer["status"] != "success" {
            let error = answer["error"].as_str().unwrap_or_default().to_owned();
            let misspelled = answer["errorType"] == "bad_data";
            return if misspelled { Answer::Misspelled(error) } else { Answer::Failed(error) };
        }
        let result = &answer["data"]["result"];
        if matches!(answer["data"]["resultType"].as_str(), Some("scalar" | "string")) {
            return Answer::Series([(Labels::none(), vec![point(result)])].into());
        }
        let series =
            result.as_array().unwrap().iter().map(|one| (labels(&one["metric"]), points(one)));
        Answer::Series(series.collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn labels(metric: &Value) -> Labels {
    let pairs = metric.as_object().into_iter().flatten();
    Labels::new(pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default())))
}

fn points(series: &Value) -> Vec<(i64, f64)> {
    match series["values"].as_array() {
        Some(values) => values.iter().map(point).collect(),
        None => vec![point(&series["value"])],
    }
}

fn point(point: &Value) -> (i64, f64) {
    let at_ms = (point[0].as_f64().unwrap() * 1_000.0).round() as i64;
    let value = match point[1].as_str().unwrap() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().unwrap_or(f64::NAN),
    };
    (at_ms, value)
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn unchunked(mut body: &str) -> String {
    let mut all = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        if length == 0 {
            break;
        }
        all.push_str(&rest[..length]);
        body = rest[length..].trim_start_matches("\r\n");
    }
    all
}

/// `prometheus.WriteRequest`: series of labels and samples.
fn write_request(series: &[(Labels, Vec<(i64, f64)>)]) -> Vec<u8> {
    let mut request = Vec::new();
    for (labels, samples) in series {
        let mut one = Vec::new();
        for (name, value) in labels.iter() {
            let mut label = Vec::new();
            push_bytes(&mut label, 1, name.as_bytes());
            push_bytes(&mut label, 2, value.as_bytes());
            push_bytes(&mut one, 1, &label);
        }
        for (at_ms, value) in samples {
            let mut sample = vec![1 << 3 | 1];
            sample.extend_from_slice(&value.to_bits().to_le_bytes());
            sample.push(2 << 3);
            push_varint(&mut sample, *at_ms as u64);
            push_bytes(&mut one, 2, &sample);
        }
        push_bytes(&mut request, 1, &one);
    }
    request
}

fn push_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Snappy's block format of literals alone.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_varint(&mut out, bytes.len() as u64);
    for literal in bytes.chunks(1 << 16) {
        out.push(61 << 2);
        out.extend_from_slice(&((literal.len() - 1) as u16).to_le_bytes());
        out.extend_from_slice(literal);
    }
    out
}
