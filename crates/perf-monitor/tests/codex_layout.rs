//! Every item of the Codex table that exists so far does what the seed says, through the facade.

mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use perf_monitor::alerting::{
    Alert, AlertManager, AlertRule, AlertSeverity, Attempt, Metrics, Notification, Notifier,
};
use perf_monitor::atomic::AtomicMetrics;
use perf_monitor::dashboard::{About, DashboardUpdate, MetricsDashboard};
use perf_monitor::export::{ExporterOptions, MetricsExporter, PrometheusExporter};
use perf_monitor::http::{BoxFuture, Request, Router, Server, ServerOptions, WebSocket};
use perf_monitor::latency::{LatencyPercentiles, LatencyTracker};
use perf_monitor::monitor::{
    LocalMetrics, MetricsCollector, PerformanceMonitor, PerformanceMonitorBuilder,
};
use perf_monitor::profiling::{
    Error as ProfilingError, HeapProfile, MemoryProfiler, MemorySnapshot, MemorySource,
};
use perf_monitor::tracing::{
    ActiveSpan, DistributedTracer, FinishedSpan, OwnedValue, SpanId, TracerOptions,
};
use perf_monitor::{Clock, Registry, Value};
use support::{get, get_with, scraped, websocket};

const FREE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn builder(registry: &Registry) -> PerformanceMonitorBuilder {
    PerformanceMonitor::builder("codex").registry(registry.clone()).listen(FREE)
}

// --- Performance Monitor System ---

#[test]
fn a_monitor_has_metrics_and_an_exporter_of_one_registry() {
    let registry = Registry::new();
    let monitor = builder(&registry).tick(Duration::from_millis(10)).start().unwrap();
    let metrics: &MetricsCollector = monitor.metrics();
    metrics.record_request(Duration::from_millis(3), true);
    metrics.record_request(Duration::from_millis(5), false);
    let exporter: &MetricsExporter = monitor.exporter();
    let text = exporter.render();
    assert_eq!(support::sample(&text, "requests_total{outcome=\"success\"}"), Some(1.0));
    assert_eq!(scraped(&monitor, "requests_total{outcome=\"failure\"}"), 1.0);
    assert_eq!(scraped(&monitor, "request_duration_seconds_count"), 2.0);
}

#[test]
fn the_collector_counts_times_and_sizes_requests() {
    let registry = Registry::new();
    let metrics = MetricsCollector::new(&registry).unwrap();
    for ms in 1..=9 {
        metrics.record_request(Duration::from_millis(ms), ms % 3 != 0);
        metrics.record_request_size(1_000);
    }
    let snapshot = registry.snapshot();
    let counter = |outcome| match snapshot.value("requests_total", &[("outcome", outcome)]) {
        Some(Value::Counter(n)) => n,
        other => panic!("{outcome}: {other:?}"),
    };
    assert_eq!((counter("success"), counter("failure")), (6, 3));
    for (name, count) in [("request_duration_seconds", 9), ("request_size_bytes", 9)] {
        let Some(Value::Histogram(histogram)) = snapshot.value(name, &[]) else {
            panic!("{name} is no histogram");
        };
        assert_eq!(histogram.count, count);
    }
}

#[test]
fn the_collector_answers_what_the_seed_s_dashboard_asks() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock).build();
    let metrics = MetricsCollector::new(&registry).unwrap();
    for i in 0..30u64 {
        metrics.record_request(Duration::from_micros(i + 1), i % 3 != 0);
    }
    hand.advance(Duration::from_secs(2));
    registry.tick();
    assert_eq!(metrics.get_request_rate(), 15.0);
    assert_eq!(metrics.get_error_rate(), 1.0 / 3.0);
    assert_eq!(metrics.get_latency_p99(), 30);
    assert_eq!((metrics.get_memory_usage(), metrics.get_cpu_usage()), (0, 0.0));
    metrics.memory_gauge().set(4096.0);
    metrics.cpu_gauge().set(1.5);
    assert_eq!((metrics.get_memory_usage(), metrics.get_cpu_usage()), (4096, 150.0));
}

