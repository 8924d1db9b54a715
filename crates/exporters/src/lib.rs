//! A registry of `perf-monitor` metrics in the formats that other programs read.
//!
//! Prometheus text 0.0.4 and OpenMetrics 1.0.0, chosen by what the client accepts, compressed where it takes gzip, and
//! streamed: a scrape of a hundred thousand series holds one chunk of it in memory. Besides, JSON for pages and
//! scripts, comma-separated values for spreadsheets, and exchange with registries of the `prometheus` crate.
//!
//! What the instruments of a service recorded is also written for people and for the end of a run:
//! [`PerformanceReport`] as text or Markdown, [`RunMetrics`] as one JSON document. [`write_atomically`] puts any of it
//! into a file that is never seen half written.
//!
//! With the feature `profiling`, what a profiler measured is written for `go tool pprof` and Pyroscope, and served below
//! `/debug/pprof/` as Go serves it.
//!
//! With the feature `otlp`, `OtlpExporter` sends spans and metrics to a collector of OpenTelemetry.
//!
//! ```no_run
//! use perf_monitor_core::Registry;
//! use perf_monitor_exporters::PrometheusExporter;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let registry = Registry::new();
//!     let jobs = registry.counter(("jobs_total", "Jobs that were run."))?;
//!     let mut exporter = PrometheusExporter::new(&registry);
//!     exporter.start(([127, 0, 0, 1], 9464).into()).await?;
//!     loop {
//!         jobs.inc();
//!         tokio::task::yield_now().await;
//!     }
//! }
//! ```

mod error;

mod edges;
mod escape;
mod format;
mod label;
mod line;
mod number;
mod prepared;
mod text;

mod csv;
mod json;

mod gzip;
mod scrape;

mod exemplar;
mod exporter;
mod options;
mod prometheus_exporter;
mod stats;

mod file;
mod handlers;
mod moment;
mod report;
mod run;

#[cfg(feature = "prometheus")]
mod bridge;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(any(feature = "profiling", feature = "tracing"))]
mod parameter;
#[cfg(feature = "profiling")]
mod profiles;
#[cfg(feature = "tracing")]
mod spans_json;
#[cfg(any(feature = "otlp", feature = "profiling"))]
// each of the two has kinds of fields that the other has not
#[cfg_attr(not(all(feature = "otlp", feature = "profiling")), allow(dead_code))]
mod wire;

#[cfg(feature = "prometheus")]
pub use bridge::RegistryCollector;
pub use csv::to_csv;
pub use edges::Edges;
pub use error::Error;
pub use exporter::{MetricsExporter, csv_handler, metrics_handler, snapshot_handler};
pub use file::write_atomically;
pub use format::Format;
pub use handlers::{report_handler, run_handler};
pub use options::ExporterOptions;
#[cfg(feature = "otlp")]
pub use otlp::{OtlpExporter, OtlpHealth, OtlpOptions};
#[cfg(feature = "profiling")]
pub use profiles::{
    CpuProfile, CpuSource, HeapKind, HeapSource, call_tree_to_json, difference_to_pprof,
    profile_router, to_pprof,
};
pub use prometheus_exporter::PrometheusExporter;
pub use report::{PerformanceReport, ReportFormat, generate_performance_report};
pub use run::RunMetrics;
pub use scrape::Scrape;
#[cfg(feature = "tracing")]
pub use spans_json::spans_handler;
pub use stats::ExporterStats;
pub use text::TextEncoder;
