//! What the agent sends to a collector.

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::collector::Collector;
use crate::process::{Running, agent, file, output, poll};

const DEMO: [&str; 5] = ["--listen", "127.0.0.1:0", "--tick", "50ms", "--demo"];

fn spans(requests: &[ExportTraceServiceRequest]) -> impl Iterator<Item = &Span> {
    let resources = requests.iter().flat_map(|request| &request.resource_spans);
    resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
}

/// Waits for spans of these names; gives all that came.
fn wait_for(collector: &Collector, names: &[&str]) -> Vec<ExportTraceServiceRequest> {
    poll("spans at the collector", || {
        let requests = collector.traces();
        let came: HashSet<&str> = spans(&requests).map(|span| &*span.name).collect();
        names.iter().all(|name| came.contains(name)).then(|| requests.clone())
    })
}

#[test]
fn the_demo_s_traces_arrive_whole_at_the_collector_that_a_variable_names() {
    let collector = Collector::start();
    let mut command = agent(&DEMO);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
    command.env("OTEL_SERVICE_NAME", "shop-of-the-test");
    let agent = Running::spawn(command);
    assert!(agent.greeting.contains("Sends to an OpenTelemetry collector"), "{}", agent.greeting);
    let requests = wait_for(&collector, &["GET /search", "POST /checkout", "GET /report", "pay"]);
    assert!(format!("{:?}", requests[0].resource_spans[0].resource).contains("shop-of-the-test"));
    let by_id: HashMap<_, _> = spans(&requests).map(|span| (&span.span_id, span)).collect();
    for span in spans(&requests) {
        assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        if !span.parent_span_id.is_empty() {
            let parent = by_id.get(&span.parent_span_id).expect("a parent that came too");
            assert_eq!(parent.trace_id, span.trace_id);
        }
    }
}

#[test]
fn a_collector_of_the_settings_file_is_used_unless_a_variable_names_another() {
    let (of_file, of_variable) = (Collector::start(), Collector::start());
    let settings = |name: &str, collector: &Collector| {
        file(name, &format!("[otlp]\nendpoint = \"{}\"\nmetrics = false\n", collector.endpoint()))
    };
    let path = settings("otlp.toml", &of_file);
    let args = [&DEMO[..], &["--config", path.to_str().unwrap()]].concat();
    let running = Running::start(&args);
    wait_for(&of_file, &["GET /"]);
    drop(running);
    let unused = Collector::start();
    let path = settings("otlp-unused.toml", &unused);
    let args = [&DEMO[..], &["--config", path.to_str().unwrap()]].concat();
    let mut command = agent(&args);
    command
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/v1/traces", of_variable.endpoint()));
    let _running = Running::spawn(command);
    wait_for(&of_variable, &["GET /"]);
    assert!(unused.traces().is_empty());
}

#[test]
fn nothing_is_sent_when_it_is_switched_off_or_nobody_is_named() {
    let mut command = agent(&DEMO);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    command.env("OTEL_SDK_DISABLED", "true");
    for running in [Running::spawn(command), Running::start(&DEMO)] {
        assert!(!running.greeting.contains("collector"), "{}", running.greeting);
        assert_eq!(running.metric("perf_monitor_otlp_spans_sent_total"), None);
    }
}

#[test]
fn a_variable_that_cannot_be_used_is_an_error_that_names_it_and_not_its_value() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://sesame"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "sesame"),
    ] {
        let output = agent(&DEMO).env(name, value).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.starts_with(&format!("perf-monitor: {name} ")), "{text}");
        assert!(!text.contains("sesame"), "{text}");
    }
}

#[test]
fn a_collector_of_the_file_that_cannot_be_used_is_an_error_with_its_line() {
    let path = file("otlp-bad.toml", "\n[otlp]\nendpoint = \"collector:4318\"\n");
    let path = path.to_str().unwrap();
    let (status, text) = output(&["--config", path]);
    assert_eq!(status.code(), Some(1));
    assert!(text.starts_with(&format!("perf-monitor: {path}:3: otlp.endpoint: ")), "{text}");
}

#[test]
#[cfg(unix)]
fn a_collector_that_never_answers_does_not_keep_the_agent() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut command = agent(&DEMO);
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let agent = Running::spawn(command);
    let (_waiting, _) = silent.accept().expect("the agent sends");
    let begun = std::time::Instant::now();
    agent.signal("-TERM");
    assert_eq!(agent.end().code(), Some(0));
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}
