//! Totals are exact whatever threads, readers and registries come and go.

mod support;
mod workers;

use perf_monitor_core::{
    AtomicMetrics, Clock, Counter, Family, FamilyInfo, FloatCounter, Gauge, Histogram,
    HistogramOptions, LatencyTracker, MetricsCollector, OwnedValue, Registry, SeriesInfo, Snapshot,
    Value, Visitor, thread_stats,
};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;
use support::soaked;
use workers::Workers;

const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "a value that is not short"];

/// One metric of every kind, and the registry that shows them.
struct Everything {
    registry: Registry,
    counter: Counter,
    float: FloatCounter,
    gauge: Gauge,
    histogram: Histogram,
    family: Family<Counter>,
    collector: MetricsCollector,
    atomic: AtomicMetrics,
    tracker: LatencyTracker,
}

impl Everything {
    fn new() -> Everything {
        let registry = Registry::new();
        Everything {
            counter: registry.counter(("counted", "")).unwrap(),
            float: registry.float_counter(("spent", "")).unwrap(),
            gauge: registry.gauge(("level", "")).unwrap(),
            histogram: registry.histogram(("sizes", ""), HistogramOptions::default()).unwrap(),
            family: registry.counter_family(("keyed", ""), &["key"]).unwrap(),
            collector: MetricsCollector::new(&registry).unwrap(),
            atomic: AtomicMetrics::new(),
            tracker: LatencyTracker::new(),
            registry,
        }
    }

    /// One record into everything; `i` picks key and value.
    fn record(&self, i: u64) {
        self.counter.inc();
        self.float.add(0.25);
        self.gauge.add(1.0);
        self.histogram.record(i % 5_000);
        self.family.inc(&[KEYS[i as usize % KEYS.len()]]);
        self.collector.record_request(Duration::from_micros(i % 5_000), !i.is_multiple_of(4));
        self.atomic.record_request(Duration::from_nanos(i), !i.is_multiple_of(4));
        self.tracker.record(i % 5_000);
    }

    /// Asserts that `records` of [`record`](Self::record) are in every total, once each.
    fn assert_records(&self, records: u64) {
        let snapshot = self.registry.snapshot();
        let shown = totals(&snapshot);
        let expected = |name: &str| records as f64 * if name == "spent_total" { 0.25 } else { 1.0 };
        for name in
            ["counted_total", "spent_total", "level", "sizes", "keyed_total", "requests_total"]
        {
            assert_eq!(shown[name], expected(name), "{name}");
        }
        assert_eq!(shown["request_duration_seconds"], records as f64);
        assert_eq!(self.collector.total_requests(), records);
        let parts = self.collector.thread_collectors();
        assert_eq!(parts.iter().map(|p| p.request_count).sum::<u64>(), records);
        assert_eq!(self.atomic.total_requests(), records);
        assert_eq!(self.tracker.value().count, records);
    }
}

/// The sum over each family's series: of totals, of gauges, of counts of values.
fn totals(snapshot: &Snapshot) -> BTreeMap<&str, f64> {
    let family_totals = snapshot.families.iter().map(|family| {
        let numbers = family.series.iter().map(|series| match &series.value {
            OwnedValue::Counter(n) => *n as f64,
            OwnedValue::FloatCounter(x) | OwnedValue::Gauge(x) => *x,
            OwnedValue::Histogram(value) => value.count as f64,
        });
        (&*family.info.name, numbers.sum())
    });
    family_totals.collect()
}

#[test]
fn ten_thousand_short_threads_lose_nothing() {
    let metrics = Everything::new();
    let waves = soaked(200);
    for _ in 0..waves {
        thread::scope(|scope| {
            for i in 0..50 {
                let metrics = &metrics;
                scope.spawn(move || (0..3).for_each(|j| metrics.record(i + j)));
            }
        });
    }
    metrics.assert_records(waves as u64 * 50 * 3);
    let threads = thread_stats();
    assert!(threads.slabs <= threads.most_slabs);
}

#[test]
fn more_threads_than_slabs_at_the_same_time_are_exact() {
    const THREADS: usize = 100;
    const RECORDS: usize = 200;
    let metrics = Everything::new();
    let [begin, end, leave] = std::array::from_fn(|_| Barrier::new(THREADS + 1));
    assert!(THREADS > thread_stats().most_slabs);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                metrics.record(0);
                begin.wait();
                (1..RECORDS as u64).for_each(|i| metrics.record(i));
                end.wait();
                leave.wait();
            });
        }
        begin.wait();
        end.wait();
        metrics.assert_records((THREADS * RECORDS) as u64);
        leave.wait();
    });
    metrics.assert_records((THREADS * RECORDS) as u64);
    let threads = thread_stats();
    assert!(threads.slabs <= threads.most_slabs);
}

