//! Why host metrics could not be registered.

use std::fmt;

/// A metric of this crate could not be registered.
///
/// Its name is in use by another kind of metric in the same registry: rename that one, use another
/// registry, or switch the category off in [`HostOptions`](crate::HostOptions).
#[derive(Clone, Debug)]
pub struct Error {
    metric: &'static str,
    cause: perf_monitor_core::Error,
}

impl Error {
    pub(crate) fn new(metric: &'static str, cause: perf_monitor_core::Error) -> Self {
        Error { metric, cause }
    }

    /// The name of the metric.
    pub fn metric(&self) -> &str {
        self.metric
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "host metric {} cannot be registered: rename the other metric of that name or switch this category off",
            self.metric
        )
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
