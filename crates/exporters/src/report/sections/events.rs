//! What came in: how much, from where, how long it took.

use std::collections::BTreeMap;
use std::time::Duration;

use perf_monitor_instruments::{ComprehensiveMetrics, EventMetrics, ServiceSample};

use super::{table_of_counts, time};
use crate::report::page::Page;
use crate::report::words::{bytes, count, counted, duration, percent, rate};

pub(super) fn write(page: &mut Page, metrics: &ComprehensiveMetrics) {
    let events = &metrics.events;
    if is_empty(events) {
        return;
    }
    page.heading("Events");
    page.text(
        "What was processed. Throughput is that of the last window, usually a second; a duplicate was dropped because \
         it had come before.",
    );
    let mut facts = facts(events);
    facts.extend(busiest(&metrics.history).map(|busiest| ("Busiest", busiest)));
    if !facts.is_empty() {
        page.facts(facts);
    }
    for (title, counts) in [
        (["<source", "events"], &events.by_source),
        (["<domain", "events"], &events.by_domain),
        (["<entity", "events"], &events.by_entity),
        (["<queue", "waiting"], &events.queue_depths),
        (["<connections", "open"], &events.connections),
    ] {
        table(page, title, counts);
    }
}

fn is_empty(events: &EventMetrics) -> bool {
    let counts =
        [events.total, events.timed, events.data_points, events.data_bytes, events.duplicates];
    counts == [0; 5] && events.queue_depths.is_empty() && events.connections.is_empty()
}

/// The interval of the history with the most events a second.
fn busiest(history: &[ServiceSample]) -> Option<String> {
    let busy = history.iter().filter(|sample| sample.events > 0);
    let sample = busy.max_by(|a, b| a.events_per_s().total_cmp(&b.events_per_s()))?;
    let (per_s, interval) = (rate(sample.events_per_s()), duration(sample.interval));
    Some(format!("{per_s} in the {interval} before {}", time(sample.unix_ns)))
}

fn facts(events: &EventMetrics) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if events.total > 0 {
        facts.push(("Processed", counted(events.total, "event", "events")));
        let share =
            events.error_rate().map_or_else(String::new, |rate| format!(", {}", percent(rate)));
        facts.push(("Failed", format!("{}{share}", count(events.failures))));
    }
    if events.overflow > 0 {
        let overflow = counted(events.overflow, "event", "events");
        facts.push((
            "Overflow",
            format!("{overflow} whose names found no room, in none of the tables"),
        ));
    }
    facts.extend(events.throughput_per_s.map(|per_s| ("Throughput", rate(per_s))));
    facts.extend(times(events).map(|times| ("Took", times)));
    if events.data_points > 0 || events.data_bytes > 0 {
        let points = counted(events.data_points, "data point", "data points");
        facts.push(("Written", format!("{points}, {}", bytes(events.data_bytes))));
    }
    if let Some(share) = events.deduplication_rate().filter(|_| events.duplicates > 0) {
        let duplicates = count(events.duplicates);
        facts.push(("Duplicates", format!("{duplicates}, {} of what arrived", percent(share))));
    }
    facts
}

fn times(events: &EventMetrics) -> Option<String> {
    let all = [
        ("avg", events.avg),
        ("p50", events.p50),
        ("p95", events.p95),
        ("p99", events.p99),
        ("max", events.max),
    ];
    let text = |(what, took): (&str, Option<Duration>)| Some(format!("{what} {}", duration(took?)));
    let times: Vec<_> = all.into_iter().filter_map(text).collect();
    (!times.is_empty()).then(|| times.join(", "))
}

fn table(page: &mut Page, titles: [&'static str; 2], counts: &BTreeMap<String, u64>) {
    table_of_counts(page, titles, counts.iter().map(|(name, n)| (&**name, *n)));
}
