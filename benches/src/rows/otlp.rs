//! `otlp/export`: distinct spans with three attributes, from their end to a collector that decoded them.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use perf_monitor_core::Registry;
use perf_monitor_exporters::{OtlpExporter, OtlpOptions};
use perf_monitor_tracing::{DistributedTracer, TracerOptions};

use super::Row;
use crate::collector;
use crate::harness::Effort;
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "otlp/export", run };

/// From one trace to the next: 222,000 spans a second, a tenth more than is asked for.
const EACH: Duration = Duration::from_micros(45);

/// Traces that a stall may put together.
const AT_ONCE: u32 = 16;

/// Spans of a trace, its root among them.
const PER_TRACE: u64 = 10;

/// How long nothing may arrive before the rest counts as missing.
const PATIENCE: Duration = Duration::from_secs(5);

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let options = TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() };
    let tracer = DistributedTracer::new(&registry, options).map_err(|e| e.to_string())?;
    let (address, arrived) = collector::start()?;
    let options = OtlpOptions::default()
        .endpoint(&format!("http://{address}"))
        .map_err(|error| error.to_string())?
        .metrics(false)
        .spans_within(Duration::from_millis(1));
    let exporter =
        OtlpExporter::new(&registry, Some(&tracer), options).map_err(|e| e.to_string())?;
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let closed = async { drop(closed.await) };
        runtime.map(|runtime| runtime.block_on(exporter.run(closed)))
    });
    let begun = Instant::now();
    let ended = record(&tracer, effort.pick(Duration::from_secs(2), Duration::from_secs(10)));
    let (took, spans) = settled(begun, &arrived.spans, ended);
    drop(close);
    let _ = thread.join();
    let stats = tracer.stats();
    let mut report = Report::default();
    report.number("spans_per_s", "spans", spans as f64 / took.as_secs_f64());
    report.number("missing", "spans", ended.saturating_sub(spans) as f64);
    report.number("incomplete", "spans", arrived.incomplete.load(SeqCst) as f64);
    report.number("dropped", "spans", (stats.lost_slots + stats.lost_evicted) as f64);
    Ok(report)
}

/// How many of `ended` spans have arrived, and when the last of them had.
fn settled(begun: Instant, arrived: &AtomicU64, ended: u64) -> (Duration, u64) {
    let (mut last, mut spans) = (begun.elapsed(), 0);
    while spans < ended && begun.elapsed() < last + PATIENCE {
        let now = arrived.load(SeqCst);
        if now > spans {
            (last, spans) = (begun.elapsed(), now);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    (last, spans)
}

/// Ends spans at a steady rate for `time`, a trace at a time; how many. After a stall it catches up
/// with a few traces, as a service does that has so many requests at once.
fn record(tracer: &DistributedTracer, time: Duration) -> u64 {
    let (begun, mut traces, mut due) = (Instant::now(), 0_u64, Duration::ZERO);
    while begun.elapsed() < time {
        let now = begun.elapsed();
        if now < due {
            std::hint::spin_loop();
            continue;
        }
        due = (due + EACH).max(now.saturating_sub(EACH * AT_ONCE));
        traces += 1;
        let root = tracer.start_span("request", None);
        for n in 1..PER_TRACE {
            let span = tracer.start_span("query", Some(root));
            tracer.add_attribute(span, "db.system", "postgresql");
            tracer.add_attribute(span, "db.rows", n as i64);
            tracer.add_attribute(span, "cached", n % 2 == 0);
            tracer.end_span(span);
        }
        tracer.end_span(root);
    }
    traces * PER_TRACE
}