#[test]
fn each_thread_s_local_metrics_add_up_to_the_collector_s_totals() {
    let metrics = MetricsCollector::new(&Registry::new()).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for i in 0..1_000 {
                    metrics.record_request(Duration::from_nanos(500), i % 10 == 0);
                }
            });
        }
    });
    let parts = metrics.thread_collectors();
    let total = parts.iter().fold(LocalMetrics::default(), |sum, part| LocalMetrics {
        request_count: sum.request_count + part.request_count,
        total_latency: sum.total_latency + part.total_latency,
        error_count: sum.error_count + part.error_count,
    });
    let expected = LocalMetrics {
        request_count: 4_000,
        total_latency: Duration::from_nanos(500 * 4_000),
        error_count: 3_600,
    };
    assert_eq!(total, expected);
}

// --- Atomic Metrics ---

#[test]
fn atomic_metrics_keep_exact_totals_over_threads() {
    let metrics = AtomicMetrics::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..1_000)
                    .for_each(|i| metrics.record_request(Duration::from_nanos(7), i % 4 != 0));
            });
        }
    });
    assert_eq!(metrics.total_requests(), 4_000);
    assert_eq!(metrics.successful_requests(), 3_000);
    assert_eq!(metrics.failed_requests(), 1_000);
    assert_eq!(metrics.total_latency_ns(), 28_000);
}

#[test]
fn one_thread_s_average_latency_is_the_seed_s_formula_to_the_bit() {
    let metrics = AtomicMetrics::new();
    let (alpha, mut expected) = (0.1, 0.0);
    for i in 0..5_000u64 {
        let nanos = (i * 7_919) % 1_000_003;
        metrics.record_request(Duration::from_nanos(nanos), true);
        expected = alpha * nanos as f64 + (1.0 - alpha) * expected;
        assert_eq!(metrics.avg_latency().to_bits(), expected.to_bits());
    }
}

#[test]
fn average_throughput_moves_by_a_tenth_of_each_tick_s_rate() {
    let (clock, hand) = Clock::fake();
    let metrics = AtomicMetrics::with_clock(clock);
    let mut expected = 0.0;
    for requests in [100, 0, 40] {
        (0..requests).for_each(|_| metrics.record_request(Duration::ZERO, true));
        hand.advance(Duration::from_secs(1));
        metrics.tick();
        expected = 0.1 * f64::from(requests) + (1.0 - 0.1) * expected;
        assert_eq!(metrics.avg_throughput(), expected);
    }
}

// --- HdrHistogram for Latency ---

#[test]
fn latency_percentiles_are_the_seed_s_seven() {
    let tracker = LatencyTracker::new();
    (1..=1_000).for_each(|us| tracker.record(us));
    let LatencyPercentiles { p50, p90, p95, p99, p999, max, mean } = tracker.get_percentiles();
    assert_eq!([p50, p90, p95, p99, p999, max], [500, 900, 950, 990, 999, 1_000]);
    assert!((mean - 500.5).abs() < 1e-9, "{mean}");
}

#[test]
fn latencies_are_told_apart_to_three_digits_from_1_to_60_000_000_us() {
    let layout = LatencyTracker::new().value().layout;
    assert_eq!((layout.digits(), layout.highest()), (3, 60_000_000));
    for us in [0, 1, 999, 1_000, 1_234_567, 59_999_999, 60_000_000] {
        let tracker = LatencyTracker::new();
        tracker.record(us);
        let p50 = tracker.get_percentiles().p50;
        assert!(p50.abs_diff(us) as f64 <= us as f64 / 1_000.0, "{us} came out as {p50}");
        assert_eq!(tracker.get_percentiles().max, us);
    }
    let tracker = LatencyTracker::new();
    tracker.record(60_000_001);
    assert_eq!((tracker.get_percentiles().max, tracker.clamped()), (60_000_000, 1));
}

#[test]
fn percentiles_cover_sixty_seconds() {
    let (clock, hand) = Clock::fake();
    let tracker = LatencyTracker::with_clock(clock);
    tracker.record(77);
    for second in 1..=60 {
        hand.advance(Duration::from_secs(1));
        tracker.tick();
        let kept = tracker.get_percentiles().max == 77;
        assert_eq!(kept, second < 60, "after {second} s");
    }
    assert_eq!(tracker.get_percentiles(), LatencyPercentiles::default());
}

// --- Distributed Tracing ---

fn tracer() -> DistributedTracer {
    DistributedTracer::new(&Registry::new(), TracerOptions::default()).unwrap()
}

