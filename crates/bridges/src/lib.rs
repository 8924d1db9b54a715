//! Feeds a registry from code that is instrumented already.
//!
//! Each bridge is a feature, off by default. What comes through one is a metric like any other, so
//! every exporter gives it out; the live page and alerts are planned to show it.
//!
//! | feature | module | takes |
//! |---|---|---|
//! | `metrics` | `metrics` | the macros of the `metrics` crate: `counter!`, `gauge!`, `histogram!` |
//! | `tower`, `axum` | `tower` | the requests of a tower service: axum, tonic, hyper |
//! | `tracing` | `tower` | the same as spans, and the calls of a client |
//! | `tokio` | `tokio` | the counters of a tokio runtime |
//!
//! ```
//! # #[cfg(feature = "metrics")] {
//! use perf_monitor_bridges::metrics::MetricsBridge;
//! use perf_monitor_core::{Registry, Value};
//!
//! let registry = Registry::global();
//! MetricsBridge::new(registry)?.install()?;
//!
//! metrics::counter!("orders_total", "shop" => "north").increment(2); // anywhere in the program
//!
//! let snapshot = registry.snapshot();
//! let orders = snapshot.value("orders_total", &[("shop", "north")]);
//! assert!(matches!(orders, Some(Value::Counter(2))));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "tower")]
pub mod tower;
