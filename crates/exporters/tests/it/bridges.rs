//! Exchange with registries of the `prometheus` crate, both ways.

use perf_monitor_core::Registry;
use perf_monitor_exporters::{Edges, ExporterOptions, Format, MetricsExporter, RegistryCollector};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use crate::families::filled_registry;
use crate::parser::{Exposition, Sample};

/// A registry of theirs with every kind that the crate can make.
fn theirs() -> prometheus::Registry {
    let registry = prometheus::Registry::new();
    let counter = prometheus::IntCounterVec::new(
        prometheus::Opts::new("theirs_total", "A \"help\" of \\ two\nlines."),
        &["who"],
    );
    let counter = counter.unwrap();
    counter.with_label_values(&["say \"hi\"\n"]).inc_by(3);
    let gauge = prometheus::Gauge::new("theirs_level", "A level.").unwrap();
    gauge.set(0.25);
    let options = prometheus::HistogramOpts::new("theirs_seconds", "Time.").buckets(vec![0.5, 1.0]);
    let histogram = prometheus::Histogram::with_opts(options).unwrap();
    [0.25, 0.75, 8.0].into_iter().for_each(|seconds| histogram.observe(seconds));
    registry.register(Box::new(counter)).unwrap();
    registry.register(Box::new(gauge)).unwrap();
    registry.register(Box::new(histogram)).unwrap();
    registry
}

fn read(exporter: &MetricsExporter, format: Format) -> Exposition {
    Exposition::parse(&String::from_utf8(exporter.encode(format)).unwrap())
}

fn value<'a>(read: &'a Exposition, name: &str) -> &'a str {
    let samples: Vec<&Sample> = read.samples.iter().filter(|sample| sample.name == name).collect();
    assert_eq!(samples.len(), 1, "{name}");
    &samples[0].value
}

#[test]
fn our_registry_is_a_collector_of_theirs() {
    let ours = filled_registry();
    let registry = prometheus::Registry::new();
    let collector = RegistryCollector::new(&ours)
        .with_edges(Edges::default().seconds(&[0.0005, 0.001]).unwrap());
    registry.register(Box::new(collector)).unwrap();
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let read = Exposition::parse(&text);
    assert_eq!(read.families["jobs_total"].help, "Jobs that were run.");
    assert_eq!(read.families["jobs_total"].kind, "counter");
    assert_eq!(value(&read, "jobs_total"), "42");
    assert_eq!(value(&read, "busy_seconds_total"), "1.5");
    assert_eq!(value(&read, "temperature_celsius"), "-17.25");
    let visits = read.named("visits_total").next().unwrap();
    assert_eq!(visits.label("who"), Some("say \"hi\" 🙂"));
    let buckets: Vec<_> = read.named("request_duration_seconds_bucket").collect();
    let counts: Vec<_> = buckets.iter().map(|bucket| &*bucket.value).collect();
    assert_eq!(counts, ["1", "2", "3"]);
    assert_eq!(value(&read, "request_duration_seconds_sum"), "0.0312");
    assert_eq!(value(&read, "request_duration_seconds_count"), "3");
}

#[test]
fn several_of_our_registries_fit_into_one_of_theirs() {
    let registry = prometheus::Registry::new();
    for name in ["one_total", "two_total"] {
        let ours = Registry::new();
        ours.counter((name, "A counter.")).unwrap();
        registry.register(Box::new(RegistryCollector::new(&ours))).unwrap();
    }
    assert_eq!(registry.gather().len(), 2);
}

#[test]
fn their_registry_is_served_behind_ours() {
    let options = ExporterOptions::default().also(theirs()).const_label("zone", "a").unwrap();
    let exporter = MetricsExporter::new(&filled_registry(), options);
    for (format, counter, edges) in [
        (Format::Text, "theirs_total", ["0.5", "1", "+Inf"]),
        (Format::OpenMetrics, "theirs", ["0.5", "1.0", "+Inf"]),
    ] {
        let read = read(&exporter, format);
        assert_eq!(value(&read, "jobs_total"), "42");
        assert_eq!(read.families[counter].kind, "counter");
        assert_eq!(read.families[counter].help, "A \"help\" of \\ two\nlines.");
        let samples: Vec<_> = read.named("theirs_total").collect();
        let labels = [("zone".into(), "a".into()), ("who".into(), "say \"hi\"\n".into())];
        assert_eq!((&samples[0].labels[..], &*samples[0].value), (&labels[..], "3"));
        assert_eq!(value(&read, "theirs_level"), "0.25");
        let buckets: Vec<_> = read.named("theirs_seconds_bucket").collect();
        let found: Vec<_> =
            buckets.iter().map(|bucket| (bucket.label("le").unwrap(), &*bucket.value)).collect();
        assert_eq!(found, edges.into_iter().zip(["1", "2", "3"]).collect::<Vec<_>>());
        assert_eq!(value(&read, "theirs_seconds_sum"), "9");
        assert_eq!(value(&read, "theirs_seconds_count"), "3");
    }
    assert_eq!(exporter.stats().families_skipped(), 0);
}

#[test]
fn a_family_whose_name_is_taken_is_left_out_and_counted() {
    let registry = Registry::new();
    registry.gauge(("theirs_level", "Ours.")).unwrap().set(1.0);
    let options = ExporterOptions::default().also(theirs()).also(theirs());
    let exporter = MetricsExporter::new(&registry, options);
    let text = exporter.render();
    let read = Exposition::parse(&text);
    assert_eq!(value(&read, "theirs_level"), "1");
    assert_eq!(read.named("theirs_total").count(), 1);
    assert!(
        text.contains("# left out, because its name is taken or it cannot be read: theirs_level\n")
    );
    assert_eq!(exporter.stats().families_skipped(), 4);
    let open_metrics = String::from_utf8(exporter.encode(Format::OpenMetrics)).unwrap();
    assert!(!open_metrics.contains("left out"), "OpenMetrics has no comments");
}

/// A collector that fails.
struct Panicking(Desc);

impl Collector for Panicking {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        panic!("this collector always does")
    }
}

#[test]
fn a_collector_that_panics_costs_its_registry_alone() {
    let broken = prometheus::Registry::new();
    let desc = Desc::new("broken".into(), "Broken.".into(), Vec::new(), Default::default());
    broken.register(Box::new(Panicking(desc.unwrap()))).unwrap();
    let options = ExporterOptions::default().also(broken).also(theirs());
    let exporter = MetricsExporter::new(&filled_registry(), options);
    let read = read(&exporter, Format::OpenMetrics);
    assert!(read.ended);
    assert_eq!(value(&read, "jobs_total"), "42");
    assert_eq!(value(&read, "theirs_level"), "0.25");
    assert_eq!(exporter.stats().gather_panics(), 1);
}
