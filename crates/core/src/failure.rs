//! A sentence with its cause, of some kind.

use std::error::Error as StdError;
use std::fmt;

/// What the errors of crates above this one are made of: a kind to tell them apart by, a sentence that names the thing and
/// the remedy, and what lies beneath.
///
/// A crate wraps it in an opaque error of its own, with a predicate for each kind that a caller may act on.
///
/// ```
/// use perf_monitor_core::Failure;
///
/// let cause = std::io::Error::other("no space left");
/// let failure = Failure::new("disk", "cannot write the outbox: free space there").because(cause);
/// assert!(failure.is("disk"));
/// assert_eq!(failure.to_string(), "cannot write the outbox: free space there");
/// assert_eq!(failure.cause().unwrap().to_string(), "no space left");
/// ```
#[derive(Debug)]
pub struct Failure<K> {
    kind: K,
    message: Box<str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl<K: PartialEq> Failure<K> {
    /// One without a cause.
    pub fn new(kind: K, message: impl Into<Box<str>>) -> Failure<K> {
        Failure { kind, message: message.into(), source: None }
    }

    /// The same with what lies beneath.
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Failure<K> {
        self.source = Some(source.into());
        self
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: K) -> bool {
        self.kind == kind
    }

    /// What lies beneath.
    pub fn cause(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The sentence.
impl<K> fmt::Display for Failure<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
