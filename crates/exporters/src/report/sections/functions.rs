//! The functions that took longest, with how their calls ended.

use std::cmp::Reverse;

use perf_monitor_instruments::timed::FunctionMetrics;

use super::ROWS;
use crate::escape::plain;
use crate::report::page::Page;
use crate::report::words::{count, duration, duration_or_dash};

pub(super) fn write(page: &mut Page, functions: &[FunctionMetrics]) {
    let mut functions: Vec<_> = functions.iter().filter(|one| one.calls() > 0).collect();
    if functions.is_empty() {
        return;
    }
    page.heading("Functions");
    page.text(
        "The functions that are timed. A call failed if it returned an Err, and was cancelled if its future was \
         dropped before its end. The time of a function includes that of the functions it calls.",
    );
    functions.sort_by_key(|function| Reverse(function.total));
    page.text("By the time that they took in all:");
    let titles = ["<function", "calls", "failed", "panics", "cancelled", "total", "avg"];
    page.table(titles, ROWS, functions.iter().map(|function| totals(function)));
    slowest(page, &mut functions);
}

fn totals(function: &FunctionMetrics) -> [String; 7] {
    let [calls, failed, panics, cancelled] =
        [function.calls(), function.errors, function.panics, function.cancelled].map(count);
    let (total, avg) = (duration(function.total), duration_or_dash(function.avg()));
    [plain(&function.name), calls, failed, panics, cancelled, total, avg]
}

/// The slowest calls first.
fn slowest(page: &mut Page, functions: &mut [&FunctionMetrics]) {
    functions.sort_by_key(|function| Reverse((function.p99, function.max)));
    let row = |function: &&FunctionMetrics| {
        let [p50, p95, p99, max] =
            [function.p50, function.p95, function.p99, function.max].map(duration_or_dash);
        [plain(&function.name), p50, p95, p99, max]
    };
    page.text("By their slowest calls, the 99th percentile:");
    page.table(["<function", "p50", "p95", "p99", "max"], ROWS, functions.iter().map(row));
}
