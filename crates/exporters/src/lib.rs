//! A registry of `perf-monitor` metrics in the formats that other programs read.
//!
//! Prometheus text 0.0.4 and OpenMetrics 1.0.0, chosen by what the client accepts, compressed where it takes gzip, and
//! streamed: a scrape of a hundred thousand series holds one chunk of it in memory. Besides, JSON for pages and
//! scripts, and exchange with registries of the `prometheus` crate.
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

mod json;

mod gzip;
mod scrape;

mod exporter;
mod options;
mod prometheus_exporter;
mod stats;

#[cfg(feature = "prometheus")]
mod bridge;

#[cfg(feature = "prometheus")]
pub use bridge::RegistryCollector;
pub use edges::Edges;
pub use error::Error;
pub use exporter::{MetricsExporter, metrics_handler, snapshot_handler};
pub use format::Format;
pub use options::ExporterOptions;
pub use prometheus_exporter::PrometheusExporter;
pub use scrape::Scrape;
pub use stats::ExporterStats;
pub use text::TextEncoder;
