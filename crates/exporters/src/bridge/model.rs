//! Reading numbers of the `prometheus` crate's model, whichever of its two forms is compiled.
//!
//! With that crate's feature `protobuf`, which any other crate of a build may switch on, counters and gauges answer to
//! `value`; without it, to `get_value`. A method of the type wins over one of a trait, so each trait below is used only
//! where the type lacks the method.

use prometheus::proto::{Counter, Gauge};

trait GetValue {
    /// Never called: it stands in for the method that the other form has.
    #[allow(dead_code)]
    fn get_value(&self) -> f64 {
        f64::NAN
    }
}

pub(crate) trait ValueOf {
    #[allow(dead_code)]
    fn value(&self) -> f64;
}

impl GetValue for Counter {}
impl GetValue for Gauge {}

impl ValueOf for Counter {
    fn value(&self) -> f64 {
        self.get_value()
    }
}

impl ValueOf for Gauge {
    fn value(&self) -> f64 {
        self.get_value()
    }
}
