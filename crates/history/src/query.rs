//! A prepared query.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_core::Lock;

use crate::error::Error;
use crate::eval::{self, Times};
use crate::labels::Labels;
use crate::limits::Limits;
use crate::promql::ast::Selection;
use crate::promql::{Parsed, parse};
use crate::selector::Selector;
use crate::storage::{Generation, Series, Storage};

/// How far back a value counts as the present one, as in Prometheus: five minutes.
pub const LOOKBACK: Duration = Duration::from_secs(300);

/// A query that was read and checked once, to be evaluated any number of times.
///
/// It has the semantics of Prometheus 2: a range includes both of its ends, a value counts for five minutes
/// or until its series is marked as ended. It remembers which series its selectors mean, until
/// [`Storage::generation_of`] says that they may be others. Any thread may evaluate it; two at once
/// do not wait for one another's reads.
///
/// ```
/// use perf_monitor_history::{Labels, MemoryHistory, Options, Query, QueryValue};
///
/// let history = MemoryHistory::new(Options::default())?;
/// let jobs = Labels::new([("__name__", "jobs_total"), ("queue", "mail")]);
/// for second in 0..60 {
///     history.record_values(second * 1_000, [(&jobs, 3.0 * second as f64)]);
/// }
/// let busy = Query::parse("sum by (queue) (rate(jobs_total[30s])) > 2")?;
/// let QueryValue::Vector(found) = busy.instant(&history, 59_000)? else { unreachable!() };
/// assert_eq!(found[0].labels.to_string(), r#"{queue="mail"}"#);
/// assert_eq!(found[0].value, 3.0);
/// # Ok::<(), perf_monitor_history::Error>(())
/// ```
///
/// # Cost
/// `history/rules-1000`: about half a microsecond to evaluate `rate(x{…}[1m]) > n` where it means one series.
pub struct Query {
    text: Box<str>,
    parsed: Parsed,
    /// Where they are not the default ones.
    limits: Option<Box<Limits>>,
    /// What each selector was found to mean.
    found: Lock<Box<[Found]>>,
}

/// The series of a selector, and the state of the storage that they are of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) generation: Option<Generation>,
    pub(crate) series: Arc<[Series]>,
}

/// A series with its value at the time of an instant query.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// A series with its values over time.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSeries {
    /// Its labels.
    pub labels: Labels,
    /// Milliseconds since the Unix epoch, and the value there; ascending.
    pub points: Vec<(i64, f64)>,
}

/// What an instant query gives.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryValue {
    /// A number.
    Scalar(f64),
    /// Series with one value each; of `topk` and `bottomk` in their order, else in no particular one.
    Vector(Vec<VectorSample>),
    /// Series with the values of a range: of a query that is a selector with a range, as `x[5m]`.
    Matrix(Vec<MatrixSeries>),
}

impl QueryValue {
    /// The series as a rule takes them: a scalar is one without labels. `None` for a range vector, which no rule takes.
    pub fn into_vector(self) -> Option<Vec<VectorSample>> {
        match self {
            QueryValue::Scalar(value) => Some(vec![VectorSample { labels: Labels::none(), value }]),
            QueryValue::Vector(samples) => Some(samples),
            QueryValue::Matrix(_) => None,
        }
    }
}

impl Query {
    /// Reads a query, within the default [`Limits`].
    ///
    /// # Errors
    /// What is no PromQL, what is not supported, and what is over a limit, each with its place.
    pub fn parse(text: &str) -> Result<Query, Error> {
        Query::parse_within(text, Limits::default())
    }

    /// The same within other limits, which hold for evaluations too.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_within(text: &str, limits: Limits) -> Result<Query, Error> {
        let parsed = parse(text, &limits)?;
        let found = vec![Found::default(); parsed.selections.len()];
        let limits = (limits != Limits::DEFAULT).then(|| Box::new(limits));
        Ok(Query { text: text.into(), parsed, limits, found: Lock::new(found.into()) })
    }

    /// The query as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What its selectors mean, in the order in which they stand there: for saying which of them match
    /// nothing, or which metrics a rule needs.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.parsed.selections.iter().map(|selection| &selection.selector)
    }

    /// How far before the time of an evaluation it looks at the most, with its offsets.
    pub fn reach(&self) -> Duration {
        let reaches = self.parsed.selections.iter().map(|selection| {
            let range_ms = match selection.range_ms {
                0 => LOOKBACK.as_millis() as i64,
                range_ms => range_ms,
            };
            range_ms.saturating_add(selection.offset_ms)
        });
        Duration::from_millis(reaches.max().unwrap_or(0).max(0) as u64)
    }

    /// Its value at one moment, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// Series that cannot be combined, a limit, a failing backend.
    pub fn instant(&self, storage: &dyn Storage, at_ms: i64) -> Result<QueryValue, Error> {
        eval::instant(self, storage, at_ms)
    }

    /// Its values from one moment to another, at each `step_ms` from the first on.
    ///
    /// # Errors
    /// As [`instant`](Self::instant); a step below 1 ms, an end before the start, more steps than the limit,
    /// a query that is a range vector.
    pub fn range(
        &self,
        storage: &dyn Storage,
        from_ms: i64,
        until_ms: i64,
        step_ms: i64,
    ) -> Result<Vec<MatrixSeries>, Error> {
        eval::range(self, storage, Times::new(from_ms, until_ms, step_ms, self.limits())?)
    }

    /// What it takes on the heap, in bytes, with what it remembers of the series; the texts of their
    /// labels belong to the storage. Of regular expressions, whose programs are not told, some.
    pub fn bytes(&self) -> usize {
        let found = self.found.lock();
        let series = found.iter().map(|f| size_of_val(&*f.series) + 2 * size_of::<usize>());
        let series = series.sum::<usize>() + size_of_val(&**found);
        let selections = self.parsed.selections.iter();
        let selections = selections.map(|s| size_of::<Selection>() + s.selector.bytes());
        let limits = self.limits.as_deref().map_or(0, size_of_val);
        self.text.len() + self.parsed.expr.bytes() + selections.sum::<usize>() + series + limits
    }

    pub(crate) fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.limits.as_deref().unwrap_or(&Limits::DEFAULT)
    }

    pub(crate) fn found(&self, selection: usize) -> Found {
        self.found.lock()[selection].clone()
    }

    pub(crate) fn remember(&self, selection: usize, found: &Found) {
        self.found.lock()[selection] = found.clone();
    }
}

/// With every parenthesis that its meaning has.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parsed.fmt(f)
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Query").field(&self.text).finish()
    }
}

impl Clone for Query {
    fn clone(&self) -> Query {
        let found = self.found.lock().clone();
        let (text, parsed, limits) = (self.text.clone(), self.parsed.clone(), self.limits.clone());
        Query { text, parsed, limits, found: Lock::new(found) }
    }
}
