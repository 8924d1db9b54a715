//! A tracer that this build is without.

use crate::builder::Context;
use crate::error::Error;

#[derive(Debug, Default)]
pub(crate) struct Plan {}

pub(crate) struct Tracer {}

impl Plan {
    pub(crate) fn bytes(&self) -> Result<usize, Error> {
        Ok(0)
    }

    pub(crate) fn join(self, _: &mut Context) -> Result<Tracer, Error> {
        Ok(Tracer {})
    }
}

#[cfg(feature = "profiling")]
pub(crate) fn span_names(_: &Tracer) -> perf_monitor_profiling::SpanNames {
    perf_monitor_profiling::SpanNames::default()
}
