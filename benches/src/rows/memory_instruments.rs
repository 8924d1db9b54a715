//! `memory/instruments`: a hundred stages, a hundred caches and a thousand query shapes under a budget.

use std::time::Duration;

use perf_monitor::PerformanceMonitor;
use perf_monitor_core::Registry;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::alloc::Counting;
use crate::child;
use crate::harness::Effort;
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "memory/instruments", run };

const TIGHT: &str = "memory/instruments/1 MB";
const ROOMY: &str = "memory/instruments/8 MB";

const THREADS: u64 = 4;
const STAGES: u64 = 100;
const CACHES: u64 = 100;
const QUERIES: u64 = 1_000;
/// Records of each thread under each name.
const RECORDS: u64 = 50;

fn run(effort: Effort) -> Result<Report, String> {
    let tight: Held = child::ask(TIGHT, effort)?;
    let roomy: Held = child::ask(ROOMY, effort)?;
    let mut report = Report::default();
    report.number("heap", "B", tight.heap as f64);
    report.number("lost", "records", (tight.lost + roomy.lost) as f64);
    report.number("refused", "look-ups", tight.refused as f64);
    report.number("named", "names", tight.named as f64);
    report.number("heap_of_8_mb", "B", roomy.heap as f64);
    report.number("missing_of_8_mb", "names", (STAGES + CACHES + QUERIES - roomy.named) as f64);
    Ok(report)
}

/// The row's processes.
pub(crate) fn part(name: &str) -> Option<Result<serde_json::Value, String>> {
    let budget = match name {
        TIGHT => 1_000_000,
        ROOMY => 8_000_000,
        _ => return None,
    };
    Some(measure(budget).and_then(|held| serde_json::to_value(held).map_err(|e| e.to_string())))
}

/// What a monitor holds, and what became of the names.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Held {
    heap: i64,
    /// Names with series of their own.
    named: u64,
    refused: u64,
    /// Records that no total has.
    lost: u64,
}

fn measure(budget: usize) -> Result<Held, String> {
    Counting::start();
    let before = Counting::live();
    let monitor = PerformanceMonitor::builder("bench")
        .registry(Registry::new())
        .memory_budget(budget)
        .listen(([127, 0, 0, 1], 0))
        .start()
        .map_err(|error| error.to_string())?;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let monitor = &monitor;
            scope.spawn(move || record(monitor, thread));
        }
    });
    monitor.registry().tick();
    monitor.registry().tick();
    Counting::wait_until_still();
    let heap = Counting::live() - before;
    let (named, recorded) = told(&monitor);
    let wanted = THREADS * RECORDS * (STAGES + CACHES + QUERIES);
    let refused = monitor.registry().stats().refused_series;
    Ok(Held { heap, named, refused, lost: wanted.abs_diff(recorded) })
}

fn record(monitor: &PerformanceMonitor, thread: u64) {
    let service = monitor.instruments();
    for n in 0..RECORDS {
        let took = Duration::from_micros(50 + (n * 37 + thread * 11) % 900);
        for stage in 0..STAGES {
            service.stages().record_stage(&format!("stage {stage}"), took, false);
        }
        for cache in 0..CACHES {
            service.caches().cache(&format!("cache {cache}")).hit();
        }
        for query in 0..QUERIES {
            let name = format!("select * from table_{query} where id = ?");
            service.queries().record_detailed_query_execution(&name, took / 8, took / 4, took);
        }
    }
}

/// Names with series of their own, and all records.
fn told(monitor: &PerformanceMonitor) -> (u64, u64) {
    let service = monitor.instruments();
    let (mut named, mut recorded) = (0, 0);
    for stage in service.stages().summary() {
        named += u64::from(!stage.overflow);
        recorded += stage.count;
    }
    for cache in service.caches().summary() {
        named += u64::from(!cache.overflow);
        recorded += cache.hits;
    }
    for query in service.queries().summary() {
        named += u64::from(!query.overflow);
        recorded += query.executions;
    }
    (named, recorded)
}
