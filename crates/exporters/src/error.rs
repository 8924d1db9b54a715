//! Why an export could not be made.

use std::error::Error as StdError;
use std::fmt;

use perf_monitor_core::Failure;

/// Why an exporter could not be configured or started, or a file not be written.
///
/// Opaque: ask with the `is_*` predicates. Scrapes themselves never fail; what they leave out is counted in
/// [`ExporterStats`](crate::ExporterStats).
#[derive(Debug)]
pub struct Error(Failure<ErrorKind>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Options,
    AddressInUse,
    Start,
    File,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Box<str>>) -> Error {
        Error(Failure::new(kind, message))
    }

    pub(crate) fn because(self, source: impl StdError + Send + Sync + 'static) -> Error {
        Error(self.0.because(source))
    }

    /// An edge, a constant label, an option of the listener or the name of a format cannot be used as it is: correct it.
    pub fn is_options(&self) -> bool {
        self.0.is(ErrorKind::Options)
    }

    /// The address is taken: choose another, or port 0.
    pub fn is_address_in_use(&self) -> bool {
        self.0.is(ErrorKind::AddressInUse)
    }

    /// A file could not be written; it is as it was. The sentence says what to do, the source what the system said.
    pub fn is_file(&self) -> bool {
        self.0.is(ErrorKind::File)
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
