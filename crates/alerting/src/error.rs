//! Why something about alerts cannot be done as asked.

use std::error::Error as StdError;
use std::fmt;

use perf_monitor_core::Failure;

/// What went wrong, in one sentence that names the thing and the remedy.
///
/// Opaque: ask with the `is_*` predicates. No secret and no URL's path is ever in the text.
#[derive(Debug)]
pub struct Error(Failure<ErrorKind>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Options,
    Limit,
    NotFound,
    Rules,
    Expression,
    Store,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Box<str>>) -> Error {
        Error(Failure::new(kind, message))
    }

    pub(crate) fn options(message: impl Into<Box<str>>) -> Error {
        Error::new(ErrorKind::Options, message)
    }

    pub(crate) fn because(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error(self.0.because(source))
    }

    /// A name, a matcher, a time or an address cannot be used as it is: correct it.
    pub fn is_options(&self) -> bool {
        self.0.is(ErrorKind::Options)
    }

    /// A limit of [`Limits`](crate::Limits) is reached: take something away, or raise it.
    pub fn is_limit(&self) -> bool {
        self.0.is(ErrorKind::Limit)
    }

    /// There is no alert, silence or rule of that name: ask for the list.
    pub fn is_not_found(&self) -> bool {
        self.0.is(ErrorKind::NotFound)
    }

    /// A rule file is not as it should be: the text says file, line and what to write.
    pub fn is_rules(&self) -> bool {
        self.0.is(ErrorKind::Rules)
    }

    /// An expression cannot be parsed or evaluated.
    pub fn is_expression(&self) -> bool {
        self.0.is(ErrorKind::Expression)
    }

    /// The outbox's file cannot be opened, read or written; the cause is the source.
    pub fn is_store(&self) -> bool {
        self.0.is(ErrorKind::Store)
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
