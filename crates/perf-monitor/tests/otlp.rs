//! What a monitor sends to a collector, and how it stops when there is none.

mod collector;

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use collector::Collector;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use perf_monitor::export::OtlpOptions;
use perf_monitor::{PerformanceMonitor, PerformanceMonitorBuilder, Registry};

fn builder(endpoint: &str) -> PerformanceMonitorBuilder {
    let options = OtlpOptions::default().endpoint(endpoint).unwrap();
    PerformanceMonitor::builder("checkout")
        .version("1.4.2")
        .registry(Registry::new())
        .no_listener()
        .otlp(options.attribute("deployment.environment.name", "test"))
}

/// The names of all spans.
fn names(requests: &[ExportTraceServiceRequest]) -> Vec<&str> {
    let resources = requests.iter().flat_map(|request| &request.resource_spans);
    let scopes = resources.flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(|span| &*span.name).collect()
}

#[test]
fn spans_that_wait_are_sent_when_the_monitor_stops() {
    let collector = Collector::start();
    let monitor = builder(&collector.endpoint()).start().unwrap();
    {
        let _request = monitor.tracer().root("request");
        drop(monitor.tracer().span("query"));
    }
    let tracer = monitor.tracer().clone();
    monitor.stop();
    assert_eq!(names(&collector.traces()), ["request", "query"]);
    assert!(tracer.recent(1)[0].exported);
}

#[test]
fn a_collector_is_told_which_service_sends() {
    let collector = Collector::start();
    let monitor = builder(&collector.endpoint()).start().unwrap();
    drop(monitor.tracer().root("request"));
    monitor.stop();
    let requests = collector.traces();
    let resource = requests[0].resource_spans[0].resource.as_ref().unwrap();
    let value = |key: &str| {
        let found = resource.attributes.iter().find(|one| one.key == key)?;
        match found.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(text.as_str()),
            _ => None,
        }
    };
    assert_eq!(value("service.name"), Some("checkout"));
    assert_eq!(value("service.version"), Some("1.4.2"));
    assert_eq!(value("deployment.environment.name"), Some("test"));
    assert_eq!(value("host.name").is_some(), cfg!(unix));
}

#[test]
fn what_the_options_say_of_the_service_goes_before_what_the_monitor_knows() {
    let collector = Collector::start();
    let options = OtlpOptions::default().endpoint(&collector.endpoint()).unwrap();
    let options = options.service("from-the-environment");
    let monitor = PerformanceMonitor::builder("checkout").registry(Registry::new()).no_listener();
    let monitor = monitor.otlp(options).start().unwrap();
    drop(monitor.tracer().root("request"));
    monitor.stop();
    assert!(format!("{:?}", collector.traces()).contains("from-the-environment"));
}

#[test]
fn requests_to_the_collector_are_in_no_trace() {
    let collector = Collector::start();
    let monitor = builder(&collector.endpoint()).start().unwrap();
    drop(monitor.tracer().root("request"));
    let tracer = monitor.tracer().clone();
    monitor.stop();
    assert_eq!(names(&collector.traces()), ["request"]);
    let stats = tracer.stats();
    assert_eq!((stats.kept, stats.open_spans), (1, 0), "{stats:?}");
}

#[test]
fn a_collector_that_never_answers_does_not_delay_the_stop() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let monitor = builder(&endpoint).start().unwrap();
    drop(monitor.tracer().root("request"));
    let tracer = monitor.tracer().clone();
    let begun = Instant::now();
    monitor.stop();
    let took = begun.elapsed();
    assert!(took <= Duration::from_secs(2), "stopping took {took:?}");
    let trace = &tracer.recent(1)[0];
    assert!(!trace.exported, "it was given back: {trace:?}");
}

#[test]
fn without_a_collector_recording_goes_on_and_the_failures_are_metrics() {
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let registry = Registry::new();
    let monitor = builder(&format!("http://{closed}")).registry(registry.clone()).start().unwrap();
    drop(monitor.tracer().root("request"));
    let begun = Instant::now();
    let failed = || {
        let snapshot = registry.snapshot();
        let families = snapshot.families.iter();
        let mut of_otlp =
            families.filter(|one| one.info.name.starts_with("perf_monitor_otlp_failures"));
        of_otlp.any(|family| format!("{:?}", family.series).contains("Counter(1)"))
    };
    while !failed() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no failure is counted");
        thread::yield_now();
    }
    drop(monitor.tracer().root("another"));
    assert_eq!(monitor.tracer().recent(5).len(), 2);
}
