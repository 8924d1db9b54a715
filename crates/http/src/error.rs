//! The one error type of this crate.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, in one sentence that names the thing and the remedy.
///
/// Opaque: ask with the `is_*` predicates. A token, a URL's user or its query never appear in the text.
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AddressInUse,
    Bind,
    Options,
    Url,
    Connect,
    Timeout,
    TooLarge,
    Exchange,
    Closed,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The listener's address is taken: choose another, or port 0.
    pub fn is_address_in_use(&self) -> bool {
        self.kind == Kind::AddressInUse
    }

    /// An option or a URL cannot be used as it is: correct it; trying again does not help.
    pub fn is_invalid(&self) -> bool {
        matches!(self.kind, Kind::Options | Kind::Url)
    }

    /// The peer was not reached (name, TCP or TLS): nothing was sent, trying again is safe.
    pub fn is_connect(&self) -> bool {
        self.kind == Kind::Connect
    }

    /// A time limit struck: the peer may or may not have acted.
    pub fn is_timeout(&self) -> bool {
        self.kind == Kind::Timeout
    }

    /// A body or a message was over its limit: raise the limit or send less.
    pub fn is_too_large(&self) -> bool {
        self.kind == Kind::TooLarge
    }

    /// The WebSocket has ended: drop it.
    pub fn is_closed(&self) -> bool {
        self.kind == Kind::Closed
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