/// Records when its thread ends, among the thread's other destructors.
struct AtExit(Arc<Everything>);

impl Drop for AtExit {
    fn drop(&mut self) {
        (0..40).for_each(|i| self.0.record(i));
    }
}

thread_local! {
    static FIRST: RefCell<Option<AtExit>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

#[test]
fn records_from_destructors_of_thread_locals_are_counted() {
    let metrics = Arc::new(Everything::new());
    let at_exit = |metrics: &Arc<Everything>| Some(AtExit(metrics.clone()));
    let rounds = soaked(20) as u64;
    for _ in 0..rounds {
        let m = metrics.clone();
        let around_the_first_use = move || {
            FIRST.set(at_exit(&m));
            m.record(0);
            SECOND.set(at_exit(&m));
        };
        thread::spawn(around_the_first_use).join().unwrap();
        let m = metrics.clone();
        let before_any_use = move || {
            FIRST.set(at_exit(&m));
            SECOND.set(at_exit(&m));
        };
        thread::spawn(before_any_use).join().unwrap();
    }
    metrics.assert_records(rounds * (1 + 4 * 40));
}

/// What a reader saw so far. Nothing in it may ever fall.
#[derive(Default)]
struct Seen(BTreeMap<(String, String, u32), f64>);

impl Seen {
    fn rises(&mut self, name: &str, labels: &str, cell: u32, now: f64) {
        let before = self.0.entry((name.into(), labels.into(), cell)).or_default();
        assert!(now >= *before, "{name} {labels} {cell}: {before} and then {now}");
        *before = now;
    }

    fn take(&mut self, snapshot: &Snapshot) {
        for family in &snapshot.families {
            for series in &family.series {
                let labels = series.info.label_values.iter().collect::<Vec<_>>().join(",");
                let mut rises = |cell, now| self.rises(&family.info.name, &labels, cell, now);
                match &series.value {
                    OwnedValue::Counter(n) => rises(0, *n as f64),
                    OwnedValue::FloatCounter(x) | OwnedValue::Gauge(x) => rises(0, *x),
                    OwnedValue::Histogram(value) => {
                        rises(u32::MAX, value.count as f64);
                        value.buckets.iter().for_each(|(cell, n)| rises(*cell, *n as f64));
                    }
                }
            }
        }
    }
}

/// Reads until `done`: everything published before a read is in it, and nothing falls.
fn read(metrics: &Everything, published: &[AtomicU64], done: &AtomicBool) {
    let mut seen = Seen::default();
    loop {
        let last = done.load(Ordering::Acquire);
        let happened: u64 = published.iter().map(|p| p.load(Ordering::Acquire)).sum();
        let direct = [
            ("counter.get", metrics.counter.get() as f64),
            ("float.get", metrics.float.get() * 4.0),
            ("gauge.get", metrics.gauge.get()),
            ("collector", metrics.collector.total_requests() as f64),
            ("atomic", metrics.atomic.total_requests() as f64),
            ("tracker", metrics.tracker.value().count as f64),
            ("histogram.value", metrics.histogram.value().count as f64),
        ];
        for (name, now) in direct {
            assert!(now >= happened as f64, "{name}: {now} of {happened}");
            seen.rises(name, "", 0, now);
        }
        seen.rises("failed", "", 0, metrics.collector.failed_requests() as f64);
        let snapshot = metrics.registry.snapshot();
        let shown = totals(&snapshot);
        for name in ["counted_total", "level", "sizes", "keyed_total", "requests_total"] {
            assert!(shown[name] >= happened as f64, "{name}: {} of {happened}", shown[name]);
        }
        assert!(shown["spent_total"] * 4.0 >= happened as f64);
        seen.take(&snapshot);
        if last {
            return;
        }
    }
}

#[test]
fn two_readers_at_full_speed_see_all_that_happened_before_and_no_total_fall() {
    const WRITERS: u64 = 4;
    let metrics = Everything::new();
    // The first record shows the series that the readers look for.
    metrics.record(0);
    let batches = soaked(8_000) as u64;
    let published: [AtomicU64; WRITERS as usize] = Default::default();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| scope.spawn(|| read(&metrics, &published, &done)));
        let write = |mine: &AtomicU64| {
            for batch in 0..batches {
                (0..4).for_each(|i| metrics.record(batch + i * 501));
                mine.store((batch + 1) * 4, Ordering::Release);
            }
        };
        let writers: Vec<_> =
            published.iter().map(|mine| scope.spawn(move || write(mine))).collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    metrics.assert_records(1 + WRITERS * batches * 4);
}

