//! The sections of a report, in their order.

mod caches;
mod events;
mod functions;
mod io;
mod operations;
mod queries;
mod resources;
mod stages;
mod switches;

use perf_monitor_instruments::ComprehensiveMetrics;
use perf_monitor_instruments::timed::FunctionMetrics;

use super::page::Page;
use super::words::{count, counted, duration};
use super::{Limits, PerformanceReport};
use crate::escape::plain;
use crate::moment::Moment;
use crate::run::lines::{cache_line, cpu_line, memory_line, stage_line};

/// Rows of a table.
const ROWS: usize = 10;

/// Lines of the summary, for stages and for caches.
const LINES: usize = 200;

pub(super) fn page(report: &PerformanceReport) -> Page {
    let metrics = &report.metrics;
    let mut page = Page::default();
    page.title(match &report.service {
        Some(service) => format!("Performance report: {}", plain(service)),
        None => "Performance report".to_owned(),
    });
    head(&mut page, metrics);
    summary(&mut page, metrics);
    stages::write(&mut page, &metrics.stages);
    queries::write(&mut page, &metrics.queries);
    functions::write(&mut page, &metrics.functions);
    caches::write(&mut page, &metrics.caches);
    io::write(&mut page, metrics);
    events::write(&mut page, metrics);
    operations::write(&mut page, metrics);
    resources::write(&mut page, metrics);
    limits(&mut page, report.limits);
    page
}

/// When it was, how long, how much.
fn head(page: &mut Page, metrics: &ComprehensiveMetrics) {
    let recorded = recorded(metrics);
    let recorded = match recorded.is_empty() {
        true => "nothing was recorded".to_owned(),
        false => recorded.join(", "),
    };
    let mut facts = vec![
        ("From", time(metrics.started_unix_ns)),
        ("To", format!("{}, {} later", time(metrics.unix_ns), duration(metrics.duration))),
        ("Recorded", recorded),
    ];
    if let Some(off) = switches::off(&metrics.options) {
        facts.push(("Off", off));
    }
    if let Some(health) = metrics.overall_health {
        facts.push(("Health", health.to_string()));
    }
    page.facts(facts);
}

fn recorded(metrics: &ComprehensiveMetrics) -> Vec<String> {
    let lookups = metrics.caches.iter().map(|cache| cache.hits.saturating_add(cache.misses));
    let resources = metrics.resources.cpu_samples.max(metrics.resources.memory_samples);
    let all = [
        (metrics.stages.iter().map(|stage| stage.count).sum(), "stage run", "stage runs"),
        (metrics.queries.iter().map(|query| query.executions).sum(), "query", "queries"),
        (
            metrics.functions.iter().map(FunctionMetrics::calls).fold(0, u64::saturating_add),
            "timed call",
            "timed calls",
        ),
        (lookups.fold(0, u64::saturating_add), "cache look-up", "cache look-ups"),
        (metrics.io.reads, "read", "reads"),
        (metrics.io.writes, "write", "writes"),
        (
            metrics.timeline.iter().map(|one| one.count).sum(),
            "timeline operation",
            "timeline operations",
        ),
        (metrics.events.total, "event", "events"),
        (metrics.errors.iter().map(|error| error.count).sum(), "error", "errors"),
        (metrics.retries.iter().map(|retry| retry.count).sum(), "retry", "retries"),
        (resources, "resource sample", "resource samples"),
    ];
    let all = all.into_iter().filter(|(n, ..)| *n > 0);
    all.map(|(n, one, many)| counted(n, one, many)).collect()
}

/// The lines of a run's log: each stage, CPU and memory, each cache.
fn summary(page: &mut Page, metrics: &ComprehensiveMetrics) {
    let has_run: Vec<_> = metrics.stages.iter().filter(|stage| stage.count > 0).collect();
    let mut lines: Vec<_> = has_run.iter().take(LINES).map(|stage| stage_line(stage)).collect();
    lines.extend(more(has_run.len(), "stages"));
    lines.extend(metrics.resources.avg_cpu_percent.map(cpu_line));
    lines.extend(metrics.resources.avg_memory_mb.map(memory_line));
    lines.extend(metrics.caches.iter().take(LINES).map(cache_line));
    lines.extend(more(metrics.caches.len(), "caches"));
    if !lines.is_empty() {
        page.heading("Summary");
        page.lines(lines);
    }
}

/// How many have no line.
fn more(all: usize, what: &str) -> Option<String> {
    (all > LINES).then(|| format!("and {} more {what}", all - LINES))
}

/// What could not be told apart.
fn limits(page: &mut Page, limits: Limits) {
    if limits.refused == 0 && limits.coarse == 0 {
        return;
    }
    page.heading("Limits");
    if limits.refused > 0 {
        page.text(format!(
            "{} found no room in the memory budget and went to what is called overflow. Totals are right, but \
             these names cannot be told apart. Raise the budget or use fewer names.",
            counted(limits.refused, "look-up of a name", "look-ups of names"),
        ));
    }
    if limits.coarse > 0 {
        page.text(format!(
            "{} found no room for exact cells: percentiles around them are known to a factor of two.",
            counted(limits.coarse, "value", "values"),
        ));
    }
}

fn time(unix_ns: u64) -> String {
    format!("{} UTC", Moment::of(unix_ns).with(' '))
}

/// Counts by name as rows, the largest first.
fn table_of_counts<'a>(
    page: &mut Page,
    titles: [&'static str; 2],
    counts: impl Iterator<Item = (&'a str, u64)>,
) {
    let mut counts: Vec<_> = counts.filter(|(_, n)| *n > 0).collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    if !counts.is_empty() {
        page.table(titles, ROWS, counts.into_iter().map(|(name, n)| [plain(name), count(n)]));
    }
}
