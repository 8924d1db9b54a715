//! A whole monitor before the programs that it is made for: promtool's lint, and a real Prometheus.
//!
//! They run where `PERF_MONITOR_PEERS` is set, with the programs that `PERF_MONITOR_PROMTOOL` and
//! `PERF_MONITOR_PROMETHEUS` name. `cargo xtask test` sets all three, and builds every feature.

mod support;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use perf_monitor::instruments::{BreakerState, ConnectionState, Event, HealthState, Severity};
use perf_monitor::{PerformanceMonitor, PerformanceMonitorBuilder, Registry, ServiceMetrics};
use support::{get, get_with};

/// Tries, and the pace at which they are made, before Prometheus counts as never having scraped.
const TRIES: usize = 600;
const PACE: Duration = Duration::from_millis(100);

/// The program that `variable` names, or none where peers are not asked for.
fn peer(variable: &str) -> Option<PathBuf> {
    if std::env::var_os("PERF_MONITOR_PEERS").is_none() {
        println!("skipped: set PERF_MONITOR_PEERS and {variable} to run it");
        return None;
    }
    let path = std::env::var_os(variable);
    Some(path.unwrap_or_else(|| panic!("{variable} names no program")).into())
}

/// A monitor with all its parts on, that has served a request.
fn monitor() -> PerformanceMonitor {
    let builder = PerformanceMonitor::builder("checkout")
        .registry(Registry::new())
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .tick(Duration::from_millis(50));
    let monitor = sending(builder).start().unwrap();
    for n in 0..20 {
        monitor.metrics().record_request(Duration::from_millis(n), n % 5 != 0);
        monitor.metrics().record_request_size(n * 100);
    }
    use_everything(monitor.instruments());
    monitor.tracer().root("request").fail("asked to");
    monitor
}

/// With metrics about a collector, who is away.
#[cfg(feature = "otlp")]
fn sending(builder: PerformanceMonitorBuilder) -> PerformanceMonitorBuilder {
    let options = perf_monitor::export::OtlpOptions::default().endpoint("http://127.0.0.1:1");
    builder.otlp(options.unwrap())
}

#[cfg(not(feature = "otlp"))]
fn sending(builder: PerformanceMonitorBuilder) -> PerformanceMonitorBuilder {
    builder
}

/// Something of each instrument, so that each of their metrics is there.
fn use_everything(service: &ServiceMetrics) {
    let ms = Duration::from_millis;
    service.stages().record_stage("fetch", ms(50), true);
    service.queries().record_detailed_query_execution("orders", ms(1), ms(2), ms(30));
    service.queries().query("orders").record_total(ms(5), true);
    let cache = service.caches().cache("pages");
    cache.hit();
    cache.miss();
    cache.evicted(1);
    cache.set_size(4_096);
    service.io().record_io_read(4_096);
    service.io().record_io_write(512);
    service.timeline().record("scroll");
    let event = Event::new("mqtt", "light", "light.living_room").duration(ms(150)).wrote(3, 96);
    service.events().record(&event);
    service.events().record(&event.success(false));
    service.events().record_duplicate("mqtt");
    service.events().set_queue_depth("inbox", 4);
    service.events().set_connections("mqtt", 2);
    service.record_error("timeout", "store", Severity::Critical);
    service.record_retry_attempt("publish");
    for state in [BreakerState::Open, BreakerState::HalfOpen, BreakerState::Closed] {
        service.record_circuit_breaker_state("store", state);
    }
    service.connections().record_connection_state("mqtt", ConnectionState::Connected);
    service.health().set("store", HealthState::Degraded, "slow");
    service.resources().record_resources(50.0, 100.0, 1.0, 1.0);
}

#[test]
fn promtool_has_nothing_against_what_a_monitor_serves() {
    let Some(promtool) = peer("PERF_MONITOR_PROMTOOL") else {
        return;
    };
    let monitor = monitor();
    let text = get(&monitor, "/metrics").body;
    for metric in [
        "request_duration_seconds_bucket",
        "host_cpu_seconds_total",
        "perf_monitor_",
        "stage_duration_seconds_count{stage=\"fetch\"} 1",
        "query_errors_total{query=\"orders\"} 1",
        "cache_size_bytes{cache=\"pages\"} 4096",
        "events_deduplicated_total{source=\"mqtt\"} 1",
        "circuit_breaker_transitions_total{breaker=\"store\",to=\"closed\"} 1",
        "component_health{component=\"store\",state=\"degraded\"} 1",
    ] {
        assert!(text.contains(metric), "{metric} in\n{text}");
    }
    lint(&promtool, &text);
}

