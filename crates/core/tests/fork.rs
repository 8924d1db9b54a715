//! A forked child counts on from what it inherited, whatever its parent's threads were doing.
#![cfg(unix)]

mod support;

use perf_monitor_core::{
    AtomicMetrics, Counter, Family, FloatCounter, Gauge, Histogram, HistogramOptions,
    ObservedCounter, OwnedValue, Registry,
};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use support::soaked;

/// Threads that hammer the registry in the parent, and that a child starts at the same time, so
/// that the child's take over every slab that the parent's had.
const THREADS: u64 = 4;

/// More keys than a thread remembers, so that the caches of the parent's threads always change.
const KEYS: u64 = 150;

/// Records of a child's thread.
const RECORDS: u64 = 300;

/// Every kind of metric, in one registry.
struct Metrics {
    registry: Registry,
    counter: Counter,
    float: FloatCounter,
    observed: ObservedCounter,
    gauge: Gauge,
    histogram: Histogram,
    family: Family<Counter>,
    histograms: Family<Histogram>,
    atomic: AtomicMetrics,
}

impl Metrics {
    fn new() -> Metrics {
        let registry = Registry::new();
        let options = HistogramOptions::default();
        Metrics {
            counter: registry.counter(("counted", "")).unwrap(),
            float: registry.float_counter(("spent", "")).unwrap(),
            observed: registry.observed_counter(("seen", "")).unwrap(),
            gauge: registry.gauge(("level", "")).unwrap(),
            histogram: registry.histogram(("sizes", ""), options).unwrap(),
            family: registry.counter_family(("keyed", ""), &["key", "kind"]).unwrap(),
            histograms: registry.histogram_family(("spread", ""), &["key"], options).unwrap(),
            atomic: AtomicMetrics::new(),
            registry,
        }
    }

    /// One record into everything; `i` picks keys and values.
    fn record(&self, i: u64) {
        self.counter.inc();
        self.float.add(0.5);
        self.gauge.add(1.0);
        self.histogram.record(i * 7_919 % 1_000_000);
        self.family.inc(&[&format!("key-{}", i % KEYS), "short"]);
        self.histograms.record(&[&format!("a key that is too long for words {}", i % 3)], i);
        self.atomic.record_request(Duration::from_nanos(i), i.is_multiple_of(2));
    }

    fn register(&self, i: u64) {
        let name = format!("registered_{}", i % 40);
        self.registry.counter((name, "")).unwrap();
    }

    /// The total of each metric, by name; all in halves, so that fractions are exact.
    fn totals(&self) -> BTreeMap<String, u64> {
        let mut totals = BTreeMap::new();
        for family in self.registry.snapshot().families {
            for series in &family.series {
                *totals.entry(family.info.name.to_string()).or_default() += match &series.value {
                    OwnedValue::Counter(n) => n * 2,
                    OwnedValue::FloatCounter(x) | OwnedValue::Gauge(x) => (x * 2.0) as u64,
                    OwnedValue::Histogram(value) => value.count * 2,
                };
            }
        }
        totals.insert("atomic".into(), self.atomic.total_requests() * 2);
        totals
    }

    /// What [`totals`](Self::totals) are after `records` more.
    fn after(mut totals: BTreeMap<String, u64>, records: u64) -> BTreeMap<String, u64> {
        for name in ["counted_total", "level", "sizes", "keyed_total", "spread", "atomic"] {
            *totals.entry(name.into()).or_default() += records * 2;
        }
        *totals.entry("spent_total".into()).or_default() += records;
        totals
    }
}

/// What a child found wrong, as its exit code.
fn child(metrics: &Metrics) -> i32 {
    let before = metrics.totals();
    (0..RECORDS).for_each(|i| metrics.record(i));
    if metrics.totals() != Metrics::after(before.clone(), RECORDS) {
        return 2;
    }
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..RECORDS).for_each(|i| metrics.record(i)));
        }
    });
    if metrics.totals() != Metrics::after(before, RECORDS * (THREADS + 1)) {
        return 3;
    }
    let new = metrics.registry.counter(("begun_in_the_child", "")).unwrap();
    new.add(3);
    metrics.observed.observe(5);
    metrics.gauge.set(2.0);
    let snapshot = metrics.registry.snapshot();
    let shown = snapshot.value("begun_in_the_child_total", &[]).is_some();
    let numbers = (new.get(), metrics.observed.get(), metrics.gauge.get());
    if !shown || numbers != (3, 5, 2.0) {
        return 4;
    }
    0
}

/// Forks, runs `child`, and waits until it has ended: a pipe that only the child holds closes.
fn fork_and_wait(metrics: &Metrics) -> Result<(), String> {
    let (reader, writer) = pipe();
    // SAFETY: the child runs code of this test alone, and leaves by `_exit`; what it takes of the
    // standard library (memory, threads) the C library keeps usable after a fork.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", io::Error::last_os_error());
    if pid == 0 {
        let code = catch_unwind(AssertUnwindSafe(|| child(metrics))).unwrap_or(101);
        // SAFETY: ends this process, with nothing of the parent's run or flushed twice.
        unsafe { libc::_exit(code) };
    }
    drop(writer);
    let ended = closes(&reader);
    if !ended {
        // SAFETY: the process is this one's child and has not been waited for.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    let mut status = 0;
    // SAFETY: `status` is a place for the status; the child has ended or is being killed.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    match status {
        0 => Ok(()),
        _ if !ended => Err("the child hung".into()),
        _ if libc::WIFEXITED(status) => Err(format!("exit code {}", libc::WEXITSTATUS(status))),
        _ => Err(format!("signal {}", libc::WTERMSIG(status))),
    }
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: both were just opened and nobody else owns them.
    unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) }
}

/// Whether the other end closes within a bounded number of waits.
fn closes(reader: &OwnedFd) -> bool {
    (0..600).any(|_| {
        let mut poll = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: `poll` is one descriptor's entry.
        unsafe { libc::poll(&raw mut poll, 1, 100) > 0 }
    })
}

#[test]
fn a_child_forked_at_any_moment_counts_on_exactly_and_the_parent_too() {
    let metrics = Metrics::new();
    let stop = AtomicBool::new(false);
    let (failures, records) = thread::scope(|scope| {
        let hammer = |thread: u64| {
            let mut i = 0;
            while !stop.load(Ordering::Relaxed) {
                metrics.record(i + thread * 37);
                match i % 16 {
                    0 => metrics.register(i),
                    8 => drop(metrics.registry.snapshot()),
                    _ => {}
                }
                i += 1;
            }
            i
        };
        let threads: Vec<_> = (0..THREADS).map(|t| scope.spawn(move || hammer(t))).collect();
        let failures: Vec<String> =
            (0..soaked(50)).filter_map(|_| fork_and_wait(&metrics).err()).collect();
        stop.store(true, Ordering::Relaxed);
        (failures, threads.into_iter().map(|t| t.join().unwrap()).sum::<u64>())
    });
    assert_eq!(failures, Vec::<String>::new());
    let totals = metrics.totals();
    let registered = totals.iter().filter(|(name, _)| name.starts_with("registered_"));
    assert!(registered.map(|(_, n)| n).all(|n| *n == 0));
    for (name, total) in Metrics::after(BTreeMap::new(), records) {
        assert_eq!(totals[&name], total, "{name}");
    }
}
