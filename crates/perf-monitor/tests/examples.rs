//! Each example does what its first line asks about.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use serde_json::Value;
use support::{PATIENCE, ask_with, get_with, sample, websocket};

/// The program of the example `name`, which cargo builds beside this test.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).expect("a directory of the profile");
    let path = built.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is not built: `cargo test` builds examples, `--test` alone does not",
        path.display()
    );
    let mut command = Command::new(path);
    command.env_remove("PERF_MONITOR_TOKEN").stdin(Stdio::null());
    command
}

/// An example that runs; dropping this kills it.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        Running { child, lines }
    }

    /// The next line that it says.
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// The address in the next line that begins with `what`.
    fn address_of(&self, what: &str) -> SocketAddr {
        loop {
            let line = self.line();
            if let Some(rest) = line.trim_start().strip_prefix(what) {
                let url = rest.trim().strip_prefix("http://").expect("a URL");
                return url.split('/').next().unwrap().parse().unwrap();
            }
        }
    }

    /// All that it says to its end, which comes by itself.
    fn end(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => said += &(line + "\n"),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end; it said\n{said}"),
            }
        }
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(errors, "", "after\n{said}");
        (self.child.wait().unwrap(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process says, line by line, so that waiting for it has an end.
fn lines(out: ChildStdout) -> Receiver<String> {
    let (say, heard) = channel();
    thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| say.send(line))
    });
    heard
}

/// What an example says that ends by itself, and well.
fn said(command: Command) -> String {
    let (status, said) = Running::start(command).end();
    assert!(status.success(), "{status}\n{said}");
    said
}

#[test]
fn the_batch_pipeline_tells_where_its_time_went() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("batch_pipeline.json");
    let _ = std::fs::remove_file(&path);
    let mut command = example("batch_pipeline");
    command.arg(&path);
    let said = said(command);
    assert!(said.starts_with("=== Performance Metrics ===\n"), "{said}");
    for part in ["  fetch: ", "  process: ", "  write: ", "% hit rate (", "Stages"] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    let run = std::fs::read_to_string(path).unwrap();
    let run: Value = serde_json::from_str(&run).unwrap();
    for stage in ["fetch", "process", "write"] {
        assert_eq!(run["stages"][stage]["count"], 100, "{run}");
    }
    assert_eq!(run["stages"]["fetch"]["errors"], 5);
    let caches = &run["caches"];
    assert_eq!(caches["input_peer_cache"]["misses"], 7);
    assert_eq!(caches["input_peer_cache"]["hits"], 993);
    let of = |count: &str| caches["sender_cache"][count].as_u64().unwrap();
    assert_eq!(of("hits") + of("misses"), 1_000);
    #[cfg(target_os = "linux")]
    assert!(run["resources"]["memory_samples"].as_u64().unwrap() >= 1, "{run}");
}

#[test]
fn the_embedded_use_listens_nowhere_and_prints_a_report() {
    let said = said(example("embedded"));
    assert!(said.starts_with("listens  nowhere\n"), "{said}");
    for part in ["p99      ", "metrics  ", "control loop", "sensor"] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}

#[test]
fn the_service_is_monitored_by_one_line() {
    let mut command = example("service");
    command.args(["127.0.0.1:0"]);
    let running = Running::start(command);
    let service = running.address_of("service");
    let monitor = running.address_of("monitor");
    assert_eq!(get_with(service, "/", &[]).body, "hello\n");
    assert_eq!(get_with(service, "/missing", &[]).status, 404);
    // it records after it has answered
    let counted = |outcome| {
        let series = format!("requests_total{{outcome=\"{outcome}\"}}");
        let mut counts =
            (0..10_000).map(|_| sample(&get_with(monitor, "/metrics", &[]).body, &series));
        counts.find(|count| *count == Some(1.0))
    };
    assert!(counted("success").is_some() && counted("failure").is_some());
}

#[test]
#[cfg(feature = "metrics")]
fn a_service_that_uses_the_metrics_crate_is_seen_as_it_is() {
    let said = said(example("metrics_crate"));
    for series in [
        "warehouse_orders_total{shop=\"north\"} 250",
        "warehouse_orders_total{shop=\"south\"} 750",
        "warehouse_stock 4001",
        "warehouse_order_seconds_count{shop=\"south\"} 750",
        "# HELP warehouse_orders_total Orders that were taken.",
    ] {
        assert!(said.lines().any(|line| line == series), "{series} in\n{said}");
    }
}

#[test]
fn the_page_is_served_by_the_service_s_own_router() {
    let said = said(example("dashboard_in_axum"));
    assert!(said.contains("<title>perf-monitor</title>"), "{said}");
    assert!(said.contains("requests_total{outcome=\"success\"} 1\n"), "{said}");
}

#[test]
fn the_mounted_page_s_files_stream_and_changes_are_below_its_path() {
    let mut command = example("dashboard_in_axum");
    command.arg("--serve");
    let running = Running::start(command);
    let address = running.address_of("service");
    assert_eq!(get_with(address, "/monitor", &[]).status, 308);
    let page = get_with(address, "/monitor/", &[]);
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    let files = page.body.split('"').filter(|text| text.starts_with("assets/"));
    for file in files {
        let answer = get_with(address, &format!("/monitor/{file}"), &[]);
        assert!(answer.status == 200 && answer.head.contains("immutable"), "{file}");
    }
    let mut stream = websocket(address, "/monitor/api/stream");
    assert!(stream.text().contains("\"service\":\"shop\""));
    let foreign = ["Origin: http://elsewhere.example"];
    let change = ask_with(address, "POST /monitor/api/config", &foreign, r#"{"tick_ms":50}"#);
    assert_eq!(change.status, 403, "{}", change.body);
    let change = ask_with(address, "POST /monitor/api/config", &[], r#"{"tick_ms":50}"#);
    assert_eq!(change.status, 200, "{}", change.body);
}

#[test]
#[cfg(all(feature = "axum", feature = "tracing"))]
fn an_axum_service_is_seen_route_by_route() {
    let said = said(example("axum_service"));
    for series in [
        "{method=\"GET\",route=\"/items/{id}\",status=\"2xx\"} 91",
        "{method=\"GET\",route=\"/items/{id}\",status=\"4xx\"} 8",
        "{method=\"GET\",route=\"/items/{id}\",status=\"5xx\"} 1",
        "{method=\"GET\",route=\"/quote\",status=\"cancelled\"} 1",
    ] {
        let line = format!("http_server_requests_total{series}");
        assert!(said.lines().any(|said| said == line), "{line} in\n{said}");
    }
    let trace = said.split_once("{\"state\":\"failed\"").expect("an answer about spans").1;
    assert!(
        trace.contains("\"kind\":\"server\"") && trace.contains("\"status\":\"error\""),
        "{trace}"
    );
    let counted = said.lines().filter(|line| line.starts_with("http_server_"));
    assert!(
        counted.clone().count() > 5 && counted.clone().all(|line| !line.contains("/no/such/page"))
    );
}
