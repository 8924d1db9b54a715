//! What a Rust service needs to see its own performance, in the process itself.
//!
//! # In applications
//!
//! One line starts everything. The page is on <http://127.0.0.1:9464>, or on another free port if
//! that one is taken; Prometheus scrapes `/metrics` there.
//!
//! ```
//! use std::time::Instant;
//!
//! use perf_monitor::PerformanceMonitor;
//!
//! fn main() -> Result<(), perf_monitor::Error> {
//!     let monitor = PerformanceMonitor::start("checkout")?;
//!     println!("see {}", monitor.url().unwrap_or_default());
//!     for request in 0..1_000 {
//!         let begun = Instant::now();
//!         let served = request % 100 != 0; // ... serve it ...
//!         monitor.metrics().record_request(begun.elapsed(), served);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`PerformanceMonitor::builder`] chooses the parts one by one, and features (below) what is built
//! at all. Metrics of one's own come from the [`Registry`] and are served with the others:
//!
//! ```
//! # #[cfg(feature = "http")] {
//! use std::time::Duration;
//!
//! use perf_monitor::{Desc, PerformanceMonitor, Registry, Unit};
//!
//! let monitor = PerformanceMonitor::builder("checkout")
//!     .version("1.4.2")
//!     .registry(Registry::new())
//!     .listen(([127, 0, 0, 1], 0))
//!     .tick(Duration::from_millis(500))
//!     .start()?;
//! let sent = Desc::new("sent_bytes_total", "Bytes of answers, by route.").unit(Unit::Bytes);
//! let sent = monitor.registry().counter_family(sent, &["route"])?;
//! sent.add(&["/cart"], 1_024);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What services have in common has instruments: stages, queries, caches, events, errors and more,
//! each also a metric. `/api/report` tells of them in plain words, [`timed`](macro@timed) records
//! functions, and [`bridges`] take in what code records already by the `metrics` crate or tower.
//!
//! ```
//! # #[cfg(all(feature = "exporters", feature = "instruments"))] {
//! use perf_monitor::PerformanceMonitor;
//!
//! #[perf_monitor::timed]
//! fn parse(line: &str) -> Result<u64, std::num::ParseIntError> {
//!     line.trim().parse()
//! }
//!
//! let monitor = PerformanceMonitor::start("importer")?;
//! let read = monitor.instruments().stages().stage("read");
//! let known = monitor.instruments().caches().cache("customers");
//! for line in ["17", "4", "x"] {
//!     let mut guard = read.start(); // records when it goes out of scope
//!     match parse(line) {
//!         Ok(_customer) => known.hit(),
//!         Err(_) => guard.fail(),
//!     }
//! }
//! assert_eq!(read.metrics().errors, 1);
//! println!("{}", monitor.report().to_text());
//! # }
//! # Ok::<(), perf_monitor::Error>(())
//! ```
//!
//! Traces tell what ran below what, within how long, and what failed: [`tracing`], the attribute
//! [`trace`](macro@trace), and `/api/spans`, where the last, the slowest and the failed ones are, with
//! what runs now. They stay within 200,000 bytes.
//!
//! ```
//! # #[cfg(all(feature = "trace", feature = "tracing"))] {
//! use perf_monitor::PerformanceMonitor;
//!
//! #[perf_monitor::trace(fields(id), err)]
//! fn load(id: u64) -> Result<String, String> {
//!     if id > 1_000 { Err(format!("no customer {id}")) } else { Ok("somebody".into()) }
//! }
//!
//! let monitor = PerformanceMonitor::start("crm")?;
//! let tracer = monitor.tracer();
//! {
//!     let mut request = tracer.root("GET /customers");
//!     request.attribute("page", 4_i64);
//!     let _ = load(4_004); // a span below the request
//! }
//! assert_eq!(tracer.failed(1)[0].spans.len(), 2);
//! # }
//! # Ok::<(), perf_monitor::Error>(())
//! ```
//!
//! Rules become alerts, and alerts reach somebody: [`alerting`], over the [`history`] of the last hour.
//!
//! ```
//! # #[cfg(feature = "alerting")] {
//! use perf_monitor::PerformanceMonitor;
//! use perf_monitor::alerting::{AlertRule, AlertSeverity, Log};
//!
//! let slow = AlertRule::new("slow", AlertSeverity::Critical, |m| m.latency.p99 > 250_000);
//! let monitor = PerformanceMonitor::builder("shop").alert(slow).notify(Log::stderr()).start()?;
//! assert!(monitor.alerter().active_alerts().is_empty());
//! # }
//! # Ok::<(), perf_monitor::Error>(())
//! ```
//!
//! # In libraries
//!
//! A library depends on `perf-monitor-core` alone, which has no async, no HTTP and no thread. It
//! registers in [`Registry::global`], or better in the registry that it is given; the application
//! decides whether anybody looks.
//!
//! # What it costs, and where it ends
//!
//! Recording takes nanoseconds, allocates nothing after the first touch and never fails. One thread
//! named `perf-monitor` ticks and serves, on a runtime of its own. What the monitor takes itself is
//! among the metrics: `perf_monitor_cpu_seconds_total`, `perf_monitor_memory_bytes`,
//! `perf_monitor_tick_seconds`, `perf_monitor_tick_lag_seconds`. After the start its failures never
//! reach the program; they are counted in `perf_monitor_errors_total`. (A panic in a program built
//! with `panic = "abort"` ends it, wherever it happens.)
//!
//! # The way through this crate
//!
//! Modules bear the names of the parts; the types that a program uses most are at the root.

