//! What a metric is called and measures.

use crate::Unit;
use crate::error::{Error, ErrorKind};

/// A metric's name, help text and unit.
///
/// ```
/// use perf_monitor_core::{Desc, Unit};
/// let desc = Desc::new("received_bytes_total", "Bytes read from clients.").unit(Unit::Bytes);
/// let short: Desc = ("jobs_total", "Jobs that were run.").into();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desc {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) unit: Unit,
}

impl Desc {
    /// A plain number called `name`, explained by `help`.
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Desc {
        Desc { name: name.into(), help: help.into(), unit: Unit::None }
    }

    /// The unit in which it is recorded.
    pub fn unit(mut self, unit: Unit) -> Desc {
        self.unit = unit;
        self
    }
}

impl<N: Into<String>, H: Into<String>> From<(N, H)> for Desc {
    fn from((name, help): (N, H)) -> Desc {
        Desc::new(name, help)
    }
}

/// Whether Prometheus takes `name` as a metric's: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub(crate) fn check_metric_name(name: &str) -> Result<(), Error> {
    if is_name(name, true) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Name,
        format!("metric name {name:?}: use letters, digits, `_` and `:`, and no digit first"),
    ))
}

/// Whether Prometheus takes `name` as a label's, and whether it is free for users.
pub(crate) fn check_label_name(metric: &str, name: &str) -> Result<(), Error> {
    let remedy = if !is_name(name, false) {
        "use letters, digits and `_`, and no digit first"
    } else if name.starts_with("__") {
        "names that begin with `__` belong to Prometheus"
    } else if matches!(name, "le" | "quantile" | "overflow") {
        "this name is used by histograms, summaries or the overflow series"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Name, format!("label name {name:?} of metric {metric:?}: {remedy}")))
}

fn is_name(name: &str, colon: bool) -> bool {
    let mut bytes = name.bytes();
    let first = |b: u8| b.is_ascii_alphabetic() || b == b'_' || (colon && b == b':');
    bytes.next().is_some_and(first) && bytes.all(|b| first(b) || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_prometheus() {
        for good in ["a", "_x", "http:requests_total", "A9"] {
            assert!(check_metric_name(good).is_ok(), "{good}");
        }
        for bad in ["", "9a", "a-b", "a b", "naïve", "a\n"] {
            let error = check_metric_name(bad).unwrap_err();
            assert!(error.is_invalid_name() && error.to_string().contains(&format!("{bad:?}")));
        }
    }

    #[test]
    fn reserved_label_names_are_refused_by_name() {
        for bad in ["le", "quantile", "overflow", "__name__", "a:b", ""] {
            let error = check_label_name("m", bad).unwrap_err();
            assert!(error.is_invalid_name() && error.to_string().contains("\"m\""));
        }
    }
}
