//! A monitor starts, serves, shares and stops as it says.

mod support;

use std::error::Error as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use perf_monitor::host::HostOptions;
use perf_monitor::http::ServerOptions;
use perf_monitor::{PerformanceMonitor, PerformanceMonitorBuilder, Registry, Value};
use support::{connect, get, get_with, sample, scraped, wait_for};

const FREE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);
const FAST: Duration = Duration::from_millis(10);

/// What of a memory budget is the tracer's.
const TRACES: usize = if cfg!(feature = "tracing") { 200_000 } else { 0 };

/// A monitor that ticks fast, with a registry and a port of its own.
fn builder() -> PerformanceMonitorBuilder {
    PerformanceMonitor::builder("test").registry(Registry::new()).listen(FREE).tick(FAST)
}

/// A port that somebody has.
fn busy() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(SocketAddr::from(FREE)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Drops `monitor`, which must take a second at most.
fn drop_in_time(monitor: PerformanceMonitor) {
    let begun = Instant::now();
    drop(monitor);
    let took = begun.elapsed();
    assert!(took <= Duration::from_secs(1), "stopping took {took:?}");
}

// --- starting ---

#[test]
fn start_serves_the_process_s_registry_and_takes_a_free_port_when_its_own_is_taken() {
    let jobs = Registry::global().counter(("test_jobs_total", "Jobs.")).unwrap();
    jobs.add(5);
    let first = PerformanceMonitor::start("first").unwrap();
    let second = PerformanceMonitor::start("second").unwrap();
    let (a, b) = (first.address().unwrap(), second.address().unwrap());
    assert!(a.ip().is_loopback() && b.ip().is_loopback());
    assert_ne!(a.port(), b.port());
    assert_eq!(first.url().unwrap(), format!("http://{a}"));
    for monitor in [&first, &second] {
        assert!(scraped(monitor, "test_jobs_total") >= 5.0);
    }
}

#[test]
fn numbers_move() {
    let monitor = builder().start().unwrap();
    monitor.metrics().record_request(Duration::from_millis(1), true);
    let success = "requests_total{outcome=\"success\"}";
    assert_eq!(scraped(&monitor, success), 1.0);
    monitor.metrics().record_request(Duration::from_millis(1), true);
    assert_eq!(scraped(&monitor, success), 2.0);
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |n| n >= 3.0);
    wait_for(&monitor, "process_resident_memory_bytes", |bytes| bytes > 100_000.0);
}

#[test]
fn a_busy_port_that_was_asked_for_is_an_error_with_the_remedy() {
    let (_holder, address) = busy();
    let error = builder().listen(address).start().unwrap_err();
    assert!(error.is_address_in_use());
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("choose another"), "{text}");
    assert!(error.source().is_some());
}

#[test]
fn another_free_port_is_taken_when_that_is_allowed() {
    let (_holder, address) = busy();
    let monitor = builder().listen_or_free(address).start().unwrap();
    assert_ne!(monitor.address(), Some(address));
    assert_eq!(get(&monitor, "/healthz").status, 200);
}

#[test]
fn an_address_off_loopback_needs_a_token_and_asks_for_it() {
    let everywhere = ([0, 0, 0, 0], 0);
    let error = builder().listen(everywhere).start().unwrap_err();
    assert!(error.is_options() && error.to_string().contains("token"), "{error}");
    let monitor = builder().listen(everywhere).token("open-sesame").start().unwrap();
    let url = monitor.url().unwrap();
    let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    assert!(address.ip().is_loopback());
    assert_eq!(get_with(address, "/metrics", &[]).status, 401);
    let shown = ["Authorization: Bearer open-sesame"];
    assert_eq!(get_with(address, "/metrics", &shown).status, 200);
}

#[test]
fn options_out_of_range_are_errors_that_name_the_range() {
    for tick in [Duration::ZERO, Duration::from_millis(9), Duration::from_secs(3_601)] {
        let error = builder().tick(tick).start().unwrap_err();
        assert!(error.is_options() && error.to_string().contains("10 ms to 1 h"), "{error}");
    }
    let error = builder().memory_budget(699_999 + TRACES).start().unwrap_err();
    assert!(error.is_options() && error.to_string().contains("00000"), "{error}");
    assert!(PerformanceMonitor::builder("").start().unwrap_err().is_options());
    assert!(builder().token("short").start().unwrap_err().is_options());
}

