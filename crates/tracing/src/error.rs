//! Why a tracer could not be made.

use std::fmt;

/// Why a tracer could not be made: an option out of its range, or metrics whose names are taken.
///
/// Recording never returns an error; what goes wrong there is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Option { name: &'static str, range: &'static str, given: String },
    Metric(perf_monitor_core::Error),
}

impl Error {
    pub(crate) fn option(name: &'static str, range: &'static str, given: impl ToString) -> Error {
        Error(Kind::Option { name, range, given: given.to_string() })
    }

    /// An option is out of the range that the text names: choose another value.
    pub fn is_option(&self) -> bool {
        matches!(self.0, Kind::Option { .. })
    }

    /// The registry has metrics of these names that are something else: use another registry.
    pub fn is_metric(&self) -> bool {
        matches!(self.0, Kind::Metric(_))
    }
}

impl From<perf_monitor_core::Error> for Error {
    fn from(error: perf_monitor_core::Error) -> Error {
        Error(Kind::Metric(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Option { name, range, given } => {
                write!(f, "tracer option {name:?} is {given}: choose {range}")
            }
            Kind::Metric(_) => f.write_str("the tracer's metrics could not be registered"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Option { .. } => None,
            Kind::Metric(error) => Some(error),
        }
    }
}
