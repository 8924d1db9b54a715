//! How large a query may be.

use crate::error::{Error, ErrorKind};

/// The bounds of a query: what is over one fails with an error that names it.
///
/// ```
/// use perf_monitor_history::{Limits, Query};
///
/// let limits = Limits { depth: 3, ..Limits::default() };
/// let error = Query::parse_within("1 + (2 + (3 + 4))", limits).unwrap_err();
/// assert!(error.is_limit() && error.to_string().contains("`depth` of 3"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of its text: 16 KiB by default.
    pub text_bytes: usize,
    /// Expressions within one another: 64 by default.
    pub depth: usize,
    /// Series that a selector or a result may have: 10,000 by default.
    pub series: usize,
    /// Points that it may look at, again for each step: 20,000,000 by default, about a tenth of a second.
    pub points: u64,
    /// Steps of a range: 11,000 by default, as in Prometheus.
    pub steps: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

impl Limits {
    pub(crate) const DEFAULT: Limits = Limits {
        text_bytes: 16 * 1024,
        depth: 64,
        series: 10_000,
        points: 20_000_000,
        steps: 11_000,
    };

    pub(crate) fn reached(&self, what: &str, name: &str, limit: u64) -> Error {
        let text =
            format!("{what} is over the limit `{name}` of {limit}; ask for less or raise it");
        Error::new(ErrorKind::Limit, text)
    }

    pub(crate) fn check_series(&self, what: &str, count: usize) -> Result<(), Error> {
        match count <= self.series {
            true => Ok(()),
            false => {
                let what = format!("{what} of {count} series");
                Err(self.reached(&what, "series", self.series as u64))
            }
        }
    }
}