#[test]
fn registries_that_come_and_go_leave_the_totals_of_another_alone() {
    let metrics = Everything::new();
    let records = soaked(10_000) as u64;
    thread::scope(|scope| {
        let writers =
            [(); 2].map(|()| scope.spawn(|| (0..records).for_each(|i| metrics.record(i))));
        let mut rounds = 0;
        while rounds < 20 || !writers.iter().all(|w| w.is_finished()) {
            let passing = Everything::new();
            (0..20).for_each(|i| passing.record(i));
            passing.assert_records(20);
            rounds += 1;
        }
    });
    metrics.assert_records(2 * records);
}

#[test]
fn a_handle_of_a_removed_series_goes_on_unseen_and_its_values_begin_at_0() {
    let registry = Registry::new();
    let family = registry.counter_family(("jobs", ""), &["queue"]).unwrap();
    let old = family.with(&["mail"]).unwrap();
    old.add(5);
    assert!(family.remove(&["mail"]));
    assert!(!family.remove(&["mail"]));
    old.add(2);
    assert_eq!(old.get(), 7);
    assert!(registry.snapshot().family("jobs_total").is_none());

    let new = family.with(&["mail"]).unwrap();
    assert_eq!(new.get(), 0);
    family.inc(&["mail"]);
    old.inc();
    assert_eq!((old.get(), new.get()), (8, 1));
    let snapshot = registry.snapshot();
    assert!(matches!(snapshot.value("jobs_total", &[("queue", "mail")]), Some(Value::Counter(1))));
    assert_eq!(snapshot.family("jobs_total").unwrap().series.len(), 1);
}

#[test]
fn a_removal_is_seen_by_threads_that_remember_the_series() {
    let registry = Registry::new();
    let family = registry.counter_family(("jobs", ""), &["queue"]).unwrap();
    let workers = Workers::new(3);
    for round in 0..soaked(100) {
        for worker in 0..3 {
            let family = family.clone();
            workers.run(worker, move || (0..30).for_each(|_| family.inc(&["mail"])));
        }
        assert_eq!(family.with(&["mail"]).unwrap().get(), 90, "round {round}");
        match round % 2 {
            0 => assert!(family.remove(&["mail"])),
            _ => family.clear(),
        }
        assert!(family.is_empty());
    }
}

#[test]
fn cells_of_removed_series_begin_at_0_in_the_metrics_that_get_them_next() {
    let registry = Registry::new();
    let options = HistogramOptions::default();
    for round in 0..soaked(60) {
        let name = |kind: &str| (format!("{kind}_{round}"), "");
        let counters = registry.counter_family(name("counter"), &["key"]).unwrap();
        let floats = registry.float_counter_family(name("float"), &["key"]).unwrap();
        let gauges = registry.gauge_family(name("gauge"), &["key"]).unwrap();
        let histograms = registry.histogram_family(name("histogram"), &["key"], options).unwrap();
        let (atomic, tracker) = (AtomicMetrics::new(), LatencyTracker::new());
        assert_eq!((atomic.total_requests(), atomic.avg_latency()), (0, 0.0));
        assert_eq!((tracker.value().count, tracker.avg_latency()), (0, 0.0));
        for key in &KEYS[..4] {
            assert_eq!(counters.with(&[key]).unwrap().get(), 0);
            assert_eq!(floats.with(&[key]).unwrap().get(), 0.0);
            assert_eq!(gauges.with(&[key]).unwrap().get(), 0.0);
            let empty = histograms.with(&[key]).unwrap().value();
            assert_eq!((empty.count, empty.sum, empty.max), (0, 0, 0));
        }
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for i in 0..160u64 {
                        let key = &[KEYS[i as usize % 4]];
                        counters.inc(key);
                        floats.add(key, 0.5);
                        gauges.add(key, 1.0);
                        histograms.record(key, i + round as u64 * 1_000);
                        atomic.record_request(Duration::from_nanos(1), true);
                        tracker.record(i);
                    }
                });
            }
        });
        let snapshot = registry.snapshot();
        let shown = totals(&snapshot);
        let total = |kind: &str| shown[format!("{kind}_{round}").as_str()];
        assert_eq!((total("gauge"), total("histogram")), (480.0, 480.0));
        assert_eq!(shown[format!("counter_{round}_total").as_str()], 480.0);
        assert_eq!(shown[format!("float_{round}_total").as_str()], 240.0);
        assert_eq!((atomic.total_requests(), tracker.value().count), (480, 480));
        for family in snapshot.families {
            assert!(registry.unregister(&family.info.name));
        }
    }
}

