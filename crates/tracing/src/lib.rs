//! Distributed tracing in tens of nanoseconds, within a bound of bytes.
//!
//! Every span feeds a latency histogram of its name. Which spans are kept beyond that is decided for a
//! whole trace: as its root begins, by its id at a limited rate, then again as its local root ends, by
//! whether anything failed or was slow.
//!
//! ```
//! use perf_monitor_core::Registry;
//! use perf_monitor_tracing::{DistributedTracer, SpanKind, TracerOptions};
//!
//! let registry = Registry::new();
//! let tracer = DistributedTracer::new(&registry, TracerOptions::default())?;
//! {
//!     let mut request = tracer.root("request");
//!     request.attribute("route", "/search");
//!     let mut query = tracer.span("query"); // below the request, as the thread is in it
//!     query.set_kind(SpanKind::Client);
//!     query.fail("connection refused");
//! }
//! let trace = &tracer.failed(1)[0];
//! let names: Vec<&str> = trace.spans.iter().map(|span| &*span.name).collect();
//! assert_eq!(names, ["request", "query"]);
//! assert_eq!(trace.spans[1].parent, Some(trace.spans[0].span_id));
//! # Ok::<(), perf_monitor_tracing::Error>(())
//! ```
//!
//! # Three ways to span
//! A [`SpanGuard`] lasts as long as a scope, on one thread. A [`Span`] may be sent, and futures run
//! [in it](FutureExt::in_span). With [`start_span`](DistributedTracer::start_span) a span is but an id.
//!
//! # Memory
//! [`TracerOptions::memory_bytes`] bounds open spans, finished ones, what they carry, and names. When
//! it runs out, traces that were exported go first, then the oldest; traces that failed and the
//! slowest spans of each name are the last to go. What could not be kept is counted
//! ([`TracerStats`], `perf_monitor_spans_dropped_total`).

#![cfg_attr(loom, allow(dead_code))]

mod cells;
mod free;
mod group;
mod slot;
mod stack;
mod sync;

#[cfg(not(loom))]
mod append;
#[cfg(not(loom))]
mod batch;
#[cfg(not(loom))]
mod by_id;
#[cfg(not(loom))]
mod context;
#[cfg(not(loom))]
mod drained;
#[cfg(not(loom))]
mod end;
#[cfg(not(loom))]
mod engine;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod exemplars;
#[cfg(not(loom))]
mod finished;
#[cfg(not(loom))]
mod fork;
#[cfg(not(loom))]
mod future;
#[cfg(not(loom))]
mod global;
#[cfg(not(loom))]
mod guard;
#[cfg(not(loom))]
mod held;
#[cfg(not(loom))]
mod id;
#[cfg(not(loom))]
mod intern;
#[cfg(not(loom))]
mod kept;
#[cfg(not(loom))]
mod key;
#[cfg(not(loom))]
mod left;
#[cfg(not(loom))]
mod local;
#[cfg(not(loom))]
mod metrics;
#[cfg(not(loom))]
mod name;
#[cfg(not(loom))]
mod options;
#[cfg(not(loom))]
mod order;
#[cfg(not(loom))]
mod payload;
#[cfg(not(loom))]
mod pool;
#[cfg(all(feature = "http", not(loom)))]
pub mod propagation;
#[cfg(not(loom))]
mod random;
#[cfg(not(loom))]
mod read;
#[cfg(not(loom))]
mod record;
#[cfg(not(loom))]
mod sampling;
#[cfg(not(loom))]
mod slowest;
#[cfg(not(loom))]
mod span;
#[cfg(not(loom))]
mod start;
#[cfg(not(loom))]
mod stats;
#[cfg(all(feature = "subscriber", not(loom)))]
mod subscriber;
#[cfg(not(loom))]
pub mod traced;
#[cfg(not(loom))]
mod tracer;
#[cfg(not(loom))]
mod untraced;
#[cfg(not(loom))]
mod value;

/// The lock-free parts as the model checker drives them.
#[cfg(loom)]
#[doc(hidden)]
pub mod model;

#[cfg(not(loom))]
pub use batch::Batch;
#[cfg(not(loom))]
pub use context::{SpanContext, TRACE_STATE_BYTES, TraceFlags, TraceState};
#[cfg(not(loom))]
pub use drained::Drained;
#[cfg(not(loom))]
pub use error::Error;
#[cfg(not(loom))]
pub use future::{FutureExt, InSpan};
#[cfg(not(loom))]
pub use guard::SpanGuard;
#[cfg(not(loom))]
pub use id::{InvalidId, SpanId, TraceId};
#[cfg(not(loom))]
pub use options::TracerOptions;
#[cfg(not(loom))]
pub use read::{Attribute, Event, FinishedSpan, FinishedTrace, Link, OpenSpan};
#[cfg(not(loom))]
pub use span::{Entered, Span};
#[cfg(not(loom))]
pub use stats::TracerStats;
#[cfg(all(feature = "subscriber", not(loom)))]
pub use subscriber::TracingLayer;
#[cfg(not(loom))]
pub use tracer::{DistributedTracer, StartSpan};
#[cfg(not(loom))]
pub use untraced::Untraced;
#[cfg(not(loom))]
pub use value::{AttributeValue, OwnedValue, SpanKind, StatusCode};