/// The spans of the one trace that is kept.
fn only_trace(tracer: &DistributedTracer) -> Vec<FinishedSpan> {
    let mut traces = tracer.recent(2);
    assert_eq!(traces.len(), 1, "{traces:?}");
    traces.remove(0).spans
}

#[test]
fn a_span_inherits_the_context_of_its_parent_and_has_an_id_of_its_own() {
    let monitor = builder(&Registry::new()).start().unwrap();
    let tracer: &DistributedTracer = monitor.tracer();
    let checkout: SpanId = tracer.start_span("checkout", None);
    let payment: SpanId = tracer.start_span("payment", Some(checkout));
    tracer.end_span(payment);
    tracer.end_span(checkout);
    let spans = only_trace(tracer);
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["checkout", "payment"]);
    assert_eq!([spans[0].span_id, spans[1].span_id], [checkout, payment]);
    assert_eq!((spans[0].parent, spans[1].parent), (None, Some(checkout)));
    assert_eq!(spans[0].trace_id, spans[1].trace_id);
    assert!(spans[0].start_unix_ns <= spans[1].start_unix_ns);
    assert!(spans[0].duration_ns >= spans[1].duration_ns);
}

#[test]
fn a_span_whose_parent_is_not_known_begins_a_trace() {
    let tracer = tracer();
    let first = tracer.start_span("first", None);
    tracer.end_span(first);
    let unknown = SpanId::new(first.get() ^ 0xff00_ff00).unwrap();
    tracer.end_span(tracer.start_span("second", Some(unknown)));
    let traces = tracer.recent(2);
    assert_eq!(traces.len(), 2);
    assert_ne!(traces[0].trace_id, traces[1].trace_id);
    assert_eq!(traces[0].spans[0].parent, None);
}

#[test]
fn events_are_kept_with_their_span_their_time_and_their_attributes() {
    let tracer = tracer();
    let order = tracer.start_span("order", None);
    tracer.add_event(order, "paid", &[("amount", "3.50"), ("currency", "EUR")]);
    tracer.add_event(order, "sent", &[("parcels", 2)]);
    tracer.end_span(order);
    let span = only_trace(&tracer).remove(0);
    let names: Vec<&str> = span.events.iter().map(|event| &*event.name).collect();
    assert_eq!(names, ["paid", "sent"]);
    let paid: Vec<(&str, &OwnedValue)> =
        span.events[0].attributes.iter().map(|one| (&*one.key, &one.value)).collect();
    let text = |text: &str| OwnedValue::Str(text.into());
    assert_eq!(paid, [("amount", &text("3.50")), ("currency", &text("EUR"))]);
    assert_eq!(span.events[1].attributes[0].value, OwnedValue::I64(2));
    let ended_ns = span.start_unix_ns + span.duration_ns;
    assert!(
        span.events.iter().all(|event| (span.start_unix_ns..=ended_ns).contains(&event.unix_ns))
    );
}

#[test]
fn a_span_that_has_not_ended_is_active_and_any_thread_may_end_it() {
    let tracer = tracer();
    let order = tracer.start_span("order", None);
    let active: Vec<ActiveSpan> = tracer.open_spans();
    assert_eq!((active.len(), &*active[0].name), (1, "order"));
    assert_eq!((active[0].context.span_id, active[0].parent), (order, None));
    assert!(tracer.recent(1).is_empty());
    thread::scope(|scope| drop(scope.spawn(|| tracer.end_span(order))));
    assert!(tracer.open_spans().is_empty());
    assert_eq!(only_trace(&tracer).len(), 1);
}

#[test]
fn an_id_that_has_ended_does_no_harm() {
    let tracer = tracer();
    let order = tracer.start_span("order", None);
    tracer.end_span(order);
    tracer.end_span(order);
    tracer.add_event(order, "late", &[("by", "far")]);
    let spans = only_trace(&tracer);
    assert_eq!((spans.len(), spans[0].events.len()), (1, 0));
    let stats = tracer.stats();
    assert_eq!((stats.ended_twice, stats.event_after_end), (1, 1), "{stats:?}");
}

// --- CPU Profiling ---

/// Works until `profiler` has seen enough of it.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(never)]
fn works_for(profiler: &perf_monitor::profiling::CpuProfiler) {
    while profiler.report().unwrap().total(0) < 25 {
        let sum: u64 = (0..500_000).fold(0, |sum, n| std::hint::black_box(sum ^ n));
        std::hint::black_box(sum);
    }
}