// what only one part reads has no reader without it
#![cfg_attr(
    not(all(
        feature = "alerting",
        feature = "dashboard",
        feature = "exporters",
        feature = "host",
        feature = "instruments",
        feature = "profiling",
        feature = "tracing"
    )),
    allow(dead_code)
)]

mod background;
mod builder;
mod engine;
mod error;
mod health;
#[cfg(feature = "http")]
mod healthz;
mod lease;
mod own;
mod pace;
mod share;
mod system;
mod ticker;

#[cfg_attr(not(feature = "alerting"), path = "absent/alerts.rs")]
mod alerts;
#[cfg_attr(not(feature = "exporters"), path = "absent/exporter.rs")]
mod exporter;
#[cfg_attr(not(feature = "http"), path = "absent/listener.rs")]
mod listener;
#[cfg_attr(not(feature = "host"), path = "absent/machine.rs")]
mod machine;
#[cfg_attr(not(feature = "otlp"), path = "absent/otlp.rs")]
mod otlp;
#[cfg_attr(not(all(feature = "exporters", feature = "instruments")), path = "absent/outputs.rs")]
mod outputs;
#[cfg_attr(not(feature = "dashboard"), path = "absent/page.rs")]
mod page;
#[cfg_attr(not(feature = "alerting"), path = "absent/past.rs")]
mod past;
#[cfg_attr(not(all(feature = "exporters", feature = "profiling")), path = "absent/pprof.rs")]
mod pprof;
#[cfg_attr(not(feature = "profiling"), path = "absent/profiler.rs")]
mod profiler;
#[cfg_attr(not(feature = "tokio"), path = "absent/runtime.rs")]
mod runtime;
#[cfg_attr(not(all(feature = "host", feature = "instruments")), path = "absent/sampling.rs")]
mod sampling;
#[cfg_attr(not(feature = "instruments"), path = "absent/service.rs")]
mod service;
#[cfg_attr(not(all(feature = "exporters", feature = "tracing")), path = "absent/spans.rs")]
mod spans;
#[cfg(feature = "alerting")]
#[cfg_attr(not(feature = "dashboard"), path = "absent/thresholds.rs")]
mod thresholds;
#[cfg_attr(not(feature = "tracing"), path = "absent/tracer.rs")]
mod tracer;

#[cfg(all(feature = "host", feature = "instruments"))]
mod reading;
#[cfg(all(feature = "host", feature = "instruments"))]
mod resources;

pub mod monitor;

/// Totals of requests and their moving averages, alone.
pub mod atomic {
    pub use perf_monitor_core::AtomicMetrics;
}

/// Latency percentiles over the last minute, alone.
pub mod latency {
    pub use perf_monitor_core::{LatencyPercentiles, LatencyTracker};
}

/// Where CPU time and memory go.
#[cfg(feature = "profiling")]
pub mod profiling {
    pub use crate::profiler::Profiler;
    #[doc(no_inline)]
    pub use perf_monitor_profiling::heap::HeapProfile;
    #[doc(inline)]
    pub use perf_monitor_profiling::*;
}

/// Rules that become alerts, and alerts that reach somebody, once.
#[cfg(feature = "alerting")]
pub mod alerting {
    #[doc(inline)]
    pub use perf_monitor_alerting::*;
}

/// What series were in the last minutes, and PromQL over it.
#[cfg(feature = "alerting")]
pub mod history {
    #[doc(inline)]
    pub use perf_monitor_history::*;
}

