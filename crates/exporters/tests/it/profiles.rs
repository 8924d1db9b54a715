//! What is served below `/debug/pprof/`, over a socket.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, SystemTime};

use flate2::read::GzDecoder;
use perf_monitor_exporters::{CpuProfile, CpuSource, HeapKind, HeapSource, profile_router};
use perf_monitor_http::{Server, ServerOptions};
use perf_monitor_profiling::{Error, Node, Place, Report, Sample, ValueType};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long an answer may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sampler that finds the same each time.
#[derive(Clone, Default)]
struct Sampler {
    running: Arc<AtomicUsize>,
    hz: Arc<AtomicU64>,
    started: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl CpuSource for Sampler {
    fn start(&self, hz: u32) -> Result<Box<dyn CpuProfile>, Error> {
        self.hz.store(hz.into(), SeqCst);
        self.started.fetch_add(1, SeqCst);
        if self.running.fetch_add(1, SeqCst) > 0 {
            self.running.fetch_sub(1, SeqCst);
            return Err(Error::AlreadyStarted);
        }
        Ok(Box::new(Running(Arc::clone(&self.running))))
    }
}

impl CpuProfile for Running {
    fn stop(self: Box<Self>) -> Result<Report, Error> {
        Ok(report("cpu", "nanoseconds", 1_000_000))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// An allocator that has one more each time it is asked.
#[derive(Default)]
struct Allocator(AtomicU64);

impl HeapSource for Allocator {
    fn report(&self, kind: HeapKind) -> Result<Report, Error> {
        match kind {
            HeapKind::InUse => {
                Ok(report("inuse_space", "bytes", 1_000 - self.0.fetch_add(1, SeqCst)))
            }
            HeapKind::Allocated => {
                Err(Error::Unsupported("this allocator does not count: use another"))
            }
        }
    }
}

/// The same stack in two threads, of which only one is in a span; the other has a hundredth.
fn report(name: &'static str, unit: &'static str, value: u64) -> Report {
    let here = serve as *const () as u64;
    let sample = |thread, span: Option<u32>, value| Sample {
        leaf: Some(0),
        thread: Some(thread),
        span,
        trace: span.map(|_| 77),
        values: vec![value],
    };
    Report {
        values: vec![ValueType { name, unit }],
        period: 10_000_000,
        stacks: vec![Node { caller: None, place: Place::Unknown { address: here } }],
        samples: vec![sample(0, None, value), sample(1, Some(0), value / 100)],
        modules: Vec::new(),
        threads: vec!["main".to_owned(), "worker".to_owned()],
        spans: vec!["GET /".to_owned()],
        started: SystemTime::UNIX_EPOCH,
        duration: Duration::from_secs(1),
        notes: vec!["a note".to_owned()],
    }
}

/// A listener with the profiles of `sampler`.
fn serve(sampler: &Sampler) -> SocketAddr {
    let server = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default()).unwrap();
    let address = server.local_addr();
    let router = profile_router(sampler.clone(), Allocator::default());
    tokio::spawn(server.serve(router, std::future::pending()));
    address
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (line, rest) = request.split_once('\n').unwrap_or((request, ""));
    let (headers, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let headers: String = headers.lines().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let text = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn ask(address: SocketAddr, request: &str) -> Answer {
    let mut stream = send(address, request).await;
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: bytes[end + 4..].to_vec() }
}

async fn until(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn a_cpu_profile_is_a_pprof_that_a_browser_saves() {
    let sampler = Sampler::default();
    let answer = ask(serve(&sampler), "GET /debug/pprof/profile?seconds=1").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: application/octet-stream"), "{}", answer.head);
    assert!(answer.head.contains("attachment; filename=\"cpu.pb.gz\""), "{}", answer.head);
    let mut plain = Vec::new();
    GzDecoder::new(&*answer.body).read_to_end(&mut plain).unwrap();
    assert!(plain.windows(5).any(|bytes| bytes == b"GET /"), "its strings are in it");
    assert_eq!((sampler.hz.load(SeqCst), sampler.running.load(SeqCst)), (99, 0));
}

#[tokio::test]
async fn a_profile_can_be_of_one_thread_one_span_or_one_trace() {
    let address = serve(&Sampler::default());
    for (filter, total) in [
        ("thread=main", 1_000_000),
        ("thread=nobody", 0),
        ("span=GET+/", 10_000),
        ("trace=0000000000000000000000000000004D", 10_000),
    ] {
        let path = format!("GET /debug/pprof/profile?seconds=1&format=json&hz=7&{filter}");
        assert_eq!(ask(address, &path).await.json()["total"], total, "{filter}");
    }
}

#[tokio::test]
async fn one_is_taken_at_a_time_and_force_ends_the_other_which_has_what_it_has() {
    let sampler = Sampler::default();
    let address = serve(&sampler);
    let first = tokio::spawn(ask(address, "GET /debug/pprof/profile?seconds=200&format=json"));
    until(|| sampler.running.load(SeqCst) == 1).await;
    let busy = ask(address, "GET /debug/pprof/profile?seconds=1").await;
    assert_eq!(busy.status, 409);
    assert!(busy.text().contains(" s more: wait, or end it with force=1"), "{}", busy.text());
    assert!(busy.text().contains("200 s") || busy.text().contains("199 s"), "{}", busy.text());
    let forced = ask(address, "GET /debug/pprof/profile?seconds=1&force=1&format=svg").await;
    assert_eq!(forced.status, 200);
    let first = first.await.unwrap().json();
    let notes = first["notes"].to_string();
    assert!(notes.contains("of 200 s by another request with force=1"), "{notes}");
    assert_eq!(first["total"], 1_010_000);
    assert_eq!((sampler.started.load(SeqCst), sampler.running.load(SeqCst)), (2, 0));
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_profile() {
    let sampler = Sampler::default();
    let address = serve(&sampler);
    let client = send(address, "GET /debug/pprof/profile?seconds=300").await;
    until(|| sampler.running.load(SeqCst) == 1).await;
    drop(client);
    until(|| sampler.running.load(SeqCst) == 0).await;
    let next = ask(address, "GET /debug/pprof/profile?seconds=1").await;
    assert_eq!(next.status, 200);
}

#[tokio::test]
async fn pages_of_other_sites_start_nothing() {
    let sampler = Sampler::default();
    let address = serve(&sampler);
    for path in ["profile", "heap", "allocs", "symbol"] {
        for header in ["Sec-Fetch-Site: cross-site", "Origin: http://evil.example"] {
            let answer = ask(address, &format!("GET /debug/pprof/{path}\n{header}\n\n")).await;
            assert_eq!(answer.status, 403, "{path}, {header}");
        }
    }
    let ours = ask(address, "GET /debug/pprof/heap\nSec-Fetch-Site: same-origin\n\n").await;
    assert_eq!(ours.status, 200);
    assert_eq!(sampler.started.load(SeqCst), 0);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_answered_by_a_sentence_and_head_takes_no_profile() {
    let sampler = Sampler::default();
    let address = serve(&sampler);
    let answer = ask(address, "GET /debug/pprof/profile?seconds=301").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), "seconds \"301\": give a number from 1 to 300\n");
    assert_eq!(ask(address, "GET /debug/pprof/heap?format=pdf").await.status, 400);
    assert_eq!(ask(address, "HEAD /debug/pprof/profile").await.status, 200);
    assert_eq!(sampler.started.load(SeqCst), 0);
}

#[tokio::test]
async fn memory_is_told_as_it_is_or_as_it_changes() {
    let address = serve(&Sampler::default());
    let text = ask(address, "GET /debug/pprof/heap?debug=1").await;
    let line = text.text().trim_end();
    assert!(line.starts_with("0x") && line.ends_with(" 1010"), "{line}");
    let change =
        ask(address, "GET /debug/pprof/heap?seconds=1&format=json&thread=main").await.json();
    assert_eq!((&change["before"], &change["total"]), (&999.into(), &998.into()));
    assert_eq!(change["calls"][0][4], -1);
    assert_eq!(change["duration_ms"], 1000);
    let allocs = ask(address, "GET /debug/pprof/allocs").await;
    assert_eq!(
        (allocs.status, allocs.text()),
        (501, "this allocator does not count: use another\n")
    );
}

#[tokio::test]
async fn a_flame_graph_may_run_its_script_and_see_nothing_of_the_monitor() {
    let answer = ask(serve(&Sampler::default()), "GET /debug/pprof/heap?format=svg").await;
    assert!(answer.head.contains("content-type: image/svg+xml"), "{}", answer.head);
    let policies = answer.head.lines().filter(|line| line.starts_with("content-security-policy"));
    let policies: Vec<_> = policies.collect();
    assert_eq!(policies.len(), 1);
    for part in ["default-src 'none'", "sandbox allow-scripts allow-modals"] {
        assert!(policies[0].contains(part), "{policies:?}");
    }
    assert!(!policies[0].contains("allow-same-origin"));
    assert!(answer.text().contains("Memory in use"));
}

#[tokio::test]
async fn symbols_are_told_as_go_tells_them() {
    let address = serve(&Sampler::default());
    let none = ask(address, "GET /debug/pprof/symbol").await;
    assert_eq!(none.text(), "num_symbols: 1\n");
    let here = serve as *const () as u64;
    let named =
        ask(address, &format!("POST /debug/pprof/symbol\n\n\n{here:#x}+0x10+nonsense")).await;
    let lines: Vec<_> = named.text().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (asked, name) = lines[1].split_once(' ').unwrap();
    assert!(asked == format!("{here:#x}") && name.ends_with("profiles::serve"), "{lines:?}");
    let got = ask(address, &format!("GET /debug/pprof/symbol?{here:#x}")).await;
    assert_eq!(got.text(), named.text());
}

#[tokio::test]
async fn the_page_links_to_each_profile_and_the_command_line_is_told() {
    let address = serve(&Sampler::default());
    let page = ask(address, "GET /debug/pprof/").await;
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    for link in ["profile?seconds=5&amp;format=svg", "heap", "allocs", "cmdline"] {
        assert!(page.text().contains(&format!("href=\"{link}\"")), "{link}");
    }
    let moved = ask(address, "GET /debug/pprof").await;
    assert!(moved.status == 308 && moved.head.contains("location: /debug/pprof/"));
    let words: Vec<_> = std::env::args().collect();
    assert_eq!(ask(address, "GET /debug/pprof/cmdline").await.text(), words.join("\0"));
}

/// Runs where `PERF_MONITOR_PPROF` names the program; `cargo xtask peers` gets it.
#[tokio::test]
async fn go_s_pprof_takes_a_profile_from_a_listener() {
    let Some(pprof) = std::env::var_os("PERF_MONITOR_PPROF") else {
        println!("skipped: set PERF_MONITOR_PPROF to run it");
        return;
    };
    let sampler = Sampler::default();
    let url = format!("http://{}/debug/pprof/profile", serve(&sampler));
    let mut command = tokio::process::Command::new(pprof);
    command.env("PPROF_TMPDIR", env!("CARGO_TARGET_TMPDIR")).args(["-top", "-seconds=1", &url]);
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Type: cpu") && said.contains("1.01ms"), "{said}");
    assert_eq!(sampler.started.load(SeqCst), 1);
}
