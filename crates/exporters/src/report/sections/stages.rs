//! Where the time went, stage by stage.

use std::cmp::Reverse;
use std::time::Duration;

use perf_monitor_instruments::StageMetrics;

use super::ROWS;
use crate::escape::plain;
use crate::report::page::Page;
use crate::report::words::{count, duration, duration_or_dash, percent};

pub(super) fn write(page: &mut Page, stages: &[StageMetrics]) {
    let mut stages: Vec<_> = stages.iter().filter(|stage| stage.count > 0).collect();
    if stages.is_empty() {
        return;
    }
    page.heading("Stages");
    page.text(
        "A stage is a step of the work. Ops/s above is what one worker gets done: runs per second of the time \
         that they took. Half of the runs took at most p50, 99 of 100 at most p99.",
    );
    stages.sort_by_key(|stage| Reverse(stage.total));
    by_total(page, &stages);
    stages.sort_by_key(|stage| Reverse(stage.p99));
    slowest(page, &stages);
}

/// The longest in all first.
fn by_total(page: &mut Page, stages: &[&StageMetrics]) {
    let all: Duration = stages.iter().map(|stage| stage.total).sum();
    let share = |stage: &StageMetrics| stage.total.as_secs_f64() / all.as_secs_f64();
    let titles = ["<stage", "runs", "errors", "total", "share", "avg", "p50", "p99", "max"];
    let row = |stage: &&StageMetrics| {
        [
            plain(&stage.name),
            count(stage.count),
            count(stage.errors),
            duration(stage.total),
            if all.is_zero() { "-".to_owned() } else { percent(share(stage)) },
            duration_or_dash(stage.avg()),
            duration_or_dash(stage.p50),
            duration_or_dash(stage.p99),
            duration_or_dash(stage.max),
        ]
    };
    page.text("By the time that they took in all:");
    page.table(titles, ROWS, stages.iter().map(row));
    if let [first, _, ..] = stages
        && share(first) >= 0.5
    {
        let share = percent(share(first));
        page.text(format!("{} takes {share} of the time of all stages.", plain(&first.name)));
    }
}

/// The slowest runs first.
fn slowest(page: &mut Page, stages: &[&StageMetrics]) {
    if stages.len() < 2 {
        return;
    }
    let titles = ["<stage", "min", "p50", "p90", "p95", "p99", "p99.9", "max"];
    let row = |stage: &&StageMetrics| {
        let [min, p50, p90, p95, p99, p999, max] =
            [stage.min, stage.p50, stage.p90, stage.p95, stage.p99, stage.p999, stage.max]
                .map(duration_or_dash);
        [plain(&stage.name), min, p50, p90, p95, p99, p999, max]
    };
    page.text("By their slowest runs, the 99th percentile:");
    page.table(titles, ROWS, stages.iter().map(row));
}
