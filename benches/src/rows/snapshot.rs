//! `snapshot/1000-series-16-threads`: a visit of counters that many live threads recorded to.

use std::sync::Barrier;
use std::time::Instant;

use perf_monitor_core::{Counter, Registry};

use super::{Row, hot::Sum};
use crate::cpu_time;
use crate::harness::Effort;
use crate::report::Report;
use crate::stats::Samples;

pub(crate) const ROW: Row = Row { id: "snapshot/1000-series-16-threads", run };

const SERIES: usize = 1_000;
const THREADS: usize = 16;
/// Records of each thread to each series: enough for cells of its own.
const RECORDS: u64 = 200;

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let counter = |i| registry.counter((format!("jobs_{i}_total"), "Jobs."));
    let counters: Result<Vec<Counter>, _> = (0..SERIES).map(counter).collect();
    let counters = counters.map_err(|error| error.to_string())?;
    let (recorded, done) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                (0..RECORDS).for_each(|_| counters.iter().for_each(Counter::inc));
                recorded.wait();
                done.wait();
            });
        }
        recorded.wait();
        let report = visits(&registry, effort);
        done.wait();
        report
    })
}

fn visits(registry: &Registry, effort: Effort) -> Result<Report, String> {
    let (mut wall, mut cpu) = (Samples::default(), Samples::default());
    for _ in 0..effort.pick(2_000, 20_000) {
        let mut sum = Sum::default();
        let (start, cpu_start) = (Instant::now(), cpu_time::of_this_thread());
        registry.visit(&mut sum);
        cpu.push((cpu_time::of_this_thread() - cpu_start).as_secs_f64() * 1e6);
        wall.push(start.elapsed().as_secs_f64() * 1e6);
        check(&sum)?;
    }
    let mut report = Report::default();
    report.rounds("wall", "us", &wall);
    report.rounds("cpu", "us", &cpu);
    Ok(report)
}

fn check(sum: &Sum) -> Result<(), String> {
    let expected = (SERIES * THREADS) as f64 * RECORDS as f64;
    if sum.series >= SERIES && sum.total >= expected {
        return Ok(());
    }
    Err(format!("a visit saw {} series and {} records of {expected}", sum.series, sum.total))
}
