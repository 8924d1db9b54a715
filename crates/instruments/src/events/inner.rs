//! The instruments of events, by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use perf_monitor_core::{
    Counter, Desc, Error, Family, Gauge, Histogram, HistogramOptions, Lock, Registry, Unit,
};

use super::durations::Durations;
use super::rates::Rates;
use super::{Event, EventMetrics};
use crate::once::Once;
use crate::options::Switch;
use crate::spread::duration_ns;
use crate::table::{Entry, Table, series};

pub(crate) struct Inner {
    events: Table<Outcomes>,
    domains: Table<Histogram>,
    sources: Table<Source>,
    queues: Table<Gauge>,
    connections: Table<Gauge>,
    rates: Lock<Rates>,
    /// Counts, data, duplicates.
    business: Switch,
    /// Durations, queues, connections.
    performance: Switch,
}

/// The events of one source, domain and entity.
struct Outcomes {
    successes: Counter,
    failures: Counter,
    /// Failures among the events that found no room: both counters are the same series then.
    overflow_failures: Option<AtomicU64>,
    /// That of the domain, once a duration is known.
    duration: Once<Histogram>,
}

impl Outcomes {
    #[inline]
    fn count(&self, success: bool) {
        if success { self.successes.inc() } else { self.count_failure() }
    }

    fn count_failure(&self) {
        self.failures.inc();
        if let Some(failures) = &self.overflow_failures {
            failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All events, those that failed.
    fn totals(&self) -> (u64, u64) {
        match &self.overflow_failures {
            Some(failures) => {
                let failed = failures.load(Ordering::Relaxed);
                (self.successes.get(), failed)
            }
            None => {
                let failed = self.failures.get();
                (self.successes.get() + failed, failed)
            }
        }
    }
}

/// What is known of one source beside its events.
struct Source {
    data_points: Counter,
    bytes: Counter,
    duplicates: Counter,
}

/// The longest duration that is told apart: an hour, in nanoseconds.
const LONGEST_NS: u64 = 3_600 * 1_000_000_000;

impl Inner {
    pub(super) fn new(registry: &Registry) -> Result<Inner, Error> {
        Ok(Inner {
            events: events(registry)?,
            domains: domains(registry)?,
            sources: sources(registry)?,
            queues: gauges(registry, "queue_depth", "Events that wait in a queue.", "queue")?,
            connections: gauges(registry, "active_connections", "Open connections.", "kind")?,
            rates: Lock::new(Rates::new(registry.clock().now_ns())),
            business: Switch::on(),
            performance: Switch::on(),
        })
    }

    pub(crate) fn switch(&self, business: bool, performance: bool) {
        self.business.set(business);
        self.performance.set(performance);
    }

    #[inline]
    pub(super) fn record(&self, event: &Event<'_>) {
        let duration = event.duration.filter(|_| self.performance.is_on());
        if self.business.is_on() {
            self.events.with(&[event.source, event.domain, event.entity], |outcomes| {
                outcomes.count(event.success);
                if let Some(duration) = duration {
                    let histogram = outcomes.duration.get_or_make(|| self.domain(event.domain));
                    histogram.record(duration_ns(duration));
                }
            });
        } else if let Some(duration) = duration {
            self.record_duration(event.domain, duration);
        }
    }

    #[cold]
    fn domain(&self, domain: &str) -> Histogram {
        self.domains.get(&[domain]).value.clone()
    }

    pub(super) fn record_duration(&self, domain: &str, duration: Duration) {
        if self.performance.is_on() {
            self.domains.with(&[domain], |histogram| histogram.record(duration_ns(duration)));
        }
    }

    pub(super) fn record_data_points(&self, source: &str, data_points: u64, bytes: u64) {
        if self.business.is_on() {
            self.sources.with(&[source], |source| {
                source.data_points.add(data_points);
                source.bytes.add(bytes);
            });
        }
    }

    pub(super) fn record_duplicate(&self, source: &str) {
        if self.business.is_on() {
            self.sources.with(&[source], |source| source.duplicates.inc());
        }
    }

    pub(super) fn set_queue_depth(&self, queue: &str, depth: u64) {
        if self.performance.is_on() {
            self.queues.with(&[queue], |gauge| gauge.set(depth as f64));
        }
    }

    pub(super) fn set_connections(&self, kind: &str, open: u64) {
        if self.performance.is_on() {
            self.connections.with(&[kind], |gauge| gauge.set(open as f64));
        }
    }

    pub(super) fn tick(&self, now_ns: u64) {
        // Read outside of the lock: a total of many series takes its time.
        let (total, _) = self.totals();
        self.rates.lock().tick(now_ns, total);
    }

    /// All events, those that failed.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let totals = self.events.entries().into_iter().map(|entry| entry.value.totals());
        totals.fold((0, 0), |(all, failed), (more, worse)| (all + more, failed + worse))
    }

    /// How long events took, whatever their domain.
    pub(crate) fn durations(&self) -> Durations {
        let all = self.domains.entries();
        all.iter().map(|entry| entry.value.value()).collect()
    }

    pub(super) fn summary(&self) -> EventMetrics {
        let mut metrics = EventMetrics {
            throughput_per_s: self.rates.lock().per_s(),
            queue_depths: levels(&self.queues),
            connections: levels(&self.connections),
            ..EventMetrics::default()
        };
        self.events.entries().iter().for_each(|entry| metrics.add_events(entry));
        self.sources.entries().iter().for_each(|entry| metrics.add_source(&entry.value));
        metrics.add_durations(&self.durations());
        metrics
    }
}

impl EventMetrics {
    fn add_events(&mut self, entry: &Entry<Outcomes>) {
        let (total, failures) = entry.value.totals();
        self.total += total;
        self.failures += failures;
        let maps = [&mut self.by_source, &mut self.by_domain, &mut self.by_entity];
        if entry.name().is_empty() {
            self.overflow += total;
        } else if total > 0 {
            for (map, name) in maps.into_iter().zip(entry.name()) {
                *map.entry(name.to_owned()).or_default() += total;
            }
        }
    }

