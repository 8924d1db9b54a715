//! `memory/ledger`: what a monitor in use holds, counted in three ways.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Barrier;
use std::time::Duration;

use perf_monitor::PerformanceMonitor;
use perf_monitor_core::{
    Counter, Histogram, HistogramOptions, LatencyTracker, MetricsCollector, Registry,
};
use serde::{Deserialize, Serialize};

use super::Row;
use crate::alloc::Counting;
use crate::harness::Effort;
use crate::maps::Maps;
use crate::report::Report;
use crate::{child, values};

pub(crate) const ROW: Row = Row { id: "memory/ledger", run };

const WITH: &str = "memory/ledger/with";
const WITHOUT: &str = "memory/ledger/without";

/// The monitor's threads, as far as the kernel keeps their names.
const THREAD_NAMES: [&str; 2] = ["perf-monitor", "perf-monitor-wo"];

const THREADS: usize = 16;
const COUNTERS: usize = 100;
const HISTOGRAMS: usize = 10;
/// Records of each thread into each metric.
const RECORDS: u64 = 20_000;
/// Long enough for two ticks, so that the ledger has what the recording took.
const TICKS: Duration = Duration::from_millis(2_500);

fn run(effort: Effort) -> Result<Report, String> {
    let with: Held = child::ask(WITH, effort)?;
    let without: Held = child::ask(WITHOUT, effort)?;
    let counted = with.heap + with.statics + with.stacks;
    let ledger: i64 = with.ledger.iter().map(|(_, bytes)| bytes).sum();
    let mut report = Report::default();
    report.number("total", "B", counted as f64);
    report.number("heap", "B", with.heap as f64);
    report.number("statics", "B", with.statics as f64);
    report.number("stacks", "B", with.stacks as f64);
    report.number("heap_peak_at_scrape", "B", with.heap_peak as f64);
    report.number("ledger", "B", ledger as f64);
    let off = (ledger - counted).unsigned_abs() as f64 / counted as f64;
    report.number("ledger_off_percent", "%", 100.0 * off);
    report.number("private_dirty", "B", (with.private_dirty - without.private_dirty) as f64);
    let lines = with.ledger.iter().map(|(subsystem, bytes)| format!("{subsystem} {bytes}"));
    report.note(format!("ledger: {}", lines.collect::<Vec<_>>().join(", ")));
    let parts = with.dirty_parts.iter().zip(&without.dirty_parts);
    let parts = parts.map(|((part, with), (_, without))| format!("{part} {}", with - without));
    report.note(format!("private dirty: {}", parts.collect::<Vec<_>>().join(", ")));
    Ok(report)
}

/// The row's processes.
pub(crate) fn part(name: &str) -> Option<Result<serde_json::Value, String>> {
    let with = match name {
        WITH => true,
        WITHOUT => false,
        _ => return None,
    };
    Some(measure(with).and_then(|held| serde_json::to_value(held).map_err(|e| e.to_string())))
}

/// Bytes that a process holds for its monitor.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Held {
    /// Asked for since before the monitor began, and not given back.
    heap: i64,
    heap_peak: i64,
    /// Of the program's own data, written since before the monitor began.
    statics: i64,
    /// Of the monitor's threads, written.
    stacks: i64,
    /// What the monitor says of itself, by subsystem.
    ledger: Vec<(String, i64)>,
    /// Of the whole process.
    private_dirty: i64,
    /// The same by what was written.
    dirty_parts: Vec<(String, i64)>,
}

/// How long the scrape may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sixteen threads do the same work in both processes; in one of them they record it.
fn measure(with: bool) -> Result<Held, String> {
    Counting::start();
    let [ready, begin, worked, end] = [(); 4].map(|()| Barrier::new(THREADS + 1));
    let recorded = std::sync::OnceLock::new();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let values = values::latencies_us();
                ready.wait();
                begin.wait();
                work(&values, recorded.get().and_then(Option::as_ref));
                worked.wait();
                end.wait();
            });
        }
        ready.wait();
        let before = Before::now()?;
        let monitor = with.then(Metrics::start).transpose();
        let (monitor, metrics) = monitor?.unzip();
        let _ = recorded.set(metrics);
        begin.wait();
        worked.wait();
        let held = before.held_since(monitor.as_ref());
        end.wait();
        held
    })
}

struct Before {
    heap: i64,
    statics: i64,
}

impl Before {
    fn now() -> Result<Before, String> {
        let _ = Maps::now()?; // what reading takes is there before the count begins
        Ok(Before { heap: Counting::live(), statics: Maps::now()?.statics() as i64 })
    }

