//! Fields of the `tracing` crate as values of ours.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing_core::field::{Field, Visit};

use crate::intern::cut;
use crate::payload::{Key, Tag, VALUE_BYTES, Writer};
use crate::value::AttributeValue;

/// What takes values, one by one.
pub(super) trait Sink {
    fn take(&mut self, key: &'static str, value: AttributeValue<'_>);
}

/// Attributes of a span, straight into its cells.
impl Sink for Writer<'_> {
    fn take(&mut self, key: &'static str, value: AttributeValue<'_>) {
        self.attribute(Tag::Attribute, Key::Static(key), value);
    }
}

/// The panic of a value that was being formatted.
pub(super) type Panicked = Option<Box<dyn Any + Send>>;

/// Gives a sink what `record` tells. If formatting a value panics, those after it are left out, and the
/// panic is to go on once the sink is in order.
#[must_use]
pub(super) fn visit(sink: &mut impl Sink, record: impl FnOnce(&mut dyn Visit)) -> Panicked {
    let mut visitor = Visitor { sink, panicked: None };
    record(&mut visitor);
    visitor.panicked
}

struct Visitor<'a, S> {
    sink: &'a mut S,
    panicked: Panicked,
}

impl<S: Sink> Visitor<'_, S> {
    fn take<'v>(&mut self, field: &Field, value: impl Into<AttributeValue<'v>>) {
        if self.panicked.is_none() {
            self.sink.take(field.name(), value.into());
        }
    }

    fn format(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        let mut bounded = Text { bytes: [0; VALUE_BYTES], len: 0 };
        // What does not fit is cut, which fails, as may the formatting itself.
        match catch_unwind(AssertUnwindSafe(|| bounded.write_fmt(text))) {
            Ok(_) => self.take(field, bounded.as_str()),
            Err(panicked) => self.panicked = self.panicked.take().or(Some(panicked)),
        }
    }
}

impl<S: Sink> Visit for Visitor<'_, S> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value);
    }

    /// Numbers that an `i64` does not hold become texts, as they mostly are ids or hashes.
    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.take(field, value),
            Err(_) => self.format(field, format_args!("{value}")),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.take(field, value),
            Err(_) => self.format(field, format_args!("{value}")),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match i64::try_from(value) {
            Ok(value) => self.take(field, value),
            Err(_) => self.format(field, format_args!("{value}")),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.format(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.format(field, format_args!("{value:?}"));
    }
}

/// The start of a text; whoever formats it is stopped when it is full.
struct Text {
    bytes: [u8; VALUE_BYTES],
    len: usize,
}

impl Text {
    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let fitting = cut(more, VALUE_BYTES - self.len);
        self.bytes[self.len..][..fitting.len()].copy_from_slice(fitting.as_bytes());
        self.len += fitting.len();
        if fitting.len() == more.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_stops_at_the_bound_between_characters() {
        let mut text = Text { bytes: [0; VALUE_BYTES], len: 0 };
        assert!(text.write_str(&"a".repeat(VALUE_BYTES - 1)).is_ok());
        assert!(text.write_str("é").is_err());
        assert_eq!(text.as_str(), "a".repeat(VALUE_BYTES - 1));
        assert!(text.write_str("b").is_ok());
        assert!(text.write_str("c").is_err());
        assert_eq!(text.as_str().len(), VALUE_BYTES);
    }
}
