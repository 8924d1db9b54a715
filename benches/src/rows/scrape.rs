//! `scrape/100k`: many labelled series as Prometheus text.

use std::hint::black_box;
use std::time::Instant;

use perf_monitor_core::Registry;
use perf_monitor_exporters::{Format, Scrape, TextEncoder};
use perf_monitor_http::ChunkSource;
use prometheus::{Encoder, GaugeVec, IntCounterVec, Opts};

use super::Row;
use crate::harness::Effort;
use crate::report::Report;
use crate::stats::Samples;

pub(crate) const ROW: Row = Row { id: "scrape/100k", run };

/// Families of each kind.
const FAMILIES: usize = 10;
/// Values of the first label.
const METHODS: usize = 10;
/// Values of the second: families x methods x routes = 50,000 counters and as many gauges.
const ROUTES: usize = 500;
const SERIES: usize = 2 * FAMILIES * METHODS * ROUTES;

fn run(effort: Effort) -> Result<Report, String> {
    let (ours, theirs) = (ours()?, theirs()?);
    let bytes = check(&encode(&ours))?;
    check(&encode_theirs(&theirs))?;
    let [mut wall, mut whole, mut control] = [(); 3].map(|()| Samples::default());
    for _ in 0..effort.pick(12, 60) {
        wall.push(ms(|| serve(&ours)));
        whole.push(ms(|| encode(&ours).len()));
        control.push(ms(|| encode_theirs(&theirs).len()));
    }
    let mut report = Report::default();
    report.rounds("wall", "ms", &wall);
    report.ratio("of_prometheus", "ms", &wall, ("prometheus gather + encode", &control));
    report.rounds("in_one_piece", "ms", &whole);
    report.note(format!("{SERIES} series, {bytes} bytes, in chunks as they are served"));
    Ok(report)
}

/// The text's length, if it has a line for every series.
fn check(text: &[u8]) -> Result<usize, String> {
    let lines = text.split(|&byte| byte == b'\n').filter(|line| line.contains(&b'}')).count();
    if lines == SERIES { Ok(text.len()) } else { Err(format!("{lines} lines of {SERIES} series")) }
}

fn ms<R>(work: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64() * 1e3
}

/// A scrape chunk by chunk, as the listener pulls it.
fn serve(registry: &Registry) -> usize {
    let mut scrape = Scrape::new(registry, TextEncoder::new(Format::Text));
    let (mut chunk, mut bytes, mut more) = (Vec::new(), 0, true);
    while more {
        chunk.clear();
        more = scrape.next_chunk(&mut chunk);
        bytes += black_box(&chunk).len();
    }
    bytes
}

fn encode(registry: &Registry) -> Vec<u8> {
    TextEncoder::new(Format::Text).encode(registry)
}

fn encode_theirs(registry: &prometheus::Registry) -> Vec<u8> {
    let mut text = Vec::new();
    let families = registry.gather();
    prometheus::TextEncoder::new().encode(&families, &mut text).expect("a Vec takes all");
    text
}

fn ours() -> Result<Registry, String> {
    let registry = Registry::builder().series_per_family(SERIES).budget_bytes(1 << 30).build();
    fill(
        |name| {
            let family = registry.counter_family((name, "Hits."), &["method", "route"])?;
            Ok(move |labels: [&str; 2], n: u64| family.add(&labels, n))
        },
        |name| {
            let family = registry.gauge_family((name, "Level."), &["method", "route"])?;
            Ok(move |labels: [&str; 2], x: f64| family.set(&labels, x))
        },
    )
    .map_err(|error: perf_monitor_core::Error| error.to_string())?;
    Ok(registry)
}

fn theirs() -> Result<prometheus::Registry, String> {
    let registry = prometheus::Registry::new();
    fill(
        |name| {
            let family = IntCounterVec::new(Opts::new(name, "Hits."), &["method", "route"])?;
            registry.register(Box::new(family.clone()))?;
            Ok(move |labels: [&str; 2], n| family.with_label_values(&labels).inc_by(n))
        },
        |name| {
            let family = GaugeVec::new(Opts::new(name, "Level."), &["method", "route"])?;
            registry.register(Box::new(family.clone()))?;
            Ok(move |labels: [&str; 2], x| family.with_label_values(&labels).set(x))
        },
    )
    .map_err(|error: prometheus::Error| error.to_string())?;
    Ok(registry)
}

/// Makes the families and gives every series a number of its own.
fn fill<E, A: Fn([&str; 2], u64), S: Fn([&str; 2], f64)>(
    counters: impl Fn(String) -> Result<A, E>,
    gauges: impl Fn(String) -> Result<S, E>,
) -> Result<(), E> {
    for family in 0..FAMILIES {
        let add = counters(format!("hits_{family}_total"))?;
        let set = gauges(format!("level_{family}"))?;
        for n in 0..METHODS * ROUTES {
            let method = format!("method-{}", n % METHODS);
            let route = format!("/items/{}", n / METHODS);
            add([&method, &route], (n * 7_919) as u64);
            set([&method, &route], n as f64 * 0.37);
        }
    }
    Ok(())
}
