//! The queries of an engine by shape, with what their phases take.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use perf_monitor_core::{Error, Registry};

use crate::query_cells::{Cells, Core, QueryOptions};
use crate::query_profile::{QueryProfile, QueryRunRecord};
use crate::query_run::{Phase, QueryRun, Times};
use crate::spread::duration_ns;
use crate::stages::OVERFLOW;
use crate::table::Entry;

/// The queries of an engine, by name or [shape](crate::query_shape).
///
/// In the registry they are `query_duration_seconds{query}`, `query_errors_total{query}`, the time
/// that a query's phases took (`query_parse_seconds_total{query}`,
/// `query_optimize_seconds_total{query}`, `query_execute_seconds_total{query}`) and, over all
/// queries, `query_phase_duration_seconds{phase}`.
///
/// A registry has one set of queries: `new` on the same registry gives the same, with the options
/// that it began with. Clones are the same set; any thread may record. Shapes that find no room in
/// the registry's budget are recorded together, in the overflow series, and counted as refused.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::{Phase, Queries, query_shape};
/// use std::time::Duration;
///
/// let queries = Queries::new(&Registry::new())?;
/// let ms = Duration::from_millis;
/// queries.record_detailed_query_execution("daily report", ms(1), ms(2), ms(40));
///
/// let by_id = queries.query(&query_shape("SELECT * FROM users WHERE id = 42"));
/// assert_eq!(by_id.name(), "SELECT * FROM users WHERE id = ?");
/// {
///     let mut run = by_id.begin();
///     run.phase(Phase::Parse);
///     run.phase(Phase::Execute); // ends the parsing
/// } // records the run
///
/// let report = queries.query("daily report").profile();
/// assert_eq!((report.executions, report.optimize_time), (1, Some(ms(2))));
/// assert_eq!(queries.recent()[1].optimize, None);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Queries(Arc<Core>);

/// One query.
///
/// Cloning touches a shared reference count: clone once per thread or structure, not per record.
#[derive(Clone)]
pub struct Query(Arc<Entry<Cells>>);

impl Queries {
    /// The queries of `registry`, with the default options if it has none yet.
    ///
    /// # Errors
    /// One of its metrics' names is registered as something else.
    pub fn new(registry: &Registry) -> Result<Queries, Error> {
        Queries::with_options(registry, QueryOptions::default())
    }

    /// The queries of `registry`, with these options if it has none yet.
    ///
    /// # Errors
    /// Digits out of range; one of its metrics' names is registered as something else.
    pub fn with_options(registry: &Registry, options: QueryOptions) -> Result<Queries, Error> {
        registry.companion(|| Core::new(registry, options)).map(Queries)
    }

    /// Records a run of `query`, by the time that each phase took.
    ///
    /// Durations above an hour are recorded as an hour in the distributions.
    ///
    /// # Cost
    /// `query/record`, its line `by_name`: comparing the name with what the thread remembers, and a
    /// [`Query::record`].
    pub fn record_detailed_query_execution(
        &self,
        query: &str,
        parse: Duration,
        optimize: Duration,
        execute: Duration,
    ) {
        if self.is_enabled() {
            let times = Times::of_phases(parse, optimize, execute);
            self.0.table.with(&[query], |cells| cells.record(&times, false));
        }
    }

    /// The query of this name, to keep.
    pub fn query(&self, name: &str) -> Query {
        Query(self.0.table.get(&[name]))
    }