/// Metrics on their way out.
#[cfg(feature = "exporters")]
pub mod export {
    #[cfg(feature = "prometheus")]
    pub use perf_monitor_exporters::RegistryCollector;
    #[cfg(feature = "tracing")]
    pub use perf_monitor_exporters::spans_handler;
    #[cfg(feature = "profiling")]
    pub use perf_monitor_exporters::{
        CpuProfile, CpuSource, HeapKind, HeapSource, call_tree_to_json, difference_to_pprof,
        profile_router, to_pprof,
    };
    pub use perf_monitor_exporters::{
        Edges, Error, ExporterOptions, ExporterStats, Format, MetricsExporter, PerformanceReport,
        PrometheusExporter, ReportFormat, RunMetrics, Scrape, TextEncoder, csv_handler,
        generate_performance_report, metrics_handler, report_handler, run_handler,
        snapshot_handler, to_csv, write_atomically,
    };
    #[cfg(feature = "otlp")]
    pub use perf_monitor_exporters::{OtlpExporter, OtlpHealth, OtlpOptions};
}

/// The live page.
#[cfg(feature = "dashboard")]
pub mod dashboard {
    pub use perf_monitor_dashboard::{About, DashboardUpdate, MetricsDashboard};
}

/// Stages, queries, caches, events and resources of a service.
#[cfg(feature = "instruments")]
pub mod instruments {
    #[cfg(feature = "host")]
    pub use crate::resources::{ResourceMonitor, Start};
    #[doc(inline)]
    pub use perf_monitor_instruments::*;
}

/// What feeds the registry from code that is instrumented already: the `metrics` crate, tower, tokio.
#[cfg(any(feature = "metrics", feature = "tokio", feature = "tower"))]
pub mod bridges {
    #[doc(inline)]
    pub use perf_monitor_bridges::*;
}

/// Spans: what ran below what, for how long, and how it came out.
#[cfg(feature = "tracing")]
pub mod tracing {
    #[doc(inline)]
    pub use perf_monitor_tracing::*;

    /// A span that has not ended, by its other name.
    pub type ActiveSpan = OpenSpan;
}

/// What the attribute [`timed`](macro@timed) records into.
#[cfg(feature = "instruments")]
#[doc(inline)]
pub use perf_monitor_instruments::timed;

#[cfg(feature = "host")]
#[doc(inline)]
pub use perf_monitor_host as host;
#[cfg(feature = "http")]
#[doc(inline)]
pub use perf_monitor_http as http;

pub use perf_monitor_core::Error as RegistryError;
pub use perf_monitor_core::{
    Clock, Counter, Cursor, Desc, Exemplar, FakeClock, Family, FamilyInfo, FamilySnapshot,
    FloatCounter, Gauge, Histogram, HistogramOptions, HistogramValue, Instant, Instrument, Kind,
    Layout, ObservedCounter, OwnedValue, Registry, RegistryBuilder, RegistryStats, SeriesInfo,
    SeriesSnapshot, Snapshot, ThreadStats, Timer, Unit, Value, Visitor, Window, set_thread_budget,
    thread_stats,
};

#[cfg(feature = "instruments")]
pub use perf_monitor_instruments::{MonitoringOptions, ServiceMetrics};
pub use perf_monitor_macros::{timed, trace};
#[cfg(feature = "tracing")]
pub use perf_monitor_tracing::{DistributedTracer, TracerOptions};

pub use error::Error;
pub use monitor::{MetricsCollector, PerformanceMonitor, PerformanceMonitorBuilder};

/// The project's README, so that its programs are tested too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The guide to the instruments, so that its examples run, where all that they use is built.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "exporters",
    feature = "host",
    feature = "http",
    feature = "metrics",
    feature = "timed",
    feature = "tokio",
))]
#[doc = include_str!("../../../docs/instruments.md")]
struct Guide;

/// The guide to tracing, likewise.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "dashboard",
    feature = "exporters",
    feature = "host",
    feature = "otlp",
    feature = "subscriber",
    feature = "trace",
))]
#[doc = include_str!("../../../docs/tracing.md")]
struct TracingGuide;

/// The guide to profiles, likewise.
#[cfg(all(doctest, feature = "exporters", feature = "profiling", feature = "tracing"))]
#[doc = include_str!("../../../docs/profiling.md")]
struct ProfilingGuide;

/// The guide to alerts, likewise.
#[cfg(all(doctest, feature = "alerting"))]
#[doc = include_str!("../../../docs/alerting.md")]
struct AlertingGuide;
