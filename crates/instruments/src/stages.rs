//! The steps of a pipeline: how often, how long, how many failed.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use perf_monitor_core::{
    Counter, Desc, Error, Histogram, HistogramOptions, Instant, Registry, Unit,
};

use crate::spread::{duration_ns, longest, quantile};
use crate::table::{Entry, Table, series};

/// The longest duration that is told apart: a day.
const LONGEST_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// The name of what found no room for a name of its own.
pub(crate) const OVERFLOW: &str = "overflow";

/// The stages of a pipeline, by name.
///
/// In the registry they are `stage_duration_seconds{stage}` and `stage_errors_total{stage}`. A
/// registry has one set of stages: `new` on the same registry gives the same. Clones are the same
/// set; any thread may record.
///
/// Stages that find no room in the registry's budget are recorded together, in the overflow
/// series, and counted as refused.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::Stages;
/// use std::time::Duration;
///
/// let stages = Stages::new(&Registry::new())?;
/// stages.record_stage("fetch", Duration::from_millis(50), false);
///
/// let write = stages.stage("write"); // a handle, to keep
/// {
///     let mut running = write.start();
///     running.fail(); // say, the disk was full
/// } // records the time since `start`
///
/// let fetch = stages.stage("fetch").metrics();
/// assert_eq!((fetch.count, fetch.throughput_per_s()), (1, 20.0));
/// assert_eq!(write.metrics().errors, 1);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Stages(Arc<Table<Cells>>);

/// What a stage records into.
struct Cells {
    duration: Histogram,
    errors: Counter,
    /// The shortest duration. Only ever lowered, before the duration is recorded: whoever reads
    /// the durations first finds it at least as low as they are.
    shortest_ns: AtomicU64,
}

/// One stage.
///
/// Cloning touches a shared reference count: clone once per thread or structure, not per record.
#[derive(Clone)]
pub struct Stage(Arc<Entry<Cells>>);

/// What is known of a stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageMetrics {
    /// The stage's name; "overflow" for all that found no room.
    pub name: String,
    /// Whether this is what found no room, all together.
    pub overflow: bool,
    /// How often it ran, failed runs included.
    pub count: u64,
    /// How often it failed.
    pub errors: u64,
    /// The time it took in all.
    pub total: Duration,
    /// The shortest run, exactly; `None` if it never ran.
    pub min: Option<Duration>,
    /// The longest run, exactly, up to a day; `None` if it never ran.
    pub max: Option<Duration>,
    /// The median, known to 1 %, as the percentiles that follow; `None` if it never ran.
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

impl StageMetrics {
    /// The mean duration; `None` if it never ran.
    pub fn avg(&self) -> Option<Duration> {
        let ns = duration_ns(self.total).checked_div(self.count)?;
        Some(Duration::from_nanos(ns))
    }

    /// Runs per second of the time that they took: `count / total`; 0 when they took none.
    ///
    /// Runs side by side add their times up, so this is what one worker gets done, whatever the
    /// number of workers.
    pub fn throughput_per_s(&self) -> f64 {
        let seconds = self.total.as_secs_f64();
        if seconds > 0.0 { self.count as f64 / seconds } else { 0.0 }
    }
}

impl Stages {
    /// The stages of `registry`.
    ///
    /// # Errors
    /// One of its metrics' names is registered as something else.
    pub fn new(registry: &Registry) -> Result<Stages, Error> {
        registry.companion(|| table(registry)).map(Stages)
    }

    /// Records a run of the stage `name` that took `duration`, and failed or not.
    ///
    /// Durations above a day are recorded as a day.
    ///
    /// # Cost
    /// `stage/guard`, its line `record_by_name`: comparing the name with what the thread remembers, and a
    /// [`Stage::record`].
    #[inline]
    pub fn record_stage(&self, name: &str, duration: Duration, error: bool) {
        self.0.with(&[name], |cells| cells.record(duration_ns(duration), error));
    }

    /// The stage `name`, to keep.
    pub fn stage(&self, name: &str) -> Stage {
        Stage(self.0.get(&[name]))
    }

    /// Begins a run of the stage `name`; the guard records it when it is dropped.
    ///
    /// # Cost
    /// As [`record_stage`](Self::record_stage), two clock reads and a shared reference count;
    /// [`Stage::start`] is cheaper.
    pub fn start(&self, name: &str) -> StageGuard<'static> {
        StageGuard::begin(Cow::Owned(self.stage(name)))
    }

    /// All stages by name, last the one of all that found no room, if there were such.
    pub fn summary(&self) -> Vec<StageMetrics> {
        self.0.entries().into_iter().map(|entry| Stage(entry).metrics()).collect()
    }
}