    /// Begins a run of the query of this name. [`Query::begin`] is cheaper.
    pub fn begin(&self, name: &str) -> QueryRun<'static> {
        QueryRun::begin(Cow::Owned(self.query(name)))
    }

    /// Switches recording on or off, for all handles at once. It begins switched on; while it is
    /// off a record costs one load.
    pub fn set_enabled(&self, enabled: bool) {
        self.0.shared.enabled.store(enabled, Ordering::Relaxed);
    }

    /// Whether runs are recorded.
    pub fn is_enabled(&self) -> bool {
        self.0.shared.is_enabled()
    }

    /// All queries by name, last the one of all that found no room, if there were such.
    pub fn summary(&self) -> Vec<QueryProfile> {
        self.0.table.entries().into_iter().map(|entry| Query(entry).profile()).collect()
    }

    /// The last runs of all queries, newest last; as many as [`QueryOptions::history`] says. A run
    /// whose place two threads want at the same moment may be left out.
    pub fn recent(&self) -> Vec<QueryRunRecord> {
        let queries = self.0.table.entries().into_iter().map(Query);
        let names: HashMap<u64, Query> =
            queries.map(|query| (u64::from(query.0.value.id), query)).collect();
        let runs = self.0.shared.history.read().into_iter();
        let records = runs.filter_map(|[run, total, parse, optimize, execute, ended]| {
            let times = Times { total, phases: [parse, optimize, execute] };
            let query = names.get(&(run >> 1))?;
            Some(times.record(query.name(), run & 1 == 1, ended))
        });
        records.collect()
    }

    /// How many runs [`recent`](Self::recent) keeps: fewer than asked for where the budget had no
    /// room.
    pub fn history(&self) -> usize {
        self.0.shared.history.capacity()
    }
}

impl Query {
    /// Its name; "overflow" when it found no room and shares the instrument of all such.
    pub fn name(&self) -> &str {
        self.0.name().get(0).unwrap_or(OVERFLOW)
    }

    /// Records a run, by the time that each phase took.
    ///
    /// # Cost
    /// `query/record`: four distributions, three counters, a read of the wall clock, and a place in
    /// the history, which all threads share.
    pub fn record(&self, parse: Duration, optimize: Duration, execute: Duration) {
        self.record_times(&Times::of_phases(parse, optimize, execute), false);
    }

    /// Records a run that took `total` and failed or not, for whoever does not know its phases, or
    /// records them by [`record_phase`](Self::record_phase).
    pub fn record_total(&self, total: Duration, failed: bool) {
        self.record_times(&Times::of_total(total), failed);
    }

    /// Records the time that a phase took, without a run: it goes into the phase's time, and so
    /// into its average over the runs.
    pub fn record_phase(&self, phase: Phase, duration: Duration) {
        if self.is_enabled() {
            self.0.value.record_phase(phase, duration_ns(duration));
        }
    }

    /// Begins a run; what it returns records it when it is dropped.
    ///
    /// # Cost
    /// `query/record`, its line `run`, from here to its end: two clock reads and one for each phase, and a
    /// [`record`](Self::record). While queries are switched off, a load.
    #[inline]
    pub fn begin(&self) -> QueryRun<'_> {
        QueryRun::begin(Cow::Borrowed(self))
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.0.value.shared.is_enabled()
    }

    pub(crate) fn record_times(&self, times: &Times, failed: bool) {
        if self.is_enabled() {
            self.0.value.record(times, failed);
        }
    }

    /// What is known of it.
    pub fn profile(&self) -> QueryProfile {
        let cells = &self.0.value;
        // In this order no run is seen as an error that is not in the count.
        let errors = cells.errors.get();
        let phases = Phase::ALL.map(|phase| self.phase_ns(phase));
        let mut profile = QueryProfile::of(&cells.total.value(), phases);
        profile.query = self.name().to_owned();
        profile.overflow = self.0.name().is_empty();
        profile.errors = errors;
        profile
    }

    /// The time of a phase in all runs; `None` if nobody told.
    fn phase_ns(&self, phase: Phase) -> Option<u64> {
        let known = self.0.value.known.load(Ordering::Relaxed) & (1 << phase as u32) != 0;
        known.then(|| self.0.value.phases[phase as usize].get())
    }
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.summary()).finish()
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Query").field(&self.profile()).finish()
    }
}