#[test]
fn a_series_expires_when_it_is_idle_and_unheld_and_begins_anew() {
    let (clock, hand) = Clock::fake();
    let idle = Duration::from_secs(60);
    let registry = Registry::builder().clock(clock).expire_after(idle).build();
    let jobs = registry.counter_family(("jobs", ""), &["queue"]).unwrap();
    let levels = registry.gauge_family(("level", ""), &["tank"]).unwrap();
    let plain = registry.counter(("plain", "")).unwrap();
    let began = |registry: &Registry| {
        let snapshot = registry.snapshot();
        let family = snapshot.family("jobs_total").unwrap();
        let series = family.series.iter().find(|s| &s.info.label_values[0] == "idle");
        series.map(|s| (s.info.started_unix_ns, matches!(s.value, OwnedValue::Counter(1))))
    };
    drop(plain);
    let held = jobs.with(&["held"]).unwrap();
    held.inc();
    jobs.inc(&["idle"]);
    levels.set(&["unused"], 1.0);
    let (first, counts_one) = began(&registry).unwrap();
    assert!(counts_one);

    for _ in 0..62 {
        levels.set(&["same"], 7.0);
        registry.tick();
        hand.advance(Duration::from_secs(1));
    }
    assert_eq!(began(&registry), None);
    assert_eq!((jobs.len(), levels.len(), registry.stats().expired_series), (1, 1, 2));
    let snapshot = registry.snapshot();
    assert!(matches!(snapshot.value("jobs_total", &[("queue", "held")]), Some(Value::Counter(1))));
    assert!(matches!(snapshot.value("level", &[("tank", "same")]), Some(Value::Gauge(7.0))));
    assert!(matches!(snapshot.value("plain_total", &[]), Some(Value::Counter(0))));

    jobs.inc(&["idle"]);
    let (second, counts_one) = began(&registry).unwrap();
    assert!(counts_one && second - first == 62_000_000_000);
    drop(held);
    hand.advance(idle);
    // The first tick finds it idle, the second finds that it has not moved since.
    registry.tick();
    assert_eq!(jobs.len(), 2);
    registry.tick();
    assert_eq!(jobs.len(), 1);
    assert_eq!(began(&registry), Some((second, true)));
}

#[test]
fn a_record_between_the_ticks_that_expire_a_series_keeps_it() {
    let (clock, hand) = Clock::fake();
    let idle = Duration::from_secs(60);
    let registry = Registry::builder().clock(clock).expire_after(idle).build();
    let jobs = registry.counter_family(("jobs", ""), &["queue"]).unwrap();
    jobs.inc(&["idle"]);
    registry.tick();
    for expected in 2..5 {
        hand.advance(idle);
        registry.tick();
        jobs.inc(&["idle"]);
        registry.tick();
        let snapshot = registry.snapshot();
        let total = snapshot.value("jobs_total", &[("queue", "idle")]);
        assert!(matches!(total, Some(Value::Counter(n)) if n == expected));
    }
}

#[test]
fn an_unregistered_family_is_unseen_and_its_name_is_free() {
    let registry = Registry::new();
    let old = registry.counter(("jobs", "")).unwrap();
    old.add(3);
    assert!(registry.unregister("jobs_total"));
    assert!(!registry.unregister("jobs_total"));
    old.inc();
    assert!(registry.snapshot().families.is_empty());
    let again = registry.gauge(("jobs_total", "")).unwrap();
    again.set(1.0);
    assert_eq!((old.get(), registry.stats().families), (4, 1));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Set(i32),
    Add(i32, u8),
}

fn op() -> impl Strategy<Value = (usize, Op)> {
    let op = prop_oneof![
        (-1_000..1_000).prop_map(Op::Set),
        ((-1_000..1_000), 1u8..40).prop_map(|(x, times)| Op::Add(x, times)),
    ];
    (0usize..4, op)
}

#[test]
fn a_gauge_that_is_set_and_raised_in_turns_is_exact() {
    let workers = Workers::new(4);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(soaked(60) as u32)
    };
    proptest!(config, |(ops in prop::collection::vec(op(), 0..60))| {
        let gauge = Registry::new().gauge(("level", "")).unwrap();
        let mut model = 0.0;
        for (worker, op) in ops {
            let theirs = gauge.clone();
            match op {
                Op::Set(x) => {
                    workers.run(worker, move || theirs.set(x.into()));
                    model = x.into();
                }
                Op::Add(x, times) => {
                    workers.run(worker, move || (0..times).for_each(|_| theirs.add(x.into())));
                    model += f64::from(x) * f64::from(times);
                }
            }
            prop_assert_eq!(gauge.get(), model);
        }
    });
}