#[test]
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn a_cpu_profile_is_started_stopped_and_drawn() {
    use perf_monitor::profiling::{CpuProfiler, Report};

    let mut profiler = CpuProfiler::new();
    assert!(matches!(profiler.start(0), Err(ProfilingError::Frequency(0))));
    profiler.start(250).unwrap();
    assert!(matches!(profiler.start(250), Err(ProfilingError::AlreadyStarted)));
    works_for(&profiler);
    let report: Report = profiler.stop().unwrap();
    assert_eq!((report.value().name, report.value().unit), ("cpu", "nanoseconds"));
    assert!(report.total(0) >= 25 && report.weight() >= 25 * report.period, "{:?}", report.notes);
    let drawn: Vec<u8> = profiler.generate_flamegraph(&report).unwrap();
    let drawn = String::from_utf8(drawn).unwrap();
    assert!(drawn.contains("<svg") && drawn.contains("codex_layout::works_for"), "{drawn}");
}

#[test]
fn a_profiler_that_was_not_started_says_so_when_it_is_stopped() {
    let monitor = builder(&Registry::new()).start().unwrap();
    let mut profiler = monitor.profiler().cpu();
    let error = profiler.stop().unwrap_err();
    assert!(matches!(error, ProfilingError::ProfilerNotStarted), "{error}");
    assert!(error.to_string().contains("start it first"), "{error}");
}

// --- Memory Profiling ---

#[tokio::test]
async fn a_snapshot_has_its_time_and_what_is_known_of_the_memory() {
    let profiler = MemoryProfiler::new();
    let first: MemorySnapshot = profiler.collect_snapshot().await.unwrap();
    let second = profiler.collect_snapshot().await.unwrap();
    assert!(second.timestamp >= first.timestamp && second.time >= first.time);
    assert_eq!(profiler.snapshots(), [first, second.clone()]);
    // this program has the system's allocator, which tells nothing: unknown, not zero
    assert_eq!(second.source, MemorySource::System);
    let unknown = [second.allocated, second.active, second.mapped, second.retained];
    assert_eq!((unknown, second.heap_profile), ([None; 4], None));
    if cfg!(target_os = "linux") {
        assert!(second.resident.unwrap() > 100_000 && second.resident == second.rss);
    }
    assert_eq!(profiler.growth().unwrap().allocated, None);
}

#[test]
fn a_heap_profile_is_empty_until_it_has_parsed_a_dump() {
    let mut profile = HeapProfile::default();
    assert!(profile.is_empty() && profile.live_bytes() == 0);
    let dump =
        "heap_v2/524288\n  t*: 2: 2097152 [0: 0]\n@ 0x1000 0x2000\n  t*: 2: 2097152 [0: 0]\n";
    profile.parse_dump(dump).unwrap();
    assert_eq!((profile.live_objects(), profile.interval_bytes()), (2, 524_288));
    assert!(profile.live_bytes() >= 2_097_152);
    assert_eq!(profile.report().weight(), profile.live_bytes());
    let error = profile.parse_dump("no dump").unwrap_err();
    assert!(matches!(error, ProfilingError::Malformed(_)), "{error}");
}

// --- Metrics Export ---

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_prometheus_exporter_serves_metrics_and_404_elsewhere() {
    let registry = Registry::new();
    registry.counter(("jobs_total", "Jobs that were run.")).unwrap().add(3);
    let mut exporter = PrometheusExporter::new(&registry);
    exporter.start(SocketAddr::from(FREE)).await.unwrap();
    let address = exporter.local_addr().unwrap();
    let answers = tokio::task::spawn_blocking(move || {
        ["/metrics", "/", "/metrics/x"].map(|path| get_with(address, path, &[]))
    });
    let [metrics, root, below] = answers.await.unwrap();
    assert_eq!((metrics.status, root.status, below.status), (200, 404, 404));
    let plain = "content-type: text/plain; version=0.0.4";
    assert!(metrics.head.to_ascii_lowercase().contains(plain), "{}", metrics.head);
    assert_eq!(support::sample(&metrics.body, "jobs_total"), Some(3.0));
}

