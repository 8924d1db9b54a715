//! What went wrong, what is not as it should be.

use std::cmp::Reverse;

use perf_monitor_instruments::{ComprehensiveMetrics, ErrorCount};

use super::{ROWS, table_of_counts, time};
use crate::escape::plain;
use crate::report::page::Page;
use crate::report::words::count;

pub(super) fn write(page: &mut Page, metrics: &ComprehensiveMetrics) {
    errors(page, &metrics.errors);
    if metrics.retries.iter().any(|retry| retry.count > 0) {
        page.heading("Retries");
        page.text("What had to be tried again, the most often first.");
        let counts = metrics.retries.iter().map(|retry| (&*retry.operation, retry.count));
        table_of_counts(page, ["<operation", "retries"], counts);
    }
    breakers(page, metrics);
    connections(page, metrics);
    health(page, metrics);
}

/// The worst first, then the most frequent.
fn errors(page: &mut Page, errors: &[ErrorCount]) {
    let mut errors: Vec<_> = errors.iter().filter(|error| error.count > 0).collect();
    if errors.is_empty() {
        return;
    }
    errors.sort_by_key(|error| Reverse((error.severity, error.count)));
    page.heading("Errors");
    page.text("The most severe first, then the most frequent.");
    let row = |error: &ErrorCount| {
        let severity = error.severity.map_or("-", |severity| severity.as_str());
        let (kind, component) = (plain(&error.error_type), plain(&error.component));
        [kind, component, severity.to_owned(), count(error.count)]
    };
    page.table(["<error", "<component", "<severity", "count"], ROWS, errors.into_iter().map(row));
}

fn breakers(page: &mut Page, metrics: &ComprehensiveMetrics) {
    if metrics.breakers.is_empty() {
        return;
    }
    let mut breakers: Vec<_> = metrics.breakers.iter().collect();
    breakers.sort_by_key(|breaker| Reverse(breaker.transitions));
    page.heading("Circuit breakers");
    page.text(
        "A closed breaker lets calls through, an open one refuses them, a half-open one tries.",
    );
    let titles = ["<breaker", "<state", "<since", "transitions"];
    let rows = breakers.into_iter().map(|breaker| {
        let since = time(breaker.since_unix_ns);
        let state = breaker.state.as_str().to_owned();
        [plain(&breaker.breaker), state, since, count(breaker.transitions)]
    });
    page.table(titles, ROWS, rows);
}

fn connections(page: &mut Page, metrics: &ComprehensiveMetrics) {
    if metrics.connections.is_empty() {
        return;
    }
    page.heading("Connections");
    page.text("The state that each connection is in.");
    let rows = metrics.connections.iter().map(|one| {
        let since = time(one.since_unix_ns);
        [plain(&one.connection), one.state.as_str().to_owned(), since]
    });
    page.table(["<connection", "<state", "<since"], ROWS, rows);
}

/// The worst first.
fn health(page: &mut Page, metrics: &ComprehensiveMetrics) {
    if metrics.health.is_empty() {
        return;
    }
    let mut components: Vec<_> = metrics.health.iter().collect();
    components.sort_by_key(|component| Reverse(component.state));
    page.heading("Health");
    page.text("The worst first; the service is as healthy as the worst of its components.");
    let rows = components.into_iter().map(|one| {
        let reason = if one.reason.is_empty() { "-".to_owned() } else { plain(&one.reason) };
        [plain(&one.component), one.state.as_str().to_owned(), time(one.since_unix_ns), reason]
    });
    page.table(["<component", "<state", "<since", "<reason"], ROWS, rows);
}