/// What comes by bridges and by the attribute, which records into the process's registry, beside
/// something of each instrument.
#[test]
#[cfg(all(feature = "metrics", feature = "timed", feature = "tokio", feature = "tower"))]
fn promtool_has_nothing_against_what_bridges_and_timed_functions_give() {
    #[perf_monitor::timed]
    fn halve(number: u32) -> u32 {
        number / 2
    }

    let Some(promtool) = peer("PERF_MONITOR_PROMTOOL") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let monitor = PerformanceMonitor::builder("bridged")
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .tokio_runtime(runtime.handle().clone())
        .start()
        .unwrap();
    let bridge = perf_monitor::bridges::metrics::MetricsBridge::new(monitor.registry()).unwrap();
    metrics::with_local_recorder(&bridge, || {
        metrics::describe_counter!("orders", "Orders that were taken.");
        metrics::describe_histogram!("order.seconds", "Time that an order takes.");
        metrics::counter!("orders", "shop" => "north").increment(1);
        metrics::histogram!("order.seconds").record(0.025);
    });
    runtime.block_on(requests(monitor.registry()));
    use_everything(monitor.instruments());
    assert_eq!(halve(4), 2);
    let text = get(&monitor, "/metrics").body;
    for metric in [
        "tokio_workers 2",
        "orders_total{shop=",
        "function_calls_total{function=",
        "http_server_requests_total{method=\"POST\",route=\"/orders\",status=\"2xx\"} 2",
        "http_server_request_duration_seconds_count",
        "http_server_active_requests",
        "http_server_request_size_bytes_count",
        "http_server_response_size_bytes_count",
        "stage_errors_total{stage=\"fetch\"} 1",
    ] {
        assert!(text.contains(metric), "{metric} in\n{text}");
    }
    lint(&promtool, &text);
}

/// Two orders through a service with the layer.
#[cfg(all(feature = "metrics", feature = "timed", feature = "tokio", feature = "tower"))]
async fn requests(registry: &Registry) {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::{Layer, ServiceExt};

    let layer = perf_monitor::bridges::tower::RequestsLayer::new(registry).unwrap();
    let orders = axum::Router::new().route("/orders", axum::routing::post(|| async { "taken" }));
    let service = layer.route(|head| Some(head.uri.path().into())).layer(orders);
    for _ in 0..2 {
        let request = Request::post("/orders").body(Body::from("two of them")).unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        let body = to_bytes(Body::new(answer.into_body()), usize::MAX).await.unwrap();
        assert_eq!(body, "taken");
    }
}

/// Lets promtool look for what is wrong or unusual.
fn lint(promtool: &Path, text: &str) {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said), (Some(0), String::new()));
}

/// A Prometheus that scrapes one target; killed when this is dropped, and its files removed.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Prometheus {
    fn start(program: &Path, target: SocketAddr) -> Prometheus {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("monitor-prometheus-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("prometheus.yml");
        let job = format!("{{job_name: monitor, static_configs: [{{targets: [\"{target}\"]}}]}}");
        let text = format!("global: {{scrape_interval: 1s}}\nscrape_configs: [{job}]\n");
        std::fs::write(&config, text).unwrap();
        // A port that was free a moment ago: Prometheus cannot tell which one it took.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        Prometheus { child, address, folder }
    }

    /// The answer to a query, once it has a result.
    fn query(&self, query: &str) -> String {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/query?query={encoded}");
        let (_never, pace) = mpsc::channel::<()>();
        for _ in 0..TRIES {
            if TcpStream::connect(self.address).is_ok() {
                let body = get_with(self.address, &path, &[]).body;
                if body.contains("\"value\"") {
                    return body;
                }
            }
            let _ = pace.recv_timeout(PACE);
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("no result of {query}; Prometheus said:\n{log}")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_real_prometheus_scrapes_a_monitor() {
    let Some(program) = peer("PERF_MONITOR_PROMETHEUS") else {
        return;
    };
    let monitor = monitor();
    let prometheus = Prometheus::start(&program, monitor.address().unwrap());
    let failed = prometheus.query("requests_total{outcome=\"failure\"}");
    assert!(failed.contains("\"4\"]"), "{failed}");
    let count = prometheus.query("request_duration_seconds_count");
    assert!(count.contains("\"20\"]"), "{count}");
    let p50 = prometheus.query("histogram_quantile(0.5, request_duration_seconds_bucket)");
    assert!(p50.contains("\"value\""), "{p50}");
    assert!(prometheus.query("up").contains("\"1\"]"));
    assert!(prometheus.query("host_memory_total_bytes").contains("\"value\""));
}