#[test]
fn the_metrics_exporter_renders_latency_in_base_seconds() {
    let registry = Registry::new();
    let metrics = MetricsCollector::new(&registry).unwrap();
    metrics.record_request(Duration::from_millis(250), true);
    let exporter = MetricsExporter::new(&registry, ExporterOptions::default());
    let text = exporter.render();
    assert_eq!(support::sample(&text, "request_duration_seconds_sum"), Some(0.25));
    let bucket =
        |le| support::sample(&text, &format!("request_duration_seconds_bucket{{le=\"{le}\"}}"));
    assert_eq!((bucket("0.1"), bucket("+Inf")), (Some(0.0), Some(1.0)));
}

// --- Real-time Dashboard ---

#[test]
fn a_monitor_updates_the_dashboard_every_second_unless_told_otherwise() {
    let monitor = builder(&Registry::new()).start().unwrap();
    let hello = websocket(monitor.address().unwrap(), "/api/stream").text();
    let hello: serde_json::Value = serde_json::from_str(&hello).unwrap();
    assert_eq!(hello["tick_ms"], 1_000);
    assert_eq!(hello["service"], "codex");
}

#[test]
fn stream_updates_sends_every_field_of_an_update_as_json() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock).build();
    let monitor = builder(&registry).tick(Duration::from_millis(10)).start().unwrap();
    for i in 0..30u64 {
        monitor.metrics().record_request(Duration::from_micros(i + 1), i % 3 != 0);
    }
    let mut stream = websocket(monitor.address().unwrap(), "/api/updates");
    assert!(stream.text().contains("\"request_rate\":0"));
    hand.advance(Duration::from_secs(2));
    let update = (0..1_000).find_map(|_| {
        let update: serde_json::Value = serde_json::from_str(&stream.text()).unwrap();
        (update["request_rate"] == 15.0 && update["memory_usage"] != 0).then_some(update)
    });
    let update = update.expect("an update of the window with the requests");
    assert_eq!(update["error_rate"], 1.0 / 3.0);
    assert_eq!(update["latency_p99"], 30);
    assert!(update["timestamp"].as_u64().unwrap() > 1_600_000_000_000);
    assert!(update["memory_usage"].as_u64().unwrap() > 100_000);
    assert!(update["cpu_usage"].as_f64().unwrap() >= 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_dashboard_of_one_s_own_streams_to_the_sockets_it_is_given() {
    let registry = Registry::new();
    let metrics = MetricsCollector::new(&registry).unwrap();
    let about = About::new("alone", Duration::from_secs(1));
    let dashboard = Arc::new(MetricsDashboard::new(about, metrics.clone(), registry.clone()));
    let server = Server::bind(FREE, ServerOptions::default()).unwrap();
    let address = server.local_addr();
    let streamed = Arc::clone(&dashboard);
    let router = Router::new().websocket("/ws", move |socket: WebSocket, _: Request| {
        let dashboard = Arc::clone(&streamed);
        async move { drop(dashboard.stream_updates(socket).await) }
    });
    tokio::spawn(server.serve(router, std::future::pending()));
    dashboard.tick();
    let messages = tokio::task::spawn_blocking(move || {
        let mut stream = websocket(address, "/ws");
        let before = stream.text();
        metrics.record_request(Duration::from_millis(2), true);
        registry.tick();
        dashboard.tick();
        let latest: DashboardUpdate = dashboard.latest().unwrap();
        (before, stream.text(), latest)
    });
    let (before, update, latest) = messages.await.unwrap();
    assert!(before.contains("\"requests\":0"), "{before}");
    let update: serde_json::Value = serde_json::from_str(&update).unwrap();
    assert_eq!((latest.requests, &update["requests"]), (1, &1.into()));
    assert_eq!((latest.latency_p99, &update["latency_p99"]), (2_000, &2_000.into()));
    assert!(latest.request_rate > 0.0);
    assert_eq!(latest.error_rate, 0.0);
}

#[test]
fn what_is_watched_is_streamed_sixty_times_a_second() {
    let registry = Registry::new();
    let monitor = builder(&registry).start().unwrap();
    let depth = registry.gauge(("jobs_waiting", "Jobs that wait.")).unwrap();
    depth.set(3.0);
    let mut stream = websocket(monitor.address().unwrap(), "/api/stream");
    stream.say(
        r#"{"type": "subscribe", "id": 1, "rate": 60, "columns": [
            {"metric": "jobs_waiting", "labels": {}, "stat": "value"},
            {"metric": "requests_total", "labels": {}, "stat": "rate"},
            {"metric": "request_duration_seconds", "labels": {}, "stat": "p99"}]}"#,
    );
    assert!(stream.text().contains("\"hello\""));
    let subscribed = stream.text();
    assert!(subscribed.contains("\"rate\":60"), "{subscribed}");
    let at_ms = |frame: &[u8]| f64::from_le_bytes(frame[8..16].try_into().unwrap());
    let first = stream.bytes();
    assert_eq!((first[1], &first[16..20]), (1, 3.0_f32.to_le_bytes().as_slice()));
    let frames: Vec<_> = (0..60).map(|_| stream.bytes()).collect();
    assert!(frames.windows(2).all(|pair| at_ms(&pair[0]) < at_ms(&pair[1])));
    depth.set(7.0);
    let told = |frame: &[u8]| frame.windows(4).any(|bytes| bytes == 7.0_f32.to_le_bytes());
    assert!((0..60).any(|_| told(&stream.bytes())));
}

