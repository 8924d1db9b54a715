//! Reading of headers that counts the invalid ones.

use http::HeaderMap;
use perf_monitor_core::{Counter, Error, Family, Registry};

use super::{Baggage, extract};
use crate::SpanContext;

/// Reads trace context from headers, and counts in a registry what it cannot use:
/// `perf_monitor_propagation_invalid_total{header="traceparent|tracestate|baggage"}`.
///
/// Cheap to clone; those of one registry count together.
#[derive(Clone, Debug)]
pub struct Propagator {
    invalid: Family<Counter>,
}

impl Propagator {
    /// One that counts in `registry`. A series begins with its first invalid header.
    ///
    /// # Errors
    /// The metric's name is registered as something else.
    pub fn new(registry: &Registry) -> Result<Propagator, Error> {
        let name = "perf_monitor_propagation_invalid_total";
        let help = "Headers of trace context that were not valid, or not to be passed on whole.";
        Ok(Propagator { invalid: registry.counter_family((name, help), &["header"])? })
    }

    /// The span that a request came from; `None` begins a new trace.
    ///
    /// # Cost
    /// As [`extract`]; an invalid header costs a count by label.
    pub fn extract(&self, headers: &HeaderMap) -> Option<SpanContext> {
        let extracted = extract(headers);
        self.count(extracted.invalid_parent, "traceparent");
        self.count(extracted.invalid_state, "tracestate");
        extracted.context
    }

    /// The baggage of a request.
    pub fn baggage(&self, headers: &HeaderMap) -> Baggage {
        let (baggage, left_out) = Baggage::read(headers);
        self.count(left_out, "baggage");
        baggage
    }

    fn count(&self, is_invalid: bool, header: &str) {
        if is_invalid {
            self.invalid.inc(&[header]);
        }
    }
}
