//! Why an export could not be set up.

use std::error::Error as StdError;
use std::fmt;

/// Why an exporter could not be configured or started.
///
/// Opaque: ask with the `is_*` predicates. Scrapes themselves never fail; what they leave out is counted in
/// [`ExporterStats`](crate::ExporterStats).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: Box<str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Options,
    AddressInUse,
    Start,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Box<str>>) -> Error {
        Error { kind, message: message.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Error {
        self.source = Some(Box::new(source));
        self
    }

    /// An edge, a constant label or an option of the listener cannot be used as it is: correct it.
    pub fn is_options(&self) -> bool {
        self.kind == ErrorKind::Options
    }

    /// The address is taken: choose another, or port 0.
    pub fn is_address_in_use(&self) -> bool {
        self.kind == ErrorKind::AddressInUse
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