#[test]
fn a_metric_in_the_way_of_the_monitor_s_own_is_an_error_that_names_it() {
    let registry = Registry::new();
    registry.gauge(("perf_monitor_tick_seconds", "Mine.")).unwrap();
    let error = builder().registry(registry).start().unwrap_err();
    assert!(error.is_registry(), "{error}");
    assert!(error.to_string().contains("perf_monitor_tick_seconds"), "{error}");
}

// --- serving ---

#[test]
fn healthz_is_ok_with_the_age_of_the_last_tick() {
    let answer = get(&builder().start().unwrap(), "/healthz");
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with("ok\nlast tick 0."), "{}", answer.body);
}

#[test]
fn the_snapshot_is_json_of_every_family() {
    let monitor = builder().start().unwrap();
    monitor.metrics().record_request(Duration::from_millis(250), false);
    let answer = get(&monitor, "/api/snapshot");
    assert_eq!(answer.status, 200);
    let snapshot: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let families = snapshot["families"].as_array().unwrap();
    let family = |name: &str| families.iter().find(|f| f["name"] == name).unwrap();
    let failure = family("requests_total")["series"].as_array().unwrap();
    let failure = failure.iter().find(|s| s["labels"]["outcome"] == "failure").unwrap();
    assert_eq!(failure["value"], 1);
    assert_eq!(family("request_duration_seconds")["series"][0]["sum"], 0.25);
}

#[test]
fn unknown_paths_are_404_and_foreign_host_names_are_refused_and_counted() {
    let monitor = builder().allow_host("metrics.example").start().unwrap();
    let address = monitor.address().unwrap();
    assert_eq!(get(&monitor, "/nothing").status, 404);
    let ask = |host: &str| {
        let mut stream = connect(address);
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            .unwrap();
        std::io::read_to_string(stream).unwrap()
    };
    assert!(ask("metrics.example").starts_with("HTTP/1.1 200 "));
    assert!(ask("evil.example").starts_with("HTTP/1.1 421 "));
    wait_for(&monitor, "perf_monitor_http_rejected_total{reason=\"host\"}", |n| n == 1.0);
}

#[test]
fn no_two_metrics_share_a_name_in_openmetrics_where_counters_lose_their_ending() {
    let monitor = builder().start().unwrap();
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |n| n >= 2.0);
    let accept = ["Accept: application/openmetrics-text; version=1.0.0"];
    let text = get_with(monitor.address().unwrap(), "/metrics", &accept).body;
    assert!(text.ends_with("# EOF\n"), "{text}");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: Vec<_> = types.map(|line| line.split(' ').next().unwrap()).collect();
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{names:?}");
}

#[test]
fn a_scrape_is_compressed_for_those_who_take_it() {
    let monitor = builder().start().unwrap();
    let address = monitor.address().unwrap();
    let mut stream = connect(address);
    let ask = format!(
        "GET /metrics HTTP/1.1\r\nHost: {address}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 ") && head.contains("content-encoding: gzip"), "{head}");
    assert!(bytes.ends_with(b"0\r\n\r\n"), "a whole answer");
}

#[test]
fn the_service_and_its_version_are_told() {
    let monitor = builder().version("1.4.2").start().unwrap();
    let text = get(&monitor, "/metrics").body;
    let target = text.lines().find(|line| line.starts_with("target_info{")).unwrap();
    assert!(target.contains("service_name=\"test\"") && target.contains("\"1.4.2\""), "{target}");
}

#[test]
fn the_monitor_shows_what_it_costs_itself() {
    let monitor = builder().start().unwrap();
    wait_for(&monitor, "perf_monitor_cpu_seconds_total", |seconds| seconds > 0.0);
    wait_for(&monitor, "perf_monitor_tick_lag_seconds_count", |n| n >= 1.0);
    wait_for(&monitor, "perf_monitor_http_requests_total", |n| n >= 2.0);
    let text = get(&monitor, "/metrics").body;
    let value = |series: &str| sample(&text, series).unwrap_or_else(|| panic!("no {series}"));
    for subsystem in ["collectors", "hdr", "dashboard", "export", "thread"] {
        let bytes = value(&format!("perf_monitor_memory_bytes{{subsystem=\"{subsystem}\"}}"));
        assert!(bytes > 0.0 && bytes < 1e6, "{subsystem}: {bytes}");
    }
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("perf_monitor_build_info{{version=\"{version}\",service=\"test\"}}");
    assert_eq!(value(&build), 1.0);
    for part in ["dashboard", "exporter", "host", "listener", "own", "registry"] {
        assert_eq!(value(&format!("perf_monitor_errors_total{{part=\"{part}\"}}")), 0.0);
    }
    assert!(value("perf_monitor_series") > 10.0);
    assert_eq!(value("perf_monitor_series_refused_total"), 0.0);
}

