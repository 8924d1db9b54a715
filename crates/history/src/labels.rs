//! The labels that tell a series from all others.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The label that holds the name of the metric.
pub const METRIC_NAME: &str = "__name__";

/// Bytes that a name or a value may have: its length is kept as one character.
const LONGEST: usize = 0xD7FF;

/// A set of labels, sorted by name; the metric's name is the label `__name__`.
///
/// Cheap to clone. A label with an empty value is the same as no label, as in Prometheus. Names and
/// values lie in one piece of text, each behind its length, so that equal sets are equal texts and a
/// set is one allocation.
///
/// ```
/// use perf_monitor_history::Labels;
///
/// let labels = Labels::new([("__name__", "jobs_total"), ("queue", "mail"), ("host", "")]);
/// assert_eq!(labels.name(), "jobs_total");
/// assert_eq!(labels.get("queue"), Some("mail"));
/// assert_eq!(labels.to_string(), r#"jobs_total{queue="mail"}"#);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<str>);

impl Labels {
    /// These labels; of two with one name the last counts. Names and values beyond 55,295 bytes are cut.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(labels: impl IntoIterator<Item = (N, V)>) -> Labels {
        let labels: Vec<(N, V)> = labels.into_iter().collect();
        Labels::of(labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect())
    }

    pub(crate) fn of(mut labels: Vec<(&str, &str)>) -> Labels {
        labels.sort_by_key(|(name, _)| *name);
        let mut text = String::new();
        for (index, (name, value)) in labels.iter().enumerate() {
            let last = labels.get(index + 1).is_none_or(|(next, _)| next != name);
            if last && !value.is_empty() {
                push_piece(&mut text, name);
                push_piece(&mut text, value);
            }
        }
        Labels(text.into())
    }

    /// No labels.
    pub fn none() -> Labels {
        Labels("".into())
    }

    /// The metric's name; empty where an operation dropped it.
    pub fn name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or_default()
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let mut rest = &*self.0;
        std::iter::from_fn(move || Some((next_piece(&mut rest)?, next_piece(&mut rest)?)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The set without the metric's name.
    pub(crate) fn without_name(&self) -> Labels {
        self.filtered(|name| name != METRIC_NAME)
    }

    /// The labels whose names `keep` accepts.
    pub(crate) fn filtered(&self, keep: impl Fn(&str) -> bool) -> Labels {
        if self.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        let mut text = String::with_capacity(self.0.len());
        for (name, value) in self.iter().filter(|(name, _)| keep(name)) {
            push_piece(&mut text, name);
            push_piece(&mut text, value);
        }
        Labels(text.into())
    }

    /// The set with some labels changed, or taken away where the value is empty.
    pub(crate) fn with(&self, changes: &[(&str, &str)]) -> Labels {
        Labels::of(self.iter().chain(changes.iter().copied()).collect())
    }

    /// Bytes on the heap: the text and the counts of its `Arc`.
    pub(crate) fn bytes(&self) -> usize {
        (self.0.len() + 2 * size_of::<usize>()).next_multiple_of(size_of::<usize>())
    }
}

fn push_piece(text: &mut String, piece: &str) {
    let mut length = piece.len().min(LONGEST);
    while !piece.is_char_boundary(length) {
        length -= 1;
    }
    text.push(char::from_u32(length as u32).unwrap_or_default());
    text.push_str(&piece[..length]);
}

fn next_piece<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let length = rest.chars().next()?;
    let (piece, after) = rest[length.len_utf8()..].split_at(length as usize);
    *rest = after;
    Some(piece)
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Labels) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By names and values in turn, as Prometheus sorts them.
impl Ord for Labels {
    fn cmp(&self, other: &Labels) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let mut others = self.iter().filter(|(name, _)| *name != METRIC_NAME).peekable();
        if others.peek().is_none() {
            return if self.name().is_empty() { f.write_str("{}") } else { Ok(()) };
        }
        for (index, (name, value)) in others.enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(f, "{before}{name}={}", Quoted(value))?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text between quotes, as PromQL reads it back.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_value_that_is_too_long_is_cut_between_characters() {
        let labels = Labels::new([("a", "ä".repeat(40_000))]);
        assert_eq!(labels.get("a").unwrap().len(), LONGEST - 1);
    }

    proptest! {
        #[test]
        fn labels_are_a_map_without_empty_values(
            pairs in prop::collection::vec(("[a-c_]{1,2}", ".{0,200}"), 0..6)
        ) {
            let labels = Labels::new(pairs.clone());
            let mut map: BTreeMap<&str, &str> = BTreeMap::new();
            map.extend(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            map.retain(|_, value| !value.is_empty());
            prop_assert_eq!(labels.iter().collect::<Vec<_>>(), map.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(&labels.with(&[]), &labels);
            prop_assert_eq!(labels.with(&[("a", "")]), labels.filtered(|name| name != "a"));
        }
    }
}
