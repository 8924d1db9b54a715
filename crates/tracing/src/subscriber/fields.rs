//! Fields of a span or event, taken down before they are kept.

use std::cell::Cell;
use std::fmt;
use std::panic::resume_unwind;

use tracing_core::field::{Field, Visit};

use super::otel;
use super::visit::{Sink, visit};
use crate::intern::cut;
use crate::payload::VALUE_BYTES;
use crate::value::AttributeValue;

/// Values by their keys, with their texts behind each other in one.
///
/// Formatting runs the program's own code, which may use spans itself: whoever writes to a span that
/// nothing else may write to at the time takes down all of it first.
#[derive(Default)]
pub(super) struct Fields {
    values: Vec<(&'static str, Value)>,
    texts: String,
}

#[derive(Clone, Copy)]
enum Value {
    Bool(bool),
    I64(i64),
    F64(f64),
    /// From here on, to there.
    Text(usize, usize),
}

/// Room for texts that a thread keeps for the next time.
const KEPT_BYTES: usize = 2 * VALUE_BYTES;

thread_local! {
    static KEPT: Cell<Option<Fields>> = const { Cell::new(None) };
}

impl Fields {
    /// Takes down what `record` tells, for as long as `f` runs.
    pub(super) fn with<R>(record: impl FnOnce(&mut dyn Visit), f: impl FnOnce(&Fields) -> R) -> R {
        let kept = KEPT.try_with(Cell::take).ok().flatten();
        let mut fields = kept.unwrap_or_default();
        if let Some(panicked) = visit(&mut fields, record) {
            resume_unwind(panicked);
        }
        let result = f(&fields);
        fields.values.clear();
        fields.texts.clear();
        if fields.texts.capacity() <= KEPT_BYTES {
            let _ = KEPT.try_with(|kept| kept.set(Some(fields)));
        }
        result
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, AttributeValue<'_>)> {
        self.values.iter().map(|(key, value)| (*key, self.value(value)))
    }

    /// The text under a key.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.iter().find_map(|(known, value)| match value {
            AttributeValue::Str(text) if known == key => Some(text),
            _ => None,
        })
    }

    fn value(&self, value: &Value) -> AttributeValue<'_> {
        match *value {
            Value::Bool(value) => AttributeValue::Bool(value),
            Value::I64(value) => AttributeValue::I64(value),
            Value::F64(value) => AttributeValue::F64(value),
            Value::Text(from, to) => AttributeValue::Str(&self.texts[from..to]),
        }
    }
}

impl Sink for Fields {
    fn take(&mut self, key: &'static str, value: AttributeValue<'_>) {
        let value = match value {
            AttributeValue::Bool(value) => Value::Bool(value),
            AttributeValue::I64(value) => Value::I64(value),
            AttributeValue::F64(value) => Value::F64(value),
            AttributeValue::Str(text) => {
                let from = self.texts.len();
                self.texts.push_str(cut(text, VALUE_BYTES));
                Value::Text(from, self.texts.len())
            }
        };
        self.values.push((key, value));
    }
}

/// What is among fields, without a look at their values.
#[derive(Default)]
pub(super) struct Kinds {
    /// Any that has a value yet.
    pub(super) any: bool,
    /// Any that says more about the span.
    pub(super) otel: bool,
}

impl Kinds {
    pub(super) fn of(record: impl FnOnce(&mut dyn Visit)) -> Kinds {
        let mut kinds = Kinds::default();
        record(&mut kinds);
        kinds
    }

    fn see(&mut self, field: &Field) {
        self.any = true;
        self.otel |= otel::is_prefix(field.name());
    }
}

impl Visit for Kinds {
    fn record_bool(&mut self, field: &Field, _: bool) {
        self.see(field);
    }

    fn record_i64(&mut self, field: &Field, _: i64) {
        self.see(field);
    }

    fn record_u64(&mut self, field: &Field, _: u64) {
        self.see(field);
    }

    fn record_str(&mut self, field: &Field, _: &str) {
        self.see(field);
    }

    fn record_debug(&mut self, field: &Field, _: &dyn fmt::Debug) {
        self.see(field);
    }
}
