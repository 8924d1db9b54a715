//! A slow request's trace stands on its bucket.

use perf_monitor_core::{Desc, Exemplar, Histogram, HistogramOptions, Registry, Unit};
use perf_monitor_exporters::{Edges, Format, TextEncoder};

fn times(registry: &Registry) -> Histogram {
    let desc = Desc::new("request_seconds", "Time.").unit(Unit::Microseconds);
    registry.histogram(desc, HistogramOptions::default().digits(3)).unwrap()
}

fn record(times: &Histogram, value: u64, trace_id: u128, unix_ns: u64) {
    times.record(value);
    times.exemplar(Exemplar { value, trace_id, span_id: 0xabc, unix_ns });
}

fn text(registry: &Registry, format: Format) -> Vec<String> {
    let edges = Edges::default().seconds(&[0.01, 0.1]).unwrap();
    let mut encoder = TextEncoder::new(format).with_edges(edges).with_created(false);
    let text = String::from_utf8(encoder.encode(registry)).unwrap();
    text.lines().filter(|line| line.contains("_bucket")).map(String::from).collect()
}

#[test]
fn the_trace_of_a_value_is_on_its_bucket_in_open_metrics_alone() {
    let registry = Registry::new();
    let times = times(&registry);
    record(&times, 2_000, 0xfeed, 1_700_000_000_500_000_000);
    record(&times, 250_000, 0xbeef, 1_700_000_001_000_000_000);
    times.record(50_000);
    let lines = text(&registry, Format::OpenMetrics);
    assert_eq!(
        lines,
        [
            "request_seconds_bucket{le=\"0.01\"} 1 # {trace_id=\"0000000000000000000000000000feed\",\
             span_id=\"0000000000000abc\"} 0.002 1700000000.5",
            "request_seconds_bucket{le=\"0.1\"} 2",
            "request_seconds_bucket{le=\"+Inf\"} 3 # {trace_id=\"0000000000000000000000000000beef\",\
             span_id=\"0000000000000abc\"} 0.25 1700000001",
        ]
    );
    assert!(text(&registry, Format::Text).iter().all(|line| !line.contains('#')));
}

#[test]
fn the_newest_of_a_bucket_is_shown_and_a_young_one_stays() {
    let registry = Registry::new();
    let times = times(&registry);
    record(&times, 2_000, 1, 1_000_000_000);
    record(&times, 2_001, 2, 1_050_000_000); // the same doubling, too soon
    record(&times, 5_000, 3, 900_000_000); // another one, older
    assert!(text(&registry, Format::OpenMetrics)[0].contains("0001\",span_id"));
    record(&times, 2_002, 4, 1_200_000_000);
    assert!(text(&registry, Format::OpenMetrics)[0].contains("0004\",span_id"));
}

#[test]
fn without_a_trace_or_without_bytes_there_is_none() {
    let registry = Registry::builder().budget_bytes(100_000).build();
    let times = times(&registry);
    times.record(2_000);
    record(&times, 2_000, 0, 1);
    assert!(times.value().exemplars.is_empty());
    registry.set_budget_bytes(0);
    record(&times, 2_000, 7, 1);
    assert!(times.value().exemplars.is_empty());
    registry.set_budget_bytes(100_000);
    let before = registry.stats().charged_bytes;
    record(&times, 2_000, 7, 1);
    assert_eq!(times.value().exemplars[0].trace_id, 7);
    assert!(registry.stats().charged_bytes > before);
    drop(times);
    registry.unregister("request_seconds");
    assert!(registry.stats().charged_bytes < before);
}

#[test]
fn an_exemplar_is_within_its_bucket() {
    let registry = Registry::new();
    let times = times(&registry);
    for value in (1..400_000).step_by(997) {
        record(&times, value, u128::from(value), value * 1_000_000_000);
    }
    let mut above = 0.0;
    for line in text(&registry, Format::OpenMetrics) {
        let edge = line.split("le=\"").nth(1).unwrap().split('"').next().unwrap();
        let edge: f64 = if edge == "+Inf" { f64::MAX } else { edge.parse().unwrap() };
        if let Some((_, value)) = line.split_once("\"} ").and_then(|(_, l)| l.split_once("\"} ")) {
            let value: f64 = value.split(' ').next().unwrap().parse().unwrap();
            assert!(above < value && value <= edge, "{line}");
        }
        above = edge;
    }
}