#[test]
fn the_page_is_on_the_monitor_s_front() {
    let monitor = builder(&Registry::new()).start().unwrap();
    let page = get(&monitor, "/");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("text/html"), "{}", page.head);
}

// --- Alerting System ---

/// Remembers what it is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Notification>>>);

impl Notifier for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        self.0.lock().unwrap().push(notification.clone());
        Box::pin(std::future::ready(Attempt::Delivered(String::new())))
    }
}

impl Told {
    fn titles(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(Notification::title).collect()
    }
}

#[tokio::test]
async fn an_active_alert_notifies_once_and_a_cleared_one_resolves() {
    let rule = AlertRule::new("errors", AlertSeverity::Warning, |m| m.error_rate > 0.05);
    assert_eq!((rule.name.as_str(), rule.severity), ("errors", AlertSeverity::Warning));
    assert_eq!(rule.cooldown, Duration::from_secs(60));
    let bad = Metrics { error_rate: 0.2, ..Metrics::default() };
    assert!((rule.condition)(&bad) && !(rule.condition)(&Metrics::default()));

    let told = Told::default();
    let manager = AlertManager::builder().rule(rule).notify(told.clone()).build().unwrap();
    let before = std::time::SystemTime::now();
    for _ in 0..3 {
        manager.check_alerts(&bad).await;
    }
    let alerts: Vec<Alert> = manager.active_alerts();
    let [alert] = &*alerts else { panic!("{alerts:?}") };
    assert_eq!((alert.name.as_str(), alert.severity), ("errors", AlertSeverity::Warning));
    assert_eq!(alert.message, "Alert: errors triggered");
    assert_eq!(alert.metrics.error_rate, 0.2);
    assert!(alert.triggered_at + Duration::from_secs(60) > before);
    settle(&manager).await;
    assert_eq!(told.titles(), ["[FIRING:1] errors"]);
    manager.check_alerts(&Metrics::default()).await;
    settle(&manager).await;
    assert_eq!(told.titles(), ["[FIRING:1] errors", "[RESOLVED] errors"]);
    assert!(manager.active_alerts().is_empty());
    // Its cooldown has not passed.
    manager.check_alerts(&bad).await;
    settle(&manager).await;
    assert_eq!(told.titles().len(), 2);
}

async fn settle(manager: &AlertManager) {
    while !manager.is_idle() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn severities_are_ordered() {
    assert!(AlertSeverity::Info < AlertSeverity::Warning);
    assert!(AlertSeverity::Warning < AlertSeverity::Critical);
    assert_eq!(AlertSeverity::Critical.to_string(), "critical");
}

#[test]
fn a_monitor_has_an_alerter_that_looks_at_its_metrics_on_each_tick() {
    let (registry, told) = (Registry::new(), Told::default());
    let rule = AlertRule::new("served", AlertSeverity::Info, |m| m.total_requests >= 2);
    let monitor = builder(&registry).tick(Duration::from_millis(10)).default_rules(false);
    let monitor = monitor.alert(rule).notify(told.clone()).start().unwrap();
    let alerter: &AlertManager = monitor.alerter();
    monitor.metrics().record_request(Duration::from_millis(3), true);
    monitor.metrics().record_request(Duration::from_millis(3), true);
    support::wait_for(&monitor, "perf_monitor_notifications_delivered_total", |n| n == 1.0);
    assert_eq!(told.titles(), ["[FIRING:1] served"]);
    assert_eq!(alerter.active_alerts()[0].metrics.total_requests, 2);
}
