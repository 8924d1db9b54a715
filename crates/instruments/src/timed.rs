//! What the attribute `#[timed]` records into.

mod body;
mod call;
mod site;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use perf_monitor_core::{
    Counter, Desc, Error, Family, Histogram, HistogramOptions, Registry, Unit,
};

#[doc(hidden)]
pub use body::{NoError, Returned, never, once};
pub use call::Call;
pub use site::Site;

use crate::spread::{longest, quantile};
use crate::stages::OVERFLOW;
use crate::table::{Entry, Table};

/// The longest call that is told apart: a day.
const LONGEST_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// The functions that are timed, by name.
///
/// In the registry they are `function_duration_seconds{function}`, where every call is, and
/// `function_calls_total{function,outcome}` with the outcomes `ok`, `error`, `panic` and
/// `cancelled`. A registry has one set of functions: `new` on the same registry gives the same.
/// Clones are the same set.
///
/// Functions that find no room in the registry's budget are recorded together, in the overflow
/// series, and counted as refused.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::timed::{Functions, Site};
///
/// // What the attribute writes into a function:
/// static SITE: Site = Site::new("orders::take");
/// let call = SITE.enter();
/// call.ok();
///
/// let functions = Functions::new(Registry::global())?;
/// assert_eq!(functions.summary()[0].name, "orders::take");
/// assert_eq!(functions.summary()[0].ok, 1);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Functions(Arc<Table<Cells>>);

/// What is known of a function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionMetrics {
    /// The function's name; "overflow" for all that found no room.
    pub name: String,
    /// Whether this is what found no room, all together.
    pub overflow: bool,
    /// Calls that returned, and not an `Err`.
    pub ok: u64,
    /// Calls that returned an `Err`.
    pub errors: u64,
    /// Calls that a panic ended.
    pub panics: u64,
    /// Futures that began and were dropped before they were done.
    pub cancelled: u64,
    /// The time of all calls together, from the call (of a future, its first poll) to the end.
    pub total: Duration,
    /// The longest call, exactly, up to a day; `None` without calls.
    pub max: Option<Duration>,
    /// The median, known to 1 %, as the percentiles that follow; `None` without calls.
    pub p50: Option<Duration>,
    /// The 95th percentile.
    pub p95: Option<Duration>,
    /// The 99th percentile.
    pub p99: Option<Duration>,
}

impl FunctionMetrics {
    /// Calls that ended, in whatever way.
    pub fn calls(&self) -> u64 {
        self.ok + self.errors + self.panics + self.cancelled
    }

    /// The mean time of a call; `None` without calls.
    pub fn avg(&self) -> Option<Duration> {
        let ns = self.total.as_nanos().checked_div(u128::from(self.calls()))?;
        Some(Duration::from_nanos(ns as u64))
    }
}

impl Functions {
    /// The functions of `registry`.
    ///
    /// # Errors
    /// One of its metrics' names is registered as something else.
    pub fn new(registry: &Registry) -> Result<Functions, Error> {
        registry.companion(|| table(registry)).map(Functions)
    }

    /// All functions that were called, by name; last the one of all that found no room, if there
    /// were such.
    pub fn summary(&self) -> Vec<FunctionMetrics> {
        self.0.entries().iter().map(|entry| metrics(entry)).collect()
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.summary()).finish()
    }
}

/// What a function's calls are recorded into. Each outcome is there from the first call on, as a
/// count that begins with its first 1 would show no increase.
struct Cells {
    duration: Histogram,
    calls: [Counter; OUTCOMES.len()],
    /// The outcomes of those that found no room: in the registry they share one series.
    apart: Option<[AtomicU64; OUTCOMES.len()]>,
}

impl Cells {
    #[inline]
    fn record(&self, ns: u64, outcome: Outcome) {
        self.duration.record(ns);
        self.calls[outcome as usize].inc();
        if let Some(apart) = &self.apart {
            apart[outcome as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn calls(&self) -> [u64; OUTCOMES.len()] {
        match &self.apart {
            None => self.calls.each_ref().map(Counter::get),
            Some(apart) => apart.each_ref().map(|calls| calls.load(Ordering::Relaxed)),
        }
    }
}

/// How a call ended; the number is its place in [`OUTCOMES`].
#[derive(Clone, Copy)]
enum Outcome {
    Ok,
    Error,
    Panic,
    Cancelled,
}

/// As the label says them.
const OUTCOMES: [&str; 4] = ["ok", "error", "panic", "cancelled"];

fn table(registry: &Registry) -> Result<Table<Cells>, Error> {
    let duration = Desc::new("function_duration_seconds", "Time that a call of a function takes.");
    let options = HistogramOptions::default().highest(LONGEST_NS);
    let duration =
        registry.histogram_family(duration.unit(Unit::Nanoseconds), &["function"], options)?;
    let calls = Desc::new("function_calls_total", "Calls of a function that ended, by how.");
    let calls = registry.counter_family(calls, &["function", "outcome"])?;
    let bytes = duration.series_bytes() + OUTCOMES.len() * calls.series_bytes();
    let make = move |name: Option<&[&str]>| cells(&duration, &calls, name);
    Ok(Table::new(registry.budget(), bytes, make).of_histograms(1))
}

fn cells(
    duration: &Family<Histogram>,
    calls: &Family<Counter>,
    name: Option<&[&str]>,
) -> Option<Cells> {
    let Some(&[name]) = name else {
        let calls = OUTCOMES.map(|_| calls.overflow());
        let apart = Some(Default::default());
        return Some(Cells { duration: duration.overflow(), calls, apart });
    };
    // First, as their family reaches its cap of series before the other does.
    let [ok, error, panic, cancelled] =
        OUTCOMES.map(|outcome| calls.try_with(&[name, outcome]).ok().flatten());
    let calls = [ok?, error?, panic?, cancelled?];
    Some(Cells { duration: duration.try_with(&[name]).ok()??, calls, apart: None })
}

fn metrics(entry: &Entry<Cells>) -> FunctionMetrics {
    let [ok, errors, panics, cancelled] = entry.value.calls();
    let value = entry.value.duration.value();
    FunctionMetrics {
        name: entry.name().get(0).unwrap_or(OVERFLOW).to_owned(),
        overflow: entry.name().is_empty(),
        ok,
        errors,
        panics,
        cancelled,
        total: Duration::from_nanos(value.sum),
        max: longest(&value),
        p50: quantile(&value, 0.5),
        p95: quantile(&value, 0.95),
        p99: quantile(&value, 0.99),
    }
}
