//! The slowest queries with what their phases take.

use std::cmp::Reverse;

use perf_monitor_instruments::QueryProfile;

use super::ROWS;
use crate::escape::plain;
use crate::report::page::Page;
use crate::report::words::{count, duration_or_dash, percent};

pub(super) fn write(page: &mut Page, queries: &[QueryProfile]) {
    let mut queries: Vec<_> = queries.iter().filter(|query| query.executions > 0).collect();
    if queries.is_empty() {
        return;
    }
    queries.sort_by_key(|query| Reverse((query.p99, query.max)));
    page.heading("Queries");
    page.text(
        "The slowest first, by the 99th percentile. A query is parsed, optimized and executed; what a phase takes is \
         its average over all runs.",
    );
    let titles = ["<query", "runs", "errors", "parse", "optimize", "execute", "avg", "p99", "max"];
    page.table(titles, ROWS, queries.iter().map(|query| row(query)));
    if let Some((phase, share)) = longest_phase(queries[0]) {
        let share = percent(share);
        page.text(format!("The slowest spends {share} of its time in the phase {phase}."));
    }
}

fn row(query: &QueryProfile) -> [String; 9] {
    let [parse, optimize, execute, avg, p99, max] = [
        query.parse_time,
        query.optimize_time,
        query.execute_time,
        query.avg_total,
        query.p99,
        query.max,
    ]
    .map(duration_or_dash);
    let (runs, errors) = (count(query.executions), count(query.errors));
    [plain(&query.query), runs, errors, parse, optimize, execute, avg, p99, max]
}

/// The phase that takes most, with its share, if it is more than half of what all phases take.
fn longest_phase(query: &QueryProfile) -> Option<(&'static str, f64)> {
    let phases = [
        ("parse", query.parse_time?),
        ("optimize", query.optimize_time?),
        ("execute", query.execute_time?),
    ];
    let all: f64 = phases.iter().map(|(_, time)| time.as_secs_f64()).sum();
    let (phase, time) = phases.into_iter().max_by_key(|(_, time)| *time)?;
    let share = time.as_secs_f64() / all;
    (share > 0.5).then_some((phase, share))
}