fn table(registry: &Registry) -> Result<Table<Cells>, Error> {
    let duration = Desc::new("stage_duration_seconds", "Time that a run of a stage takes.");
    let options = HistogramOptions::default().highest(LONGEST_NS);
    let duration =
        registry.histogram_family(duration.unit(Unit::Nanoseconds), &["stage"], options)?;
    let errors = Desc::new("stage_errors_total", "Runs of a stage that failed.");
    let errors = registry.counter_family(errors, &["stage"])?;
    let bytes = duration.series_bytes() + errors.series_bytes();
    let make = move |name: Option<&[&str]>| {
        let (duration, errors) = (series(&duration, name)?, series(&errors, name)?);
        Some(Cells { duration, errors, shortest_ns: AtomicU64::new(u64::MAX) })
    };
    Ok(Table::new(registry.budget(), bytes, make).of_histograms(1))
}

impl Cells {
    #[inline]
    fn record(&self, ns: u64, error: bool) {
        if ns < self.shortest_ns.load(Ordering::Relaxed) {
            self.shortest_ns.fetch_min(ns, Ordering::Relaxed);
        }
        self.duration.record(ns);
        if error {
            self.errors.inc();
        }
    }
}

impl Stage {
    /// Its name; "overflow" when it found no room and shares the instrument of all such.
    pub fn name(&self) -> &str {
        self.0.name().get(0).unwrap_or(OVERFLOW)
    }

    /// Records a run that took `duration`, and failed or not.
    ///
    /// # Cost
    /// `stage/guard` without its clock reads: a [`Histogram::record`], and a look at the shortest duration so far.
    #[inline]
    pub fn record(&self, duration: Duration, error: bool) {
        self.0.value.record(duration_ns(duration), error);
    }

    /// Begins a run; the guard records it when it is dropped.
    ///
    /// # Cost
    /// `stage/guard`, from here to the guard's end: two clock reads and a
    /// [`record`](Self::record).
    #[inline]
    pub fn start(&self) -> StageGuard<'_> {
        StageGuard::begin(Cow::Borrowed(self))
    }

    /// What is known of it.
    pub fn metrics(&self) -> StageMetrics {
        // In this order no run is seen as an error that is not in the count.
        let errors = self.0.value.errors.get();
        let value = self.0.value.duration.value();
        let shortest = self.0.value.shortest_ns.load(Ordering::Relaxed);
        StageMetrics {
            name: self.name().to_owned(),
            overflow: self.0.name().is_empty(),
            count: value.count,
            errors,
            total: Duration::from_nanos(value.sum),
            min: (value.count > 0).then(|| Duration::from_nanos(shortest)),
            max: longest(&value),
            p50: quantile(&value, 0.5),
            p90: quantile(&value, 0.9),
            p95: quantile(&value, 0.95),
            p99: quantile(&value, 0.99),
            p999: quantile(&value, 0.999),
        }
    }
}

/// A run of a stage, which is recorded when this is dropped; dropped by a panic, as an error.
#[must_use = "the run is recorded when the guard is dropped"]
pub struct StageGuard<'a> {
    stage: Cow<'a, Stage>,
    start: Instant,
    end: End,
    /// Whether the thread was panicking before: then it is not this run that did.
    panicking: bool,
}

/// How a run is to be recorded.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Well,
    Failed,
    Discarded,
}

impl<'a> StageGuard<'a> {
    #[inline]
    fn begin(stage: Cow<'a, Stage>) -> StageGuard<'a> {
        let panicking = std::thread::panicking();
        StageGuard { stage, end: End::Well, panicking, start: Instant::now() }
    }

    /// The run failed; it goes on until the guard is dropped.
    #[inline]
    pub fn fail(&mut self) {
        self.end = End::Failed;
    }

    /// The run failed, and ends here.
    #[inline]
    pub fn failed(mut self) {
        self.end = End::Failed;
    }

    /// Ends without a record.
    pub fn discard(mut self) {
        self.end = End::Discarded;
    }
}

impl Drop for StageGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.end != End::Discarded {
            let ns = self.start.elapsed_ns();
            let panicked = std::thread::panicking() && !self.panicking;
            self.stage.0.value.record(ns, panicked || self.end == End::Failed);
        }
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.summary()).finish()
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stage").field(&self.metrics()).finish()
    }
}

impl fmt::Debug for StageGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StageGuard").field(&self.stage.name()).finish()
    }
}
