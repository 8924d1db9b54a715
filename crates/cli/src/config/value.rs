//! The values of a settings file, by what they are to be.

use std::time::Duration;

use perf_monitor::export::OtlpOptions;
use toml::Spanned;
use toml::de::DeValue;

use crate::limits::{self, Checked};

/// A value of the file.
pub(super) struct Value<'a>(pub(super) &'a Spanned<DeValue<'a>>);

impl Value<'_> {
    pub(super) fn text(&self) -> Checked<String> {
        match self.0.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            other => Err(expected("a text in quotes", other)),
        }
    }

    pub(super) fn boolean(&self) -> Checked<bool> {
        match self.0.get_ref() {
            DeValue::Boolean(on) => Ok(*on),
            other => Err(expected("true or false", other)),
        }
    }

    /// A number of seconds, or a text with a unit.
    pub(super) fn seconds(&self) -> Checked<Duration> {
        let number = match self.0.get_ref() {
            DeValue::String(text) => return limits::time(text),
            DeValue::Integer(_) | DeValue::Float(_) => self.number(),
            other => return Err(expected("a number of seconds", other)),
        };
        let seconds = number.ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.ok_or_else(|| "it is not a number of seconds: write it like 30.0".into())
    }

    pub(super) fn number(&self) -> Checked<f64> {
        let parsed = match self.0.get_ref() {
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n as f64)
            }
            DeValue::Float(number) => number.as_str().parse().ok(),
            other => return Err(expected("a number", other)),
        };
        parsed.ok_or_else(|| "it is not a number: write it like 0.5".into())
    }

    pub(super) fn count(&self, what: &str) -> Checked<usize> {
        match self.0.get_ref() {
            DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| format!("`{number}` is not a number of {what}: write it like 100")),
            other => Err(expected("a whole number", other)),
        }
    }

    /// Names with their values, which errors do not show.
    pub(super) fn headers(&self) -> Checked<Vec<(String, String)>> {
        let DeValue::Table(table) = self.0.get_ref() else {
            return Err(expected("a table, such as { name = \"value\" }", self.0.get_ref()));
        };
        let pairs = table.iter().map(|(name, value)| {
            let (name, value) = (name.get_ref(), Value(value).text()?);
            let taken = OtlpOptions::default().header(name, &value);
            taken.map(|_| (name.to_string(), value)).map_err(|e| e.to_string())
        });
        pairs.collect()
    }

    pub(super) fn texts(&self) -> Checked<Vec<String>> {
        match self.0.get_ref() {
            DeValue::Array(values) => values.iter().map(|value| Value(value).text()).collect(),
            other => Err(expected("a list of texts, such as [\"a\", \"b\"]", other)),
        }
    }
}

pub(super) fn expected(what: &str, found: &DeValue<'_>) -> String {
    format!("expected {what}, found {} {}", article(found.type_str()), found.type_str())
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
