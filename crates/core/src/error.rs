//! Why a registration was refused.

use std::fmt;

/// Why a metric, family or series could not be registered.
///
/// The text names the metric or label at fault and what to do instead. Recording never returns an
/// error: what cannot be attributed is recorded in an overflow series and counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    text: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Name,
    Clash,
    LabelCount,
    Options,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<Box<str>>) -> Self {
        Error { kind, text: text.into() }
    }

    /// The same, told of a metric.
    pub(crate) fn of_metric(self, metric: &str) -> Self {
        Error { text: format!("metric {metric:?}: {}", self.text).into(), ..self }
    }

    /// A metric or label name that Prometheus does not allow: choose another name.
    pub fn is_invalid_name(&self) -> bool {
        self.kind == ErrorKind::Name
    }

    /// The name is taken by a family of another kind, unit, or set of labels: use that one as it
    /// is, or another name.
    pub fn is_clash(&self) -> bool {
        self.kind == ErrorKind::Clash
    }

    /// The number of label values is not the number of the family's label names.
    pub fn is_label_count(&self) -> bool {
        self.kind == ErrorKind::LabelCount
    }

    /// An option is out of its range (digits of a histogram, its highest value).
    pub fn is_options(&self) -> bool {
        self.kind == ErrorKind::Options
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}
