//! What Prometheus itself makes of it: promtool's lint, and a real scrape.
//!
//! They run where `PERF_MONITOR_PEERS` is set, with the programs that `PERF_MONITOR_PROMTOOL` and
//! `PERF_MONITOR_PROMETHEUS` name.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http::header::ACCEPT;
use perf_monitor_exporters::{
    ExporterOptions, Format, MetricsExporter, PrometheusExporter, metrics_handler,
};
use perf_monitor_http::{Handler, Request, Router, Server, ServerOptions};
use serde_json::Value;
use tokio::time::{interval, timeout};

use crate::families::filled_registry;
use crate::http::get;

/// How long a peer may take to start, scrape and answer before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program that `variable` names, or none where peers are not asked for.
fn peer(variable: &str) -> Option<PathBuf> {
    if std::env::var_os("PERF_MONITOR_PEERS").is_none() {
        println!("skipped: set PERF_MONITOR_PEERS and {variable} to run it");
        return None;
    }
    let path = std::env::var_os(variable);
    Some(path.unwrap_or_else(|| panic!("{variable} names no program")).into())
}

fn options() -> ExporterOptions {
    let options = ExporterOptions::default().service("check \"out\"").version("1").host("web-1");
    options.label_host(true).const_label("zone", "a\\b").unwrap()
}

/// What promtool has against `text`; empty if nothing.
fn lint(promtool: &Path, text: &[u8]) -> String {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    match output.status.code() {
        Some(0) => String::new(),
        code => format!("{code:?}: {}", String::from_utf8_lossy(&said)),
    }
}

#[test]
fn promtool_has_nothing_against_any_kind_of_metric() {
    let Some(promtool) = peer("PERF_MONITOR_PROMTOOL") else {
        return;
    };
    let exporter = MetricsExporter::new(&filled_registry(), options());
    assert_eq!(lint(&promtool, exporter.render().as_bytes()), "");
    assert_ne!(lint(&promtool, b"# TYPE a counter\na 1\n"), "", "it looks at what it gets");
}

#[cfg(feature = "prometheus")]
#[test]
fn promtool_has_nothing_against_what_their_registries_add() {
    let Some(promtool) = peer("PERF_MONITOR_PROMTOOL") else {
        return;
    };
    let theirs = prometheus::Registry::new();
    let histogram = prometheus::HistogramOpts::new("wait_seconds", "Waits.");
    let histogram = prometheus::Histogram::with_opts(histogram).unwrap();
    histogram.observe(0.3);
    theirs.register(Box::new(histogram)).unwrap();
    let options = options().also(theirs.clone()).also(theirs);
    let text = MetricsExporter::new(&filled_registry(), options).render();
    assert!(text.contains("wait_seconds_count") && text.contains("# left out"));
    assert_eq!(lint(&promtool, text.as_bytes()), "");
}

/// A Prometheus that scrapes; it is killed, and its files are removed, when this is dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Prometheus {
    /// Starts `program` with the jobs `(name, address, path)`.
    fn start(program: &Path, jobs: &[(&str, SocketAddr, &str)]) -> Prometheus {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("prometheus-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut config = String::from("global: {scrape_interval: 1s}\nscrape_configs:\n");
        for (name, address, path) in jobs {
            config += &format!(
                "- {{job_name: {name}, metrics_path: {path}, static_configs: [{{targets: [\"{address}\"]}}]}}\n"
            );
        }
        let config_file = folder.join("prometheus.yml");
        std::fs::write(&config_file, config).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let address = free_address();
        let child = Command::new(program)
            .arg(format!("--config.file={}", config_file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Prometheus { child, address, folder }
    }

    /// The result of a query once it has `series` series; panics with Prometheus' log when that takes too long.
    async fn query(&self, query: &str, series: usize) -> Vec<Value> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/query?query={encoded}");
        let asking = async {
            let mut pace = interval(Duration::from_millis(100));
            loop {
                pace.tick().await;
                let Ok((200, body)) = get(self.address, &path).await else {
                    continue;
                };
                let answer: Value = serde_json::from_str(&body).unwrap();
                let result = answer["data"]["result"].as_array().unwrap();
                if result.len() == series {
                    return result.clone();
                }
            }
        };
        timeout(PATIENCE, asking).await.unwrap_or_else(|_| {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            panic!("no {series} series of {query}; Prometheus said:\n{log}")
        })
    }

    /// The number and the labels of the only series of `query`.
    async fn value(&self, query: &str) -> (String, Value) {
        let series = self.query(query, 1).await.remove(0);
        (series["value"][1].as_str().unwrap().to_owned(), series["metric"].clone())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// A listener whose `/metrics` answers in text to everybody, since a Prometheus prefers OpenMetrics.
fn serve_text() -> SocketAddr {
    let handler = Arc::new(metrics_handler(&filled_registry(), options()));
    let text = move |mut request: Request| {
        let handler = Arc::clone(&handler);
        async move {
            request.headers_mut().remove(ACCEPT);
            let response = handler.handle(request).await;
            assert_eq!(response.headers()["content-type"], Format::Text.content_type());
            response
        }
    };
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0), ServerOptions::default()).unwrap();
    let address = server.local_addr();
    tokio::spawn(server.serve(Router::new().get("/metrics", text), std::future::pending()));
    address
}

#[tokio::test]
async fn a_real_prometheus_scrapes_both_formats() {
    let Some(program) = peer("PERF_MONITOR_PROMETHEUS") else {
        return;
    };
    let mut exporter = PrometheusExporter::with_options(&filled_registry(), options());
    exporter.start((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let jobs = [
        ("openmetrics", exporter.local_addr().unwrap(), "/metrics"),
        ("text", serve_text(), "/metrics"),
    ];
    let prometheus = Prometheus::start(&program, &jobs);
    for (job, ..) in jobs {
        for (query, wanted) in [
            ("jobs_total", "42"),
            ("energy_joules_total", "2.5"),
            ("interrupts_total", "7"),
            ("busy_seconds_total", "1.5"),
            ("temperature_celsius", "-17.25"),
            ("level_ratio{sort='none'}", "NaN"),
            ("level_ratio{sort='endless'}", "+Inf"),
            ("level_ratio{sort='small'}", "2.5e-09"),
            ("request_duration_seconds_count", "3"),
            ("request_duration_seconds_sum", "0.0312"),
            ("request_duration_seconds_bucket{le='0.0005'}", "1"),
            ("request_duration_seconds_bucket{le='+Inf'}", "3"),
            ("response_size_bytes_bucket{route='/a',le='1.048576e+06'}", "1"),
            (
                "target_info{service_name='check \"out\"',service_version='1',host_name='web-1'}",
                "1",
            ),
            ("up", "1"),
        ] {
            let query = match query.split_once('{') {
                Some((name, labels)) => format!("{name}{{job='{job}',{labels}"),
                None => format!("{query}{{job='{job}'}}"),
            };
            assert_eq!(prometheus.value(&query).await.0, wanted, "{query}");
        }
        let (visits, labels) = prometheus.value(&format!("visits_total{{job='{job}'}}")).await;
        assert_eq!(visits, "3");
        assert_eq!(labels["path"], "C:\\temp\n");
        assert_eq!(labels["who"], "say \"hi\" 🙂");
        assert_eq!(labels["host"], "web-1");
        assert_eq!(labels["zone"], "a\\b");
    }
    let (created, labels) = prometheus.value("jobs_created").await;
    assert!(created.parse::<f64>().unwrap() > 1.6e9, "seconds since 1970");
    assert_eq!(labels["job"], "openmetrics");
    exporter.stop().await;
}
