//! The rows, one file each.

mod alerts;
mod bridge_metrics;
mod browser;
mod cache;
mod counter;
mod dashboard;
mod event;
mod heap;
mod history;
mod host;
mod hot;
mod idle;
mod labels;
mod latency;
mod memory_day;
mod memory_instruments;
mod memory_ledger;
mod otlp;
mod profile;
mod query;
mod reader;
mod request;
mod scrape;
mod snapshot;
mod span;
mod span_layer;
mod stage;
mod timed;
mod timer;
mod tower;
mod traces_memory;

use crate::args::Args;
use crate::budgets::{Budget, Budgets};
use crate::harness::Effort;
use crate::report::Report;

/// One row of the table.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) run: fn(Effort) -> Result<Report, String>,
}

/// Every row, in the order in which they run.
pub(crate) const ROWS: [Row; 49] = [
    counter::ROW,
    labels::ROW,
    latency::ROW,
    request::ROW,
    timer::ROW,
    stage::ROW,
    timed::ROW,
    query::ROW,
    cache::ROW,
    event::ROW,
    bridge_metrics::ROW,
    tower::ROW,
    span::GUARD,
    span::ATTRIBUTES,
    span::BY_ID,
    span::UNSAMPLED,
    span::TAIL,
    span_layer::LAYER,
    span_layer::FUTURE,
    heap::TRACKED,
    heap::SAMPLING,
    reader::ROW,
    snapshot::ROW,
    scrape::ROW,
    host::ROW,
    history::RULES,
    history::MEMORY,
    dashboard::CPU,
    dashboard::WIRE,
    dashboard::MEMORY,
    dashboard::LATENCY,
    browser::FPS,
    browser::CPU,
    browser::LATENCY,
    browser::WEIGHT,
    browser::SOAK,
    memory_ledger::ROW,
    memory_instruments::ROW,
    traces_memory::ROW,
    otlp::ROW,
    profile::ON_DEMAND,
    profile::ALWAYS,
    profile::HANDLER,
    profile::MEMORY,
    alerts::MEMORY,
    alerts::REPLAY,
    alerts::FIRST_BYTE,
    memory_day::ROW,
    idle::ROW,
];

/// The rows that the command line asks for, each with its budget.
pub(crate) fn chosen<'a>(
    args: &Args,
    budgets: &'a Budgets,
) -> Result<Vec<(&'static Row, &'a Budget)>, String> {
    let mut chosen = Vec::new();
    for row in &ROWS {
        let budget = budgets
            .get(row.id)
            .ok_or_else(|| format!("benches/budgets.toml has no `{}`", row.id))?;
        let filtered = args.filter.as_deref().is_some_and(|filter| !row.id.contains(filter));
        if !filtered && (!budget.gate.is_empty() || !args.gates) {
            chosen.push((row, budget));
        }
    }
    if chosen.is_empty() {
        let filter = args.filter.as_deref().unwrap_or_default();
        return Err(format!("no row's id contains `{filter}`; `--list` shows them"));
    }
    Ok(chosen)
}

/// In a process of its own: what the row or the part of a row called `name` finds, as JSON.
pub(crate) fn find_out(name: &str, effort: Effort) -> Result<serde_json::Value, String> {
    let parts = [memory_ledger::part, memory_instruments::part, profile::part];
    if let Some(found) = parts.iter().find_map(|part| part(name)) {
        return found;
    }
    let row = ROWS.iter().find(|row| row.id == name).ok_or("no such row")?;
    let report = (row.run)(effort)?;
    serde_json::to_value(report).map_err(|cause| cause.to_string())
}