    fn held_since(&self, monitor: Option<&PerformanceMonitor>) -> Result<Held, String> {
        std::thread::sleep(TICKS);
        Counting::take_peak();
        let ledger = monitor.map(scraped_ledger).transpose()?.unwrap_or_default();
        let heap_peak = Counting::take_peak() - self.heap;
        Counting::wait_until_still();
        let heap = Counting::live() - self.heap;
        let maps = Maps::now()?;
        let stacks = match monitor {
            Some(_) => maps.stacks(&THREAD_NAMES).ok_or("the monitor's stack is not known")?,
            None => 0,
        };
        Ok(Held {
            heap,
            heap_peak,
            statics: maps.statics() as i64 - self.statics,
            stacks: stacks as i64,
            ledger,
            private_dirty: maps.private_dirty() as i64,
            dirty_parts: maps.parts(),
        })
    }
}

/// Scrapes the monitor and picks its ledger from the text, line by line: what a client holds of an answer, which would be
/// more than a hundred kilobytes in this process, is not the monitor's.
fn scraped_ledger(monitor: &PerformanceMonitor) -> Result<Vec<(String, i64)>, String> {
    let address = monitor.address().ok_or("the monitor has no listener")?;
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // Without chunks, which end anywhere in a line.
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
        let lines = BufReader::with_capacity(1_024, stream).lines();
        let found = lines.filter_map(|line| line.map(|line| ledger_line(&line)).transpose());
        found.collect::<std::io::Result<Vec<_>>>()
    };
    let ledger = ask().map_err(|cause| format!("/metrics: {cause}"))?;
    if ledger.is_empty() {
        return Err("/metrics has no perf_monitor_memory_bytes".to_owned());
    }
    Ok(ledger)
}

fn ledger_line(line: &str) -> Option<(String, i64)> {
    let rest = line.strip_prefix("perf_monitor_memory_bytes{")?;
    let (labels, value) = rest.split_once("} ")?;
    let subsystem = labels.split("subsystem=\"").nth(1)?.split('"').next()?;
    Some((subsystem.to_owned(), value.trim().parse::<f64>().ok()? as i64))
}

/// What the threads record into.
struct Metrics {
    counters: Vec<Counter>,
    histograms: Vec<Histogram>,
    tracker: LatencyTracker,
    collector: MetricsCollector,
}

impl Metrics {
    fn start() -> Result<(PerformanceMonitor, Metrics), String> {
        let registry = Registry::new();
        let monitor = PerformanceMonitor::builder("ledger")
            .registry(registry.clone())
            .listen((Ipv4Addr::LOCALHOST, 0))
            .start()
            .map_err(|error| error.to_string())?;
        let metrics = Metrics::new(&registry, monitor.metrics().clone());
        Ok((monitor, metrics.map_err(|error| error.to_string())?))
    }

    fn new(
        registry: &Registry,
        collector: MetricsCollector,
    ) -> Result<Metrics, perf_monitor_core::Error> {
        let counter = |i| registry.counter((format!("jobs_{i}_total"), "Jobs."));
        let histogram =
            |i| registry.histogram((format!("size_{i}"), "Sizes."), HistogramOptions::default());
        Ok(Metrics {
            counters: (0..COUNTERS).map(counter).collect::<Result<_, _>>()?,
            histograms: (0..HISTOGRAMS).map(histogram).collect::<Result<_, _>>()?,
            tracker: LatencyTracker::new(),
            collector,
        })
    }
}

/// The work of a thread; without metrics it only looks at the values.
fn work(values: &values::Table<u64>, metrics: Option<&Metrics>) {
    for n in 0..RECORDS {
        let value = std::hint::black_box(values.at(n));
        let Some(metrics) = metrics else { continue };
        metrics.counters.iter().for_each(Counter::inc);
        metrics.histograms.iter().for_each(|histogram| histogram.record(value));
        metrics.tracker.record(value);
        metrics.collector.record_request(Duration::from_micros(value), !value.is_multiple_of(50));
        metrics.collector.record_request_size(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_line_is_picked_from_the_text() {
        let line = "perf_monitor_memory_bytes{service=\"x\",subsystem=\"export\"} 1024";
        assert_eq!(ledger_line(line), Some(("export".to_owned(), 1024)));
        assert_eq!(ledger_line("# TYPE perf_monitor_memory_bytes gauge"), None);
    }
}
