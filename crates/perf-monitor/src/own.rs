//! What the monitor tells of itself.

use std::time::Duration;

use perf_monitor_core::{
    Counter, Desc, Family, Gauge, Histogram, HistogramOptions, Registry, Unit,
};

use crate::error::Error;
use crate::share::{CounterShare, GaugeShare};
use crate::system;

/// The parts whose failures are counted from zero on.
const PARTS: [&str; 14] = [
    "alerting",
    "dashboard",
    "exporter",
    "history",
    "host",
    "instruments",
    "listener",
    "memory",
    "otlp",
    "own",
    "profiler",
    "registry",
    "tokio",
    "tracer",
];

/// What the thread holds by itself: the touched part of its stack (28 KiB in a release build), its
/// runtime (10 KiB) and what a tick works on. Measured 2026-11-20 on x86-64 Linux, by the kernel's
/// map of the process and a counting allocator.
const THREAD_BYTES: u64 = 45_000;

/// The monitor's cost, bytes and failures, as metrics of the registry that it serves.
pub(crate) struct Own {
    pub(crate) failures: Failures,
    ticks: Histogram,
    lags: Histogram,
    cpu: CounterShare,
    memory: Family<Gauge>,
    /// That this monitor exists, and its thread's line in the ledger; both go with it.
    _there: [GaugeShare; 2],
}

impl Own {
    pub(crate) fn new(registry: &Registry, service: &str) -> Result<Own, Error> {
        let micros = |name, help| {
            let desc = Desc::new(name, help).unit(Unit::Microseconds);
            registry.histogram(desc, HistogramOptions::default())
        };
        let ticks = micros("perf_monitor_tick_seconds", "What a tick of the monitor took.")?;
        let lags = micros("perf_monitor_tick_lag_seconds", "How late the monitor's ticks began.")?;
        let cpu = Desc::new("perf_monitor_cpu_seconds_total", "CPU time of the monitor's thread.");
        let cpu = registry.counter(cpu.unit(Unit::Nanoseconds))?;
        let about = ("perf_monitor_build_info", "1 for each monitor that serves this registry.");
        let about = registry.gauge_family(about, &["version", "service"])?;
        let mut there = GaugeShare::of(about.with(&[env!("CARGO_PKG_VERSION"), service])?);
        there.set(1);
        let memory = Desc::new("perf_monitor_memory_bytes", "Memory that the monitor holds.");
        let memory = registry.gauge_family(memory.unit(Unit::Bytes), &["subsystem"])?;
        let mut thread = GaugeShare::of(memory.with(&["thread"])?);
        thread.set(THREAD_BYTES);
        Ok(Own {
            failures: Failures::new(registry)?,
            ticks,
            lags,
            cpu: CounterShare::of(cpu),
            memory,
            _there: [there, thread],
        })
    }

    /// The line of `subsystem` in the ledger: the bytes that it holds.
    pub(crate) fn ledger(&self, subsystem: &str) -> Result<GaugeShare, Error> {
        Ok(GaugeShare::of(self.memory.with(&[subsystem])?))
    }

    /// All lines of the ledger.
    #[cfg_attr(
        not(feature = "profiling"),
        expect(dead_code, reason = "the profiler's line comes later")
    )]
    pub(crate) fn ledgers(&self) -> Family<Gauge> {
        self.memory.clone()
    }

    /// A tick took `took` and began `lag` late.
    pub(crate) fn ticked(&self, took: Duration, lag: Duration) {
        self.ticks.record_duration(took);
        self.lags.record_duration(lag);
    }

    /// Brings what is read rather than recorded up to date; on the monitor's thread.
    pub(crate) fn collect(&mut self) {
        if let Some(time) = system::thread_time() {
            self.cpu.bring_to(time.as_nanos() as u64);
        }
    }
}

/// Counts what goes wrong after the start.
#[derive(Clone)]
pub(crate) struct Failures(Family<Counter>);

impl Failures {
    fn new(registry: &Registry) -> Result<Failures, Error> {
        let desc = ("perf_monitor_errors_total", "Failures of the monitor itself, by part.");
        let family = registry.counter_family(desc, &["part"])?;
        for part in PARTS {
            family.with(&[part])?;
        }
        Ok(Failures(family))
    }

    /// Something failed in `part`.
    pub(crate) fn count(&self, part: &str) {
        self.0.inc(&[part]);
    }
}
