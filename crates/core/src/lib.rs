//! Metrics that cost nanoseconds to record, in a registry that anybody can read.
//!
//! A record is a plain add to a cell that only its thread writes; a reader adds the threads up.
//! Nothing is sampled, buffered, flushed or reset, so every total is exact at any moment, and a
//! reader never stops a writer.
//!
//! ```
//! use perf_monitor_core::{Desc, HistogramOptions, Registry, Unit, Value};
//!
//! let registry = Registry::global();
//! let orders = registry.counter(("orders_total", "Orders that were taken."))?;
//! let desc = Desc::new("basket_value_bytes", "Size of baskets.").unit(Unit::Bytes);
//! let sizes = registry.histogram(desc, HistogramOptions::default())?;
//!
//! orders.inc();
//! sizes.record(4_096);
//!
//! let snapshot = registry.snapshot();
//! assert!(matches!(snapshot.value("orders_total", &[]), Some(Value::Counter(1))));
//! # Ok::<(), perf_monitor_core::Error>(())
//! ```
//!
//! # In libraries
//! Depend on this crate alone, register in [`Registry::global`], and keep the handles: they are
//! cheap to record through from any thread.
//!
//! # In applications
//! Start a monitor (the `perf-monitor` crate): it ticks, serves and exports the same registry.
//!
//! # Memory
//! Everything that grows has a bound: threads' cells ([`set_thread_budget`]), a registry's series
//! ([`RegistryBuilder::budget_bytes`], [`RegistryBuilder::series_per_family`]). What does not fit
//! is recorded all the same, in shared cells or overflow series, and counted
//! ([`RegistryStats`], [`ThreadStats`]).

#![cfg_attr(loom, allow(dead_code, unused_imports))]

mod error;
mod labels;
mod layout;
mod snapshot;
mod unit;

mod arena;
mod budget;
mod counter;
mod distribution;
#[cfg(not(loom))]
mod exemplar;
mod gauge;
mod histogram;
mod octave;
mod slab;
mod sync;

#[cfg(not(loom))]
mod atomic;
#[cfg(not(loom))]
mod average;
#[cfg(not(loom))]
mod cache;
#[cfg(not(loom))]
mod clock;
#[cfg(not(loom))]
mod collector;
#[cfg(not(loom))]
mod context;
#[cfg(not(loom))]
mod cursor;
#[cfg(not(loom))]
mod desc;
#[cfg(not(loom))]
mod family;
#[cfg(not(loom))]
mod fork;
#[cfg(not(loom))]
mod key;
#[cfg(not(loom))]
mod latency;
#[cfg(not(loom))]
mod local;
#[cfg(not(loom))]
mod metric;
#[cfg(not(loom))]
mod names;
#[cfg(not(loom))]
mod packed;
#[cfg(not(loom))]
mod registry;
#[cfg(not(loom))]
mod selection;
#[cfg(not(loom))]
mod series;
#[cfg(not(loom))]
mod slot;
#[cfg(not(loom))]
mod stats;
#[cfg(not(loom))]
mod turn;
#[cfg(not(loom))]
mod wall;
#[cfg(not(loom))]
mod window;

/// The engine's parts as the model checker drives them.
#[cfg(loom)]
#[doc(hidden)]
pub mod model;

#[cfg(not(loom))]
pub use atomic::AtomicMetrics;
pub use budget::{Budget, Reservation};
#[cfg(not(loom))]
pub use clock::{Clock, FakeClock, Instant, clock_went_backwards};
#[cfg(not(loom))]
pub use collector::{LocalMetrics, MetricsCollector};
#[cfg(not(loom))]
pub use context::{Context, ContextCell};
pub use counter::{Counter, FloatCounter, ObservedCounter};
#[cfg(not(loom))]
pub use cursor::Cursor;
#[cfg(not(loom))]
pub use desc::Desc;
pub use error::Error;
#[cfg(not(loom))]
pub use exemplar::Exemplar;
#[cfg(not(loom))]
pub use family::Family;
pub use gauge::Gauge;
#[cfg(not(loom))]
pub use histogram::Timer;
pub use histogram::{Histogram, HistogramOptions};
pub use labels::{LabelValues, Values};
#[cfg(not(loom))]
pub use latency::{LatencyPercentiles, LatencyTracker};
pub use layout::Layout;
#[cfg(not(loom))]
pub use metric::Instrument;
#[cfg(not(loom))]
pub use registry::{Registry, RegistryBuilder, Window};
#[cfg(not(loom))]
pub use selection::{Reader, Selection};
pub use snapshot::{
    FamilyInfo, FamilySnapshot, HistogramValue, Kind, OwnedValue, SeriesInfo, SeriesSnapshot,
    Snapshot, Value, Visitor,
};
#[cfg(not(loom))]
pub use stats::{RegistryStats, ThreadStats, set_thread_budget, thread_stats};
#[cfg(not(loom))]
pub use sync::{Guard, Lock};
#[cfg(not(loom))]
pub use turn::{Turn, Turns};
pub use unit::Unit;
