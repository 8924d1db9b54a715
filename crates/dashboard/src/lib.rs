//! The live page of a monitor: what a service does, drawn while it does it.
//!
//! The page and all that it loads are part of the program: nothing comes from elsewhere, neither
//! when it is built nor when it is shown.
//!
//! ```
//! use std::time::Duration;
//!
//! use perf_monitor_core::{MetricsCollector, Registry};
//! use perf_monitor_dashboard::{About, MetricsDashboard};
//! use perf_monitor_http::{Server, ServerOptions};
//!
//! let registry = Registry::new();
//! let metrics = MetricsCollector::new(&registry)?;
//! let about = About::new("checkout", Duration::from_secs(1));
//! let dashboard = MetricsDashboard::new(about, metrics.clone(), registry.clone());
//!
//! // on the listener's runtime: `server.serve(router, shutdown)`
//! let server = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default())?;
//! let router = dashboard.routes();
//!
//! // once a second
//! metrics.record_request(Duration::from_millis(12), true);
//! registry.tick();
//! dashboard.tick();
//! assert_eq!(dashboard.latest().expect("after a tick").requests, 1);
//! # let _ = (server, router);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assets;
mod beat;
mod catalog;
mod column;
mod config;
mod counts;
mod dashboard;
/// A client's reading of frames, that knows this code only by what it sends.
#[cfg(test)]
#[allow(dead_code)] // the tests over sockets use the rest
#[path = "../tests/dashboard/decoder.rs"]
mod decoder;
mod figures;
mod frame;
mod group;
mod marker;
mod message;
mod news;
mod past;
mod plan;
mod rates;
mod setting;
mod stream;
mod update;
mod updates;
#[cfg(debug_assertions)]
mod workshop;

pub use counts::DashboardStats;
pub use dashboard::{About, MetricsDashboard};
pub use marker::{Marker, MarkerKind};
pub use setting::Setting;
pub use update::DashboardUpdate;
