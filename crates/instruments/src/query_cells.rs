//! What queries record into.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use perf_monitor_core::{
    Clock, Counter, Desc, Error, Family, Histogram, HistogramOptions, Registry, Unit,
};

use crate::query_run::{Phase, Times};
use crate::ring::Ring;
use crate::table::{Table, series};

/// The longest duration that is told apart: an hour.
const LONGEST_NS: u64 = 3_600 * 1_000_000_000;

/// How queries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryOptions {
    history: usize,
    digits: u8,
}

impl Default for QueryOptions {
    fn default() -> Self {
        QueryOptions { history: 100, digits: 1 }
    }
}

impl QueryOptions {
    /// How many of the last runs [`Queries::recent`](crate::Queries::recent) keeps, 100 by default, 56 bytes each; 0 keeps
    /// none, and spares each run a read of the wall clock.
    pub fn history(mut self, runs: usize) -> Self {
        self.history = runs;
        self
    }

    /// Significant digits of durations, 1 to 3. The default of 1 knows percentiles to 6 % and takes
    /// least, as there may be a thousand shapes; 2 know them to 1 %.
    pub fn digits(mut self, digits: u8) -> Self {
        self.digits = digits;
        self
    }
}

/// The queries of a registry.
pub(crate) struct Core {
    pub(crate) table: Table<Cells>,
    pub(crate) shared: Arc<Shared>,
}

/// What all queries record into.
pub(crate) struct Shared {
    pub(crate) enabled: AtomicBool,
    /// A run: the query's id and whether it failed, its total, its phases, when it ended.
    pub(crate) history: Ring<6>,
    pub(crate) clock: Clock,
    pub(crate) phases: [Histogram; 3],
    pub(crate) ids: AtomicU32,
}

/// What a query records into.
pub(crate) struct Cells {
    /// By which the history knows it.
    pub(crate) id: u32,
    pub(crate) total: Histogram,
    pub(crate) phases: [Counter; 3],
    /// Which phases were ever recorded, by their bit: unknown is not 0.
    pub(crate) known: AtomicU32,
    pub(crate) errors: Counter,
    pub(crate) shared: Arc<Shared>,
}

impl Core {
    pub(crate) fn new(registry: &Registry, options: QueryOptions) -> Result<Core, Error> {
        let digits = HistogramOptions::default().digits(options.digits).highest(LONGEST_NS);
        let shared = Arc::new(Shared::new(registry, digits, options.history)?);
        let families = Families::new(registry, digits, shared.clone())?;
        let bytes = families.bytes();
        let table = Table::new(registry.budget(), bytes, move |name| families.cells(name));
        Ok(Core { table: table.of_histograms(1), shared })
    }
}

fn ns(name: &str, help: &str) -> Desc {
    Desc::new(name, help).unit(Unit::Nanoseconds)
}

impl Shared {
    fn new(registry: &Registry, digits: HistogramOptions, history: usize) -> Result<Shared, Error> {
        let phases = ns("query_phase_duration_seconds", "Time that a phase of any query takes.");
        let phases = registry.histogram_family(phases, &["phase"], digits)?;
        let [parse, optimize, execute] = Phase::ALL.map(|phase| phases.with(&[phase.as_str()]));
        Ok(Shared {
            enabled: AtomicBool::new(true),
            history: Ring::new(&registry.budget(), history),
            clock: registry.clock().clone(),
            phases: [parse?, optimize?, execute?],
            ids: AtomicU32::new(0),
        })
    }

    #[inline]
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }
}

/// The metrics that queries are in.
///
/// A family for each phase's times, as three series of a query in one family would reach its cap
/// of 2,000 series below a thousand queries, and would share one overflow series.
struct Families {
    total: Family<Histogram>,
    errors: Family<Counter>,
    times: [Family<Counter>; 3],
    shared: Arc<Shared>,
}

impl Families {
    fn new(
        registry: &Registry,
        digits: HistogramOptions,
        shared: Arc<Shared>,
    ) -> Result<Families, Error> {
        let total = ns("query_duration_seconds", "Time that a run of a query takes.");
        let errors = Desc::new("query_errors_total", "Runs of a query that failed.");
        let time = |phase: &str, doing: &str| {
            let name = format!("query_{phase}_seconds_total");
            let help = format!("Time that runs of a query spent in {doing}.");
            registry.counter_family(ns(&name, &help), &["query"])
        };
        Ok(Families {
            total: registry.histogram_family(total, &["query"], digits)?,
            errors: registry.counter_family(errors, &["query"])?,
            times: [
                time("parse", "parsing")?,
                time("optimize", "optimisation")?,
                time("execute", "execution")?,
            ],
            shared,
        })
    }

    fn bytes(&self) -> usize {
        let times: usize = self.times.iter().map(Family::series_bytes).sum();
        self.total.series_bytes() + self.errors.series_bytes() + times
    }

    fn cells(&self, name: Option<&[&str]>) -> Option<Cells> {
        let [parse, optimize, execute] = self.times.each_ref().map(|one| series(one, name));
        Some(Cells {
            id: self.shared.ids.fetch_add(1, Ordering::Relaxed),
            total: series(&self.total, name)?,
            phases: [parse?, optimize?, execute?],
            known: AtomicU32::new(0),
            errors: series(&self.errors, name)?,
            shared: self.shared.clone(),
        })
    }
}

impl Cells {
    pub(crate) fn record(&self, times: &Times, failed: bool) {
        for phase in Phase::ALL {
            if let Some(ns) = times.phase(phase) {
                self.record_phase(phase, ns);
            }
        }
        self.total.record(times.total);
        if failed {
            self.errors.inc();
        }
        let history = &self.shared.history;
        if history.capacity() > 0 {
            let run = u64::from(self.id) << 1 | u64::from(failed);
            let [parse, optimize, execute] = times.phases;
            history.push([run, times.total, parse, optimize, execute, self.shared.clock.unix_ns()]);
        }
    }

    pub(crate) fn record_phase(&self, phase: Phase, ns: u64) {
        self.phases[phase as usize].add(ns);
        self.shared.phases[phase as usize].record(ns);
        let bit = 1 << phase as u32;
        if self.known.load(Ordering::Relaxed) & bit == 0 {
            self.known.fetch_or(bit, Ordering::Relaxed);
        }
    }
}
