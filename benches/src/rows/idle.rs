//! `cpu/idle`: a monitor that nobody watches.

use std::time::Instant;

use perf_monitor::PerformanceMonitor;

use super::Row;
use crate::cpu_time;
use crate::harness::Effort;
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "cpu/idle", run };

/// This process does nothing but have a monitor, so its CPU time is the monitor's.
fn run(effort: Effort) -> Result<Report, String> {
    let monitor = PerformanceMonitor::builder("idle").listen(([127, 0, 0, 1], 0)).start();
    let monitor = monitor.map_err(|error| error.to_string())?;
    let (start, before) = (Instant::now(), cpu_time::of_this_process());
    std::thread::sleep(effort.seconds(10.0, 30.0));
    let spent = (cpu_time::of_this_process() - before).as_secs_f64();
    let passed = start.elapsed().as_secs_f64();
    drop(monitor);
    let mut report = Report::default();
    report.number("cpu_percent", "%", 100.0 * spent / passed);
    report.note(format!("{:.1} ms of CPU time in {passed:.1} s", spent * 1e3));
    Ok(report)
}