    fn add_source(&mut self, source: &Source) {
        self.data_points = self.data_points.saturating_add(source.data_points.get());
        self.data_bytes = self.data_bytes.saturating_add(source.bytes.get());
        self.duplicates = self.duplicates.saturating_add(source.duplicates.get());
    }

    fn add_durations(&mut self, durations: &Durations) {
        self.timed = durations.count();
        self.avg = durations.mean();
        self.p50 = durations.quantile(0.5);
        self.p95 = durations.quantile(0.95);
        self.p99 = durations.quantile(0.99);
        self.max = durations.longest();
    }
}

/// The levels by name. What found no room is left out: several levels in one series are none.
fn levels(gauges: &Table<Gauge>) -> BTreeMap<String, u64> {
    let all = gauges.entries();
    let named = all.iter().filter_map(|entry| Some((entry.name().get(0)?, &entry.value)));
    named.map(|(name, gauge)| (name.to_owned(), gauge.get() as u64)).collect()
}

fn events(registry: &Registry) -> Result<Table<Outcomes>, Error> {
    let desc =
        ("events_total", "Events, by where they came from, what they are about, how they ended.");
    let family = registry.counter_family(desc, &["source", "domain", "entity", "outcome"])?;
    let bytes = 2 * family.series_bytes();
    let make = move |name: Option<&[&str]>| {
        let outcome = |outcome| match name {
            Some(name) => series(&family, Some(&[name[0], name[1], name[2], outcome])),
            None => series(&family, None),
        };
        Some(Outcomes {
            successes: outcome("success")?,
            failures: outcome("failure")?,
            overflow_failures: name.is_none().then(AtomicU64::default),
            duration: Once::new(),
        })
    };
    Ok(Table::new(registry.budget(), bytes, make))
}

fn domains(registry: &Registry) -> Result<Table<Histogram>, Error> {
    let desc = Desc::new(
        "event_processing_duration_seconds",
        "Time that events take, by what they are about.",
    );
    let options = HistogramOptions::default().digits(2).highest(LONGEST_NS);
    let family = registry.histogram_family(desc.unit(Unit::Nanoseconds), &["domain"], options)?;
    let bytes = family.series_bytes();
    let make = move |name: Option<&[&str]>| series(&family, name);
    Ok(Table::new(registry.budget(), bytes, make).of_histograms(1))
}

fn sources(registry: &Registry) -> Result<Table<Source>, Error> {
    let family = |desc: Desc| registry.counter_family(desc, &["source"]);
    let data_points = Desc::new("data_points_written_total", "Data points that were written.");
    let bytes = Desc::new("data_written_bytes_total", "Bytes of data points that were written.");
    let duplicates = Desc::new(
        "events_deduplicated_total",
        "Events that were dropped because they had come before.",
    );
    let families = [family(data_points)?, family(bytes.unit(Unit::Bytes))?, family(duplicates)?];
    let series_bytes = families.iter().map(Family::series_bytes).sum();
    let make = move |name: Option<&[&str]>| {
        let [data_points, bytes, duplicates] = &families;
        Some(Source {
            data_points: series(data_points, name)?,
            bytes: series(bytes, name)?,
            duplicates: series(duplicates, name)?,
        })
    };
    Ok(Table::new(registry.budget(), series_bytes, make))
}

fn gauges(
    registry: &Registry,
    metric: &str,
    help: &str,
    label: &str,
) -> Result<Table<Gauge>, Error> {
    let family = registry.gauge_family((metric, help), &[label])?;
    let bytes = family.series_bytes();
    let make = move |name: Option<&[&str]>| series(&family, name);
    Ok(Table::new(registry.budget(), bytes, make))
}
