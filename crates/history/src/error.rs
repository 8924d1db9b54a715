//! Why a query or a read of history was refused.

use std::fmt;

/// Where in a query's text something is, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The character in that line.
    pub column: u32,
}

impl Place {
    /// The place of the byte at `offset` of `text`.
    pub(crate) fn of(text: &str, offset: usize) -> Place {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            line: before.matches('\n').count() as u32 + 1,
            column: before[line_start..].chars().count() as u32 + 1,
        }
    }
}

/// Why a query, a selector or a read of history failed.
///
/// The text names what is at fault and what to do instead; errors in the text of a query begin with
/// their place.
///
/// ```
/// use perf_monitor_history::Query;
///
/// let error = Query::parse("rate(requests_total)").unwrap_err();
/// assert!(error.is_syntax());
/// assert_eq!(error.place().map(|place| place.column), Some(6));
/// assert_eq!(
///     error.to_string(),
///     "line 1, column 6: \"rate\" wants a range vector as argument 1, not an instant vector; \
///      write a range behind the selector, as in `x[1m]`",
/// );
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    text: Box<str>,
    place: Option<Place>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Syntax,
    Unsupported,
    Limit,
    Evaluation,
    Options,
    Backend,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<Box<str>>) -> Error {
        Error { kind, text: text.into(), place: None, source: None }
    }

    /// For a backend that could not answer: what it tried, and why it failed.
    pub fn backend(
        text: impl Into<Box<str>>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error { source: Some(cause.into()), ..Error::new(ErrorKind::Backend, text) }
    }

    pub(crate) fn at(self, place: Place) -> Error {
        Error { place: Some(place), ..self }
    }

    /// The query is no PromQL, or its types do not fit: correct it at [`place`](Self::place).
    pub fn is_syntax(&self) -> bool {
        self.kind == ErrorKind::Syntax
    }

    /// The query is PromQL, but uses something that is not supported here.
    pub fn is_unsupported(&self) -> bool {
        self.kind == ErrorKind::Unsupported
    }

    /// A limit was reached: make the query smaller or [`Limits`](crate::Limits) larger.
    pub fn is_limit(&self) -> bool {
        self.kind == ErrorKind::Limit
    }

    /// The query met series that it cannot combine: two on the side that may have one, or two
    /// results with the same labels.
    pub fn is_evaluation(&self) -> bool {
        self.kind == ErrorKind::Evaluation
    }

    /// An option is out of its range.
    pub fn is_options(&self) -> bool {
        self.kind == ErrorKind::Options
    }

    /// The backend failed; its own error is the source.
    pub fn is_backend(&self) -> bool {
        self.kind == ErrorKind::Backend
    }

    /// Where in the query, if it is about a place there.
    pub fn place(&self) -> Option<Place> {
        self.place
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column }) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source: &(dyn std::error::Error + 'static) = self.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "sum(\n  «x» + y)";
        assert_eq!(Place::of(text, 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of(text, text.find('+').unwrap()), Place { line: 2, column: 7 });
        assert_eq!(Place::of(text, 999), Place { line: 2, column: 11 });
    }
}
