//! Trace context in HTTP headers, as W3C Trace Context and W3C Baggage write it.
//!
//! ```
//! use http::HeaderMap;
//! use perf_monitor_core::Registry;
//! use perf_monitor_tracing::propagation::{self, Propagator};
//! use perf_monitor_tracing::{DistributedTracer, SpanKind, TracerOptions};
//!
//! let registry = Registry::new();
//! let tracer = DistributedTracer::new(&registry, TracerOptions::default())?;
//! let propagator = Propagator::new(&registry)?; // counts headers that are not valid
//!
//! let mut received = HeaderMap::new();
//! let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
//! received.insert("traceparent", parent.parse()?);
//!
//! let mut span = tracer.start("GET /cart").kind(SpanKind::Server);
//! if let Some(parent) = propagator.extract(&received) {
//!     span = span.parent(parent);
//! }
//! let span = span.begin();
//!
//! let mut sent = HeaderMap::new();
//! propagation::inject(&span.context(), &mut sent);
//! assert!(sent["traceparent"].to_str()?.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | header | bound | beyond it |
//! |---|---|---|
//! | `traceparent` | one | two, or one that is not valid, begin a new trace |
//! | `tracestate` | 32 entries, 512 bytes | more entries, or one that is not valid, discard it; of more bytes, whole entries are left out |
//! | `baggage` | 64 members, 8192 bytes | members that do not fit, or are not valid, are left out |
//!
//! A header may come in several lines. Nothing of ours is added to `tracestate`.

mod baggage;
mod parent;
mod percent;
mod propagator;
mod state;

pub use baggage::{BAGGAGE_BYTES, BAGGAGE_MEMBERS, Baggage, InvalidBaggage};
pub use propagator::Propagator;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{DistributedTracer, SpanContext};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
static BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// What the headers of a request tell about its trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extracted {
    /// The span that the request came from; `None` begins a new trace.
    pub context: Option<SpanContext>,
    /// There is a `traceparent` that is not valid.
    pub invalid_parent: bool,
    /// There is a `tracestate` that is not valid, or too long to be passed on whole.
    pub invalid_state: bool,
}

/// Reads `traceparent` with `tracestate`.
///
/// Any input will do: what is not valid is not used. A `tracestate` without a valid `traceparent` is
/// not looked at.
///
/// # Cost
/// 45 ns for a `traceparent`, 10 ns without one. Allocates for a `tracestate` only.
pub fn extract(headers: &HeaderMap) -> Extracted {
    let mut parents = headers.get_all(&TRACEPARENT).iter();
    let Some(parent) = parents.next() else {
        return Extracted::default();
    };
    let context = match parents.next() {
        Some(_) => None,
        None => parent::parse(trim(parent.as_bytes())),
    };
    let Some(context) = context else {
        return Extracted { invalid_parent: true, ..Extracted::default() };
    };
    let (state, invalid_state) = state::read(headers);
    Extracted { context: Some(context.state(state)), invalid_parent: false, invalid_state }
}

/// Writes `traceparent` with `tracestate`, in place of what was there.
///
/// # Cost
/// One small allocation for each header.
pub fn inject(context: &SpanContext, headers: &mut HeaderMap) {
    set(headers, &TRACEPARENT, &parent::format(context));
    set(headers, &TRACESTATE, context.state.as_str().as_bytes());
}

impl DistributedTracer {
    /// Writes the headers of a request that the calling thread makes, from the span that it is in; outside
    /// of spans they stay as they are. Whether it is in one.
    ///
    /// # Cost
    /// As [`inject`](crate::propagation::inject).
    pub fn inject(&self, headers: &mut HeaderMap) -> bool {
        let current = self.current();
        current.iter().for_each(|context| inject(context, headers));
        current.is_some()
    }
}

/// Makes `text` the only value of a header; an empty one removes it.
fn set(headers: &mut HeaderMap, name: &HeaderName, text: &[u8]) {
    match HeaderValue::from_bytes(text) {
        // A map that is full of other headers stays as it is.
        Ok(value) if !value.is_empty() => drop(headers.try_insert(name, value)),
        _ => drop(headers.remove(name)),
    }
}

/// Without the white space around it that HTTP allows.
fn trim(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(first) = text.iter().position(|byte| !is_space(byte)) else {
        return &[];
    };
    let last = text.iter().rposition(|byte| !is_space(byte)).unwrap_or(first);
    &text[first..=last]
}
