//! Labels that every series gets.

use crate::error::{Error, ErrorKind};
use crate::escape::{push_all, push_label_value};

/// The name and the value of a label.
pub(crate) type Label = (Box<str>, Box<str>);

/// Whether `name` can be a constant label beside those `before` it.
pub(crate) fn check_const_label(name: &str, before: &[Label]) -> Result<(), Error> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let remedy = if !first || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        "use letters, digits and `_`, and no digit first"
    } else if name.starts_with("__") || matches!(name, "le" | "quantile" | "overflow") {
        "this name has a meaning of its own; use another"
    } else if before.iter().any(|(known, _)| **known == *name) {
        "give it once"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Options, format!("constant label {name:?}: {remedy}")))
}

/// Appends `name="value"`.
pub(crate) fn push_pair(out: &mut Vec<u8>, name: &str, value: &str) {
    push_all(out, &[name, "=\""]);
    push_label_value(out, value);
    out.push(b'"');
}
