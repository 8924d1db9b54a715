//! A short history of metrics in bounded memory, and PromQL over it.
//!
//! ```
//! use perf_monitor_core::Registry;
//! use perf_monitor_history::{MemoryHistory, Options, Query, QueryValue};
//!
//! let registry = Registry::new();
//! let requests = registry.counter_family(("requests_total", "Requests."), &["route"])?;
//! let history = MemoryHistory::new(Options::default())?;
//!
//! // Once a second, by whoever has a thread:
//! for second in 0..60 {
//!     requests.with(&["/orders"])?.add(20);
//!     history.record(second * 1_000, &registry);
//! }
//!
//! let query = Query::parse("sum by (route) (rate(requests_total[30s])) > 10")?;
//! let QueryValue::Vector(busy) = query.instant(&history, 59_000)? else { unreachable!() };
//! assert_eq!(busy[0].labels.get("route"), Some("/orders"));
//! assert_eq!(busy[0].value, 20.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Time
//! There is no clock in here: moments are milliseconds since the Unix epoch, and whoever calls says which.
//!
//! # What of PromQL there is
//! Selectors with all four matchers, ranges and `offset`; the functions `rate`, `irate`, `increase`, `delta`, `deriv`,
//! `predict_linear`, `avg`, `min`, `max`, `sum`, `count`, `last`, `stddev` and `quantile` `_over_time`,
//! `histogram_quantile`, `absent`, `abs`, `ceil`, `floor`, `round`, `clamp`, `clamp_min`, `clamp_max`, `time`, `scalar`,
//! `vector`; the aggregations `sum`, `min`, `max`, `avg`, `count`, `group`, `stddev`, `stdvar`, `topk`, `bottomk` and
//! `quantile`; all operators but `atan2`, with `bool`, `on`, `ignoring`, `group_left` and `group_right`. The rest
//! (subqueries, `@`, other functions) is an error that names it and its place.

#![forbid(unsafe_code)]

mod duration;
mod error;
mod labels;
mod selector;

mod storage;

mod limits;
mod promql;
mod query;

mod eval;

mod memory;

pub use duration::{parse_duration, show_duration};
pub use error::{Error, Place};
pub use labels::{Labels, METRIC_NAME};
pub use limits::Limits;
pub use memory::{MemoryHistory, Options, Stats, Tier};
/// The edges of the buckets that histograms are kept in.
pub use perf_monitor_core::Buckets;
pub use query::{LOOKBACK, MatrixSeries, Query, QueryValue, VectorSample};
pub use selector::{MatchOp, Matcher, Selector};
pub use storage::{
    Change, Generation, Rollup, STALE, Samples, Series, SeriesId, Span, Storage, is_stale,
};
