//! What is known of queries, as plain structs.

use std::time::Duration;

use perf_monitor_core::HistogramValue;

use crate::spread::{longest, mean, quantile};

/// What is known of a query.
///
/// Phase times are means over all runs, those without the phase included; `None` for a phase that
/// was never recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryProfile {
    /// The query's name; "overflow" for all that found no room.
    pub query: String,
    /// Whether this is what found no room, all together.
    pub overflow: bool,
    /// How often it ran, failed runs included.
    pub executions: u64,
    /// How often it failed.
    pub errors: u64,
    /// The mean time of a run in parsing.
    pub parse_time: Option<Duration>,
    /// The mean time of a run in optimisation.
    pub optimize_time: Option<Duration>,
    /// The mean time of a run in execution.
    pub execute_time: Option<Duration>,
    /// The time of all runs together.
    pub total: Duration,
    /// The mean time of a run; `None` if it never ran.
    pub avg_total: Option<Duration>,
    /// The longest run, exactly, up to an hour; `None` if it never ran.
    pub max: Option<Duration>,
    /// The median, known to 6 % unless the options say otherwise, as the percentiles that follow;
    /// `None` if it never ran.
    pub p50: Option<Duration>,
    /// The 90th percentile.
    pub p90: Option<Duration>,
    /// The 95th percentile.
    pub p95: Option<Duration>,
    /// The 99th percentile.
    pub p99: Option<Duration>,
    /// The 99.9th percentile.
    pub p999: Option<Duration>,
}

impl QueryProfile {
    /// From the distribution of runs, and the nanoseconds of all runs in each phase.
    pub(crate) fn of(runs: &HistogramValue, phases: [Option<u64>; 3]) -> QueryProfile {
        let mean_of = |ns: u64| ns.checked_div(runs.count).map(Duration::from_nanos);
        let [parse_time, optimize_time, execute_time] = phases.map(|ns| ns.and_then(mean_of));
        QueryProfile {
            executions: runs.count,
            parse_time,
            optimize_time,
            execute_time,
            total: Duration::from_nanos(runs.sum),
            avg_total: mean(runs),
            max: longest(runs),
            p50: quantile(runs, 0.5),
            p90: quantile(runs, 0.9),
            p95: quantile(runs, 0.95),
            p99: quantile(runs, 0.99),
            p999: quantile(runs, 0.999),
            ..QueryProfile::default()
        }
    }
}

/// One run of a query, as the history has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryRunRecord {
    /// The query's name; "overflow" for one that found no room.
    pub query: String,
    /// Whether it failed.
    pub failed: bool,
    /// The time it took.
    pub total: Duration,
    /// Its time in parsing, if it had that phase.
    pub parse: Option<Duration>,
    /// Its time in optimisation, if it had that phase.
    pub optimize: Option<Duration>,
    /// Its time in execution, if it had that phase.
    pub execute: Option<Duration>,
    /// When it ended, in nanoseconds since the Unix epoch.
    pub ended_unix_ns: u64,
}
