//! `traces/memory`: a million spans a second for a minute, and a collector that is not there.

use std::time::{Duration, Instant};

use perf_monitor_core::Registry;
use perf_monitor_exporters::{OtlpExporter, OtlpOptions};
use perf_monitor_tracing::{DistributedTracer, TracerOptions};

use super::Row;
use crate::alloc::Counting;
use crate::harness::Effort;
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "traces/memory", run };

/// Spans that end in a millisecond.
const PER_MS: u64 = 1_000;

/// Spans of a trace, its root among them.
const PER_TRACE: u64 = 10;

/// Roots that fail, and slow spans: one of each in so many parts of the time.
const RARE: u32 = 4;

fn run(effort: Effort) -> Result<Report, String> {
    Counting::start();
    let registry = Registry::new();
    let before = Counting::live();
    let options = TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() };
    let tracer = DistributedTracer::new(&registry, options).map_err(|e| e.to_string())?;
    let made = Counting::live() - before;
    let exporter = exporter(&registry, &tracer)?;
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let closed = async { drop(closed.await) };
        runtime.map(|runtime| runtime.block_on(exporter.run(closed)))
    });
    let _ = Counting::take_peak();
    let told = record(&tracer, effort.pick(Duration::from_secs(4), Duration::from_secs(60)));
    let stats = tracer.stats();
    let failed = tracer.failed(100);
    let slow = tracer.slow(100);
    drop(close);
    let _ = thread.join();
    let fates = stats.kept + stats.dropped + stats.unsampled;
    let found = |name: &str| {
        failed.iter().filter(|t| t.root().is_some_and(|root| &*root.name == name)).count() as u64
    };
    let longest = slow.iter().flat_map(|t| &t.spans).map(|s| s.duration_ns).max().unwrap_or(0);
    let mut report = Report::default();
    report.number("bytes", "B", stats.bytes as f64);
    report.number("heap", "B", made as f64);
    report.number("spans_per_s", "spans", told.spans as f64 / told.took.as_secs_f64());
    let lost = stats.lost_slots;
    report.number("uncounted", "spans", told.spans.abs_diff(fates + lost) as f64);
    report.number("failed_roots_missing", "traces", (told.failed - found("failing")) as f64);
    report.number("slowest_missing", "spans", f64::from(u8::from(longest < told.slowest_ns)));
    report.note(format!("{stats:?}"));
    Ok(report)
}

/// Towards a port that nobody listens on.
fn exporter(registry: &Registry, tracer: &DistributedTracer) -> Result<OtlpExporter, String> {
    let unused = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr());
    let unused = unused.map_err(|error| error.to_string())?;
    let options = OtlpOptions::default().endpoint(&format!("http://{unused}"));
    let options = options.map_err(|error| error.to_string())?.metrics(false);
    OtlpExporter::new(registry, Some(tracer), options).map_err(|error| error.to_string())
}

struct Told {
    spans: u64,
    took: Duration,
    failed: u64,
    slowest_ns: u64,
}

fn record(tracer: &DistributedTracer, time: Duration) -> Told {
    let begun = Instant::now();
    let (mut spans, mut failed, mut slowest_ns, mut rare, mut ticks) = (0, 0, 0, 0, 0);
    while begun.elapsed() < time {
        let due = begun.elapsed().as_millis() as u64 * PER_MS;
        while spans < due {
            let _root = tracer.root("request");
            for _ in 1..PER_TRACE {
                let _span = tracer.span("query");
            }
            spans += PER_TRACE;
        }
        if begun.elapsed() > time / (RARE + 1) * (rare + 1) && rare < RARE {
            rare += 1;
            failed += 1;
            spans += 2;
            tracer.root("failing").fail("on purpose");
            let _slow = tracer.root("request");
            let slow = Instant::now();
            std::thread::sleep(Duration::from_millis(20 * u64::from(rare)));
            slowest_ns = slowest_ns.max(slow.elapsed().as_nanos() as u64);
        }
        if begun.elapsed().as_secs() > ticks {
            ticks += 1;
            tracer.tick();
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Told { spans, took: begun.elapsed(), failed, slowest_ns }
}