#[test]
fn a_gauge_keeps_nan_and_infinities_until_it_is_set() {
    let registry = Registry::new();
    let gauge = registry.gauge(("level", "")).unwrap();
    gauge.set(f64::NAN);
    assert!(gauge.get().is_nan());
    (0..100).for_each(|_| gauge.add(1.0));
    let snapshot = registry.snapshot();
    assert!(matches!(snapshot.value("level", &[]), Some(Value::Gauge(x)) if x.is_nan()));
    gauge.set(3.0);
    gauge.add(f64::INFINITY);
    assert_eq!(gauge.get(), f64::INFINITY);
    gauge.set(-0.5);
    assert_eq!(gauge.get(), -0.5);
    gauge.add(f64::NAN);
    assert!(gauge.get().is_nan());
}

#[test]
fn a_float_counter_refuses_what_would_make_it_fall() {
    let registry = Registry::new();
    let spent = registry.float_counter(("spent", "")).unwrap();
    for bad in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        spent.add(bad);
    }
    spent.add(0.0);
    spent.add(1.5);
    assert_eq!((spent.get(), spent.rejected()), (1.5, 4));
}

#[test]
fn an_observed_counter_never_falls_when_its_source_starts_over() {
    let registry = Registry::new();
    let seen = registry.observed_counter(("seen", "")).unwrap();
    let totals = [10, 25, 25, 3, 7, 0, 1].map(|source| {
        seen.observe(source);
        seen.get()
    });
    assert_eq!(totals, [10, 25, 25, 28, 32, 32, 33]);
}

#[test]
fn the_average_of_many_threads_lies_between_their_extremes() {
    const THREADS: u64 = 12;
    let metrics = AtomicMetrics::new();
    let latency_ns = |thread: u64| 1_000 + thread * 100;
    let all_recorded = Barrier::new(THREADS as usize + 1);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (metrics, all_recorded) = (&metrics, &all_recorded);
            scope.spawn(move || {
                for _ in 0..1_000 {
                    metrics.record_request(Duration::from_nanos(latency_ns(thread)), true);
                }
                all_recorded.wait();
            });
        }
        all_recorded.wait();
    });
    let sum: u64 = (0..THREADS).map(|t| latency_ns(t) * 1_000).sum();
    assert_eq!((metrics.total_requests(), metrics.total_latency_ns()), (THREADS * 1_000, sum));
    let (low, high) = (latency_ns(0) as f64, latency_ns(THREADS - 1) as f64);
    for _ in 0..3 {
        let average = metrics.avg_latency();
        assert!(average >= low * (1.0 - 1e-9) && average <= high * (1.0 + 1e-9), "{average}");
        metrics.tick();
    }
}

/// Records into everything that it is shown next to.
struct Recording {
    counter: Counter,
    level: Gauge,
    sizes: Histogram,
    metrics: MetricsCollector,
    shown: u64,
}

impl Visitor for Recording {
    fn series(&mut self, _: &FamilyInfo, _: &SeriesInfo, _: Value<'_>) {
        self.shown += 1;
        self.counter.inc();
        self.level.add(1.0);
        self.sizes.record(7);
        self.metrics.record_request(Duration::from_millis(1), true);
    }
}

#[test]
fn a_visitor_may_record_even_as_the_first_thing_that_its_thread_does() {
    let registry = Registry::new();
    let mut visitor = Recording {
        counter: registry.counter(("seen", "")).unwrap(),
        level: registry.gauge(("level", "")).unwrap(),
        sizes: registry.histogram(("sizes", ""), HistogramOptions::default()).unwrap(),
        metrics: MetricsCollector::new(&registry).unwrap(),
        shown: 0,
    };
    let visitor = thread::spawn({
        let registry = registry.clone();
        move || {
            for _ in 0..50 {
                registry.visit(&mut visitor);
            }
            visitor
        }
    });
    let visitor = visitor.join().unwrap();
    assert_eq!(visitor.counter.get(), visitor.shown);
    assert_eq!(visitor.level.get(), visitor.shown as f64);
    assert_eq!(visitor.sizes.value().count, visitor.shown);
    assert_eq!(visitor.metrics.total_requests(), visitor.shown);
}