#[test]
fn what_found_no_room_is_counted_where_a_user_sees_it() {
    let registry = Registry::builder().series_per_family(100).build();
    let monitor = builder().registry(registry).start().unwrap();
    let routes = monitor.registry().counter_family(("hits_total", "Hits."), &["route"]).unwrap();
    (0..150).for_each(|i| routes.inc(&[&format!("/{i}")]));
    monitor.metrics().record_request(Duration::from_secs(61), true);
    wait_for(&monitor, "perf_monitor_series_refused_total", |n| n >= 50.0);
    wait_for(&monitor, "perf_monitor_durations_clamped_total", |n| n == 1.0);
    assert_eq!(scraped(&monitor, "hits_total{overflow=\"true\"}"), 50.0);
}

#[test]
fn host_metrics_can_be_left_out_or_limited() {
    let none = builder().host_metrics(false).start().unwrap();
    let text = get(&none, "/metrics").body;
    assert!(!text.contains("\nhost_"), "{text}");
    let some = builder().host_options(HostOptions::default().network(false)).start().unwrap();
    wait_for(&some, "perf_monitor_tick_seconds_count", |n| n >= 2.0);
    let text = get(&some, "/metrics").body;
    assert!(text.contains("\nhost_memory_") && !text.contains("\nhost_network_"), "{text}");
}

#[test]
fn without_a_listener_ticks_go_on() {
    let monitor = builder().no_listener().start().unwrap();
    assert_eq!((monitor.address(), monitor.url()), (None, None));
    let ticks = (0..20_000).map(|_| {
        let rendered = monitor.exporter().render();
        sample(&rendered, "perf_monitor_tick_seconds_count").unwrap_or(0.0)
    });
    assert!(ticks.into_iter().any(|ticks| ticks >= 3.0));
}

// --- several monitors ---

#[test]
fn monitors_with_registries_of_their_own_do_not_see_each_other() {
    let (one, other) = (builder().start().unwrap(), builder().start().unwrap());
    assert_ne!(one.address(), other.address());
    one.metrics().record_request(Duration::from_millis(1), true);
    let success = "requests_total{outcome=\"success\"}";
    assert_eq!((scraped(&one, success), scraped(&other, success)), (1.0, 0.0));
    let global = Registry::global().snapshot();
    let version = env!("CARGO_PKG_VERSION");
    let mine = [("version", version), ("service", "test")];
    assert!(global.value("perf_monitor_build_info", &mine).is_none());
}

#[test]
fn one_of_two_monitors_ticks_their_registry_and_the_other_goes_on_when_it_stops() {
    let registry = Registry::new();
    let slow = builder().registry(registry.clone()).tick(Duration::from_secs(3_600));
    let slow = slow.start().unwrap();
    let fast = builder().registry(registry.clone()).start().unwrap();
    wait_for(&fast, "perf_monitor_tick_seconds_count", |n| n >= 20.0);
    assert_eq!(registry.window().ticks, 0, "the slow one has the ticks");
    for monitor in [&slow, &fast] {
        assert_eq!(get(monitor, "/healthz").status, 200);
    }
    drop_in_time(slow);
    let ticks = (0..20_000).map(|_| {
        get(&fast, "/healthz");
        registry.window().ticks
    });
    assert!(ticks.into_iter().any(|ticks| ticks >= 3));
    assert!(scraped(&fast, "host_memory_total_bytes") > 0.0);
    wait_for(&fast, "process_cpu_usage_ratio", |cores| cores > 0.0);
}

