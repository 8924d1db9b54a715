//! Why a monitor could not start, or a metric not be registered.

use std::error::Error as StdError;
use std::fmt;

/// Why a monitor could not start, or a metric not be registered; once a monitor runs, its failures
/// are counted and never returned.
///
/// The text names the thing and the remedy; what lies beneath is in `source()`.
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AddressInUse,
    Options,
    Registry,
    System,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// The address that was asked for is taken: ask for another, or for any with `listen_or_free`.
    pub fn is_address_in_use(&self) -> bool {
        self.kind == Kind::AddressInUse
    }

    /// An option is out of its range or does not fit the others: correct it as the text says.
    pub fn is_options(&self) -> bool {
        self.kind == Kind::Options
    }

    /// A metric could not be registered, one of the monitor's own included: its name is not valid,
    /// or taken by one of another kind.
    pub fn is_registry(&self) -> bool {
        self.kind == Kind::Registry
    }
}

impl From<perf_monitor_core::Error> for Error {
    fn from(error: perf_monitor_core::Error) -> Error {
        Error::new(Kind::Registry, format!("the monitor's own metrics: {error}")).because(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
