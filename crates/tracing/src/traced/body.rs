//! What expansions need around a function's body.

use std::ops::Deref;

use super::Text;
use crate::{AttributeValue, Span, SpanGuard};

/// Runs a function's body, which may give out what it borrows from its arguments: a closure that
/// is called where it stands could be called again, as far as the compiler knows.
#[doc(hidden)]
#[inline(always)]
pub fn once<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// A value of any type for code that is never reached: tells the compiler what a body returns.
#[doc(hidden)]
pub fn never<T>() -> T {
    unreachable!("it is written where nothing runs")
}

/// A span as expansions have it.
#[doc(hidden)]
pub trait Recorder {
    /// Whether it is worth to look at what would be kept.
    #[doc(hidden)]
    fn records(&self) -> bool;

    /// Keeps those that are there.
    #[doc(hidden)]
    fn keep(&mut self, fields: &[(&'static str, Option<AttributeValue<'_>>)]);

    /// The work failed.
    #[doc(hidden)]
    fn failed(&mut self, why: &str);
}

impl Recorder for SpanGuard<'_> {
    #[inline(always)]
    fn records(&self) -> bool {
        self.is_recording()
    }

    #[inline(always)]
    fn keep(&mut self, fields: &[(&'static str, Option<AttributeValue<'_>>)]) {
        for (key, value) in fields {
            if let Some(value) = *value {
                self.attribute(key, value);
            }
        }
    }

    #[inline(always)]
    fn failed(&mut self, why: &str) {
        self.fail(why);
    }
}

/// Fields that are kept at once.
const AT_ONCE: usize = 8;

impl Recorder for &Span {
    #[inline(always)]
    fn records(&self) -> bool {
        self.is_recording()
    }

    #[inline]
    fn keep(&mut self, fields: &[(&'static str, Option<AttributeValue<'_>>)]) {
        for fields in fields.chunks(AT_ONCE) {
            let mut kept = [("", AttributeValue::Bool(false)); AT_ONCE];
            let there = fields.iter().filter_map(|(key, value)| Some((*key, (*value)?)));
            let count = kept.iter_mut().zip(there).map(|(place, field)| *place = field).count();
            self.attributes(&kept[..count]);
        }
    }

    #[inline(always)]
    fn failed(&mut self, why: &str) {
        self.fail(why);
    }
}

/// The function failed with this error, which becomes the message of the span's status.
#[doc(hidden)]
#[cold]
pub fn error(span: &mut impl Recorder, error: impl FnOnce() -> Text) {
    match span.records() {
        true => span.failed(error().as_str()),
        false => span.failed(""),
    }
}

/// Keeps what the function returned.
#[doc(hidden)]
pub fn returned(span: &mut impl Recorder, value: impl FnOnce() -> Text) {
    if span.records() {
        span.keep(&[("return", Some(AttributeValue::Str(value().as_str())))]);
    }
}

/// What a function returned. `is_error` is a method of its own for a `Result`, under whatever
/// name; for any other type the compiler looks on, and finds [`NoError`]'s.
#[doc(hidden)]
pub struct Returned<'a, T>(pub &'a T);

impl<T, E> Returned<'_, Result<T, E>> {
    #[doc(hidden)]
    #[inline(always)]
    pub fn is_error(&self) -> bool {
        self.0.is_err()
    }
}

impl<T> Deref for Returned<'_, T> {
    type Target = NoError;

    #[inline(always)]
    fn deref(&self) -> &NoError {
        &NoError
    }
}

/// What is no `Result`.
#[doc(hidden)]
pub struct NoError;

impl NoError {
    #[doc(hidden)]
    #[inline(always)]
    pub fn is_error(&self) -> bool {
        false
    }
}