#[test]
fn gauges_that_monitors_share_add_up_and_are_given_back() {
    let registry = Registry::new();
    let build = |registry: &Registry| {
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("service", "test")];
        match registry.snapshot().value("perf_monitor_build_info", &labels) {
            Some(Value::Gauge(value)) => value,
            other => panic!("{other:?}"),
        }
    };
    let one = builder().registry(registry.clone()).start().unwrap();
    let other = builder().registry(registry.clone()).start().unwrap();
    assert_eq!(build(&registry), 2.0);
    drop_in_time(one);
    assert_eq!(build(&registry), 1.0);
    drop_in_time(other);
    assert_eq!(build(&registry), 0.0);
}

// --- stopping ---

#[test]
fn a_stopped_monitor_gives_its_address_back_and_keeps_what_was_recorded() {
    let registry = Registry::new();
    let monitor = builder().registry(registry.clone()).start().unwrap();
    monitor.metrics().record_request(Duration::from_millis(1), true);
    let address = monitor.address().unwrap();
    monitor.stop();
    let again = builder().registry(registry).listen(address).start().unwrap();
    assert_eq!(scraped(&again, "requests_total{outcome=\"success\"}"), 1.0);
}

#[test]
fn dropping_in_async_code_stops_within_a_second_and_does_not_panic() {
    let single = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for runtime in [single, multi] {
        runtime.block_on(async {
            let monitor = builder().start().unwrap();
            assert_eq!(get(&monitor, "/healthz").status, 200);
            tokio::task::yield_now().await;
            drop_in_time(monitor);
        });
        let task = async { drop_in_time(builder().start().unwrap()) };
        runtime.block_on(runtime.spawn(task)).unwrap();
    }
}

#[test]
fn an_error_in_async_code_does_not_panic() {
    let (_holder, address) = busy();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert!(builder().listen(address).start().unwrap_err().is_address_in_use());
    });
}

/// A client that asks for more than fits the sockets' buffers, and reads nothing of it.
fn stalled(address: SocketAddr) -> std::net::TcpStream {
    let mut stream = connect(address);
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.repeat(1_000).as_bytes()).unwrap();
    stream
}

#[test]
fn ticks_and_answers_go_on_while_clients_stall() {
    let monitor = builder().start().unwrap();
    let clients: Vec<_> = (0..4).map(|_| stalled(monitor.address().unwrap())).collect();
    let begun = scraped(&monitor, "perf_monitor_tick_seconds_count");
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |n| n >= begun + 20.0);
    wait_for(&monitor, "perf_monitor_http_open_connections", |n| n >= 4.0);
    drop(clients);
}

#[test]
fn a_client_that_reads_nothing_does_not_delay_the_stop() {
    let monitor = builder().start().unwrap();
    let address = monitor.address().unwrap();
    let mut clients: Vec<_> = (0..4).map(|_| stalled(address)).collect();
    clients.push(connect(address));
    let mut half = connect(address);
    half.write_all(b"GET /metr").unwrap();
    clients.push(half);
    let mut viewer = support::websocket(address, "/api/stream");
    viewer.text();
    wait_for(&monitor, "perf_monitor_http_open_connections", |n| n >= 7.0);
    drop_in_time(monitor);
    drop(clients);
}

#[test]
fn a_grace_that_is_too_long_does_not_delay_the_stop() {
    let patient = ServerOptions::default().shutdown_time(Duration::from_secs(60));
    let monitor = builder().server_options(patient).start().unwrap();
    let client = stalled(monitor.address().unwrap());
    wait_for(&monitor, "perf_monitor_http_open_connections", |n| n >= 1.0);
    drop_in_time(monitor);
    drop(client);
}

#[test]
fn a_monitor_can_be_shared_between_threads() {
    fn shareable<T: Send + Sync + 'static>(_: &T) {}
    let monitor = builder().start().unwrap();
    shareable(&monitor);
    shareable(&builder());
}

#[test]
fn a_memory_budget_is_divided_and_what_exceeds_it_overflows() {
    let registry = Registry::new();
    let monitor =
        builder().registry(registry.clone()).memory_budget(1_000_000 + TRACES).start().unwrap();
    assert_eq!(registry.stats().budget_bytes, 500 * 1024);
    let sizes = registry.counter_family(("sizes", "Sizes."), &["size"]).unwrap();
    for size in 0..5_000 {
        sizes.inc(&[&size.to_string()]);
    }
    let stats = registry.stats();
    assert!(stats.refused_series > 0 && stats.charged_bytes <= 512 * 1024, "{stats:?}");
    assert!(get(&monitor, "/metrics").body.contains("sizes_total{overflow=\"true\"} "));
}
