//! Why a monitor could not start, or a metric not be registered.

use std::error::Error as StdError;
use std::fmt;

use perf_monitor_core::Failure;

/// Why a monitor could not start, or a metric not be registered; once a monitor runs, its failures
/// are counted and never returned.
///
/// The text names the thing and the remedy; what lies beneath is in `source()`.
#[derive(Debug)]
pub struct Error(Failure<Kind>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AddressInUse,
    Options,
    Registry,
    System,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<Box<str>>) -> Error {
        Error(Failure::new(kind, message))
    }

    pub(crate) fn because(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error(self.0.because(source))
    }

    /// The address that was asked for is taken: ask for another, or for any with `listen_or_free`.
    pub fn is_address_in_use(&self) -> bool {
        self.0.is(Kind::AddressInUse)
    }

    /// An option is out of its range or does not fit the others: correct it as the text says.
    pub fn is_options(&self) -> bool {
        self.0.is(Kind::Options)
    }

    /// A metric could not be registered, one of the monitor's own included: its name is not valid,
    /// or taken by one of another kind.
    pub fn is_registry(&self) -> bool {
        self.0.is(Kind::Registry)
    }
}

impl From<perf_monitor_core::Error> for Error {
    fn from(error: perf_monitor_core::Error) -> Error {
        Error::new(Kind::Registry, format!("the monitor's own metrics: {error}")).because(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause()
    }
}
