//! Stages, queries, caches, events and resources of a service, as metrics.
//!
//! Each instrument is a small set of metrics with names that dashboards can rely on, and answers
//! as plain structs. What is recorded here is in the registry, so every exporter gives it out and the
//! report tells of it; the live page and alerts are planned to.
//!
//! ```
//! use perf_monitor_core::Registry;
//! use perf_monitor_instruments::{Caches, Queries, Stages};
//! use std::time::Duration;
//!
//! let registry = Registry::global();
//! let stages = Stages::new(registry)?;
//! let caches = Caches::new(registry)?;
//! let queries = Queries::new(registry)?;
//!
//! let (fetch, senders) = (stages.stage("fetch"), caches.cache("senders"));
//! for message in 0..3 {
//!     let _run = fetch.start(); // recorded when it is dropped
//!     if message == 0 { senders.miss() } else { senders.hit() }
//! }
//! let ms = Duration::from_millis;
//! queries.record_detailed_query_execution("daily report", ms(1), ms(2), ms(40));
//!
//! assert_eq!(fetch.metrics().count, 3);
//! assert_eq!(senders.metrics().hits, 2);
//! assert!(registry.snapshot().family("query_duration_seconds").is_some());
//! # Ok::<(), perf_monitor_core::Error>(())
//! ```
//!
//! # One of each
//! An instrument belongs to its registry: `X::new(&registry)` gives everybody the same one, so that
//! a library and the service around it record into the same series without knowing each other.
//!
//! # By name or by handle
//! `stages.record_stage("fetch", …)` finds the name in a small cache of the calling thread, in tens
//! of nanoseconds. A handle (`stages.stage("fetch")`) spares even that: keep it where the name is
//! fixed. At most 64 threads have such a cache at once, of 4 KiB each; any more record by name under a
//! short lock until one of those ends.
//!
//! # Memory
//! Names draw on the registry's budget
//! ([`RegistryBuilder::budget_bytes`](perf_monitor_core::RegistryBuilder::budget_bytes)). A name
//! that finds no room is recorded in the overflow series, together with all such, and counted
//! ([`RegistryStats::refused_series`](perf_monitor_core::RegistryStats::refused_series)): totals stay
//! right. The default of 360 KiB holds some ninety stages and caches, or ninety query shapes;
//! 4.4 MB hold a hundred of each and a thousand shapes.

mod stages;

mod queries;
mod query_cells;
mod query_profile;
mod query_run;
mod query_shape;

mod caches;
mod io;
pub mod timed;
mod timeline;

mod breakers;
mod connections;
mod errors;
mod events;
mod health;
mod resources;
mod retries;
mod states;

mod options;
mod service;
mod view;

mod once;
mod ring;
mod spread;
mod table;
mod texts;

pub use breakers::{BreakerState, BreakerStatus, CircuitBreakers};
pub use caches::{Cache, CacheMetrics, Caches};
pub use connections::{ConnectionState, ConnectionStates, ConnectionStatus};
pub use errors::{ErrorCount, Errors, Severity};
pub use events::{Event, EventGuard, EventMetrics, Events};
pub use health::{ComponentHealth, Health, HealthState};
pub use io::{Io, IoMetrics};
pub use options::{MonitoringError, MonitoringOptions};
pub use queries::{Queries, Query};
pub use query_cells::QueryOptions;
pub use query_profile::{QueryProfile, QueryRunRecord};
pub use query_run::{Phase, QueryRun};
pub use query_shape::query_shape;
pub use resources::{ResourceMetrics, ResourceReading, ResourceSample, ResourceSampler, Resources};
pub use retries::{Retries, RetryCount};
pub use service::ServiceMetrics;
pub use stages::{Stage, StageGuard, StageMetrics, Stages};
pub use timeline::{OperationCount, Timeline};
pub use view::{ComprehensiveMetrics, ServiceSample};
