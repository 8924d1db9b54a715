//! Distributions: how long, how large, how many at a time.

use crate::distribution::Distribution;
#[cfg(not(loom))]
use crate::distribution::Record;
use crate::sync::Arc;
use crate::{HistogramValue, Layout, Unit, error::Error};
#[cfg(not(loom))]
use crate::{clock::Instant, exemplar::Exemplar, local};
use std::fmt;
use std::time::Duration;

/// How finely a histogram tells values apart, and up to where.
///
/// The default is two digits (values are known to 1 %) up to 60,000,000: a minute in
/// microseconds. It takes 10 KiB when all of its range is in use, three digits take 68 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistogramOptions {
    digits: u8,
    highest: u64,
}

impl Default for HistogramOptions {
    fn default() -> Self {
        HistogramOptions { digits: 2, highest: Layout::LATENCY.highest() }
    }
}

impl HistogramOptions {
    /// Significant decimal digits: 1, 2 or 3.
    pub fn digits(mut self, digits: u8) -> Self {
        self.digits = digits;
        self
    }

    /// The highest value that is told apart, in the recorded unit. Larger values are recorded as
    /// this one, and counted as clamped.
    pub fn highest(mut self, highest: u64) -> Self {
        self.highest = highest;
        self
    }

    pub(crate) fn layout(self, metric: &str) -> Result<Layout, Error> {
        Layout::new(self.digits, self.highest).map_err(|error| error.of_metric(metric))
    }
}

/// What the handles of one histogram share.
pub(crate) struct HistogramCore {
    pub(crate) cells: Distribution,
    pub(crate) unit: Unit,
    /// What timers mostly record into, known by one look.
    usual: Usual,
}

impl HistogramCore {
    pub(crate) fn new(cells: Distribution, unit: Unit) -> HistogramCore {
        let usual = match (unit, cells.layout().digits()) {
            (Unit::Microseconds, 2) => Usual::Micros,
            (Unit::Nanoseconds, 2) => Usual::Nanos,
            _ => Usual::Not,
        };
        HistogramCore { cells, unit, usual }
    }
}

/// Histograms of two digits in a unit that the clock gives at once.
#[derive(Clone, Copy, PartialEq)]
enum Usual {
    Not,
    Micros,
    Nanos,
}

/// A distribution with exact counts, sum and largest value.
///
/// Clones record into the same distribution; as with [`Counter`](crate::Counter), clone once per
/// thread or structure.
///
/// ```
/// use perf_monitor_core::{Desc, HistogramOptions, Registry, Unit};
/// use std::time::Duration;
///
/// let registry = Registry::new();
/// let desc = Desc::new("query_duration_seconds", "Time that queries take.").unit(Unit::Microseconds);
/// let queries = registry.histogram(desc, HistogramOptions::default())?;
/// queries.record_duration(Duration::from_millis(3));
/// {
///     let _timer = queries.start_timer(); // records when it is dropped
/// }
/// assert_eq!(queries.value().count, 2);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Histogram {
    core: Arc<HistogramCore>,
}

impl Histogram {
    pub(crate) fn of(core: Arc<HistogramCore>) -> Histogram {
        Histogram { core }
    }

    /// The whole distribution since the series began.
    ///
    /// # Cost
    /// A lock that recording threads do not wait for, and a load for each cell in use.
    pub fn value(&self) -> HistogramValue {
        let cells = &self.core.cells;
        cells.value(&cells.arena().read())
    }

    /// How many values were above the highest, and were recorded as the highest.
    pub fn clamped(&self) -> u64 {
        self.core.cells.clamped()
    }
}

#[cfg(not(loom))]
impl Histogram {
    /// Records `value`, in the histogram's unit.
    ///
    /// # Cost
    /// `latency/record` without the moving average: a handful of plain adds to cells that only
    /// this thread writes.
    #[inline]
    pub fn record(&self, value: u64) {
        let layout = self.core.cells.layout();
        if value > layout.highest() {
            return self.record_clamped();
        }
        match layout.digits() {
            2 => self.record_in(layout.with_two_digits(), value),
            _ => self.record_in(layout, value),
        }
    }

    #[inline(always)]
    fn record_in(&self, layout: Layout, value: u64) {
        let cells = &self.core.cells;
        match local::own_cell(cells.id()) {
            Some(own) => {
                let record = Record { layout, value, sum: value, failed: false };
                cells.record_own::<false>(own, record);
            }
            None => cells.record_cold::<false>(value, value, false),
        }
    }

    #[cold]
    #[inline(never)]
    fn record_clamped(&self) {
        self.core.cells.count_clamped();
        self.record(self.core.cells.layout().highest());
    }

    /// Records a duration in a histogram of a unit of time: nanoseconds, microseconds or whole
    /// seconds; in any other, its nanoseconds.
    ///
    /// # Cost
    /// As [`record`](Self::record), and a division.
    #[inline]
    pub fn record_duration(&self, duration: Duration) {
        self.record_ns(duration.as_nanos().min(u128::from(u64::MAX)) as u64);
    }

    #[inline]
    fn record_ns(&self, ns: u64) {
        self.record(match self.core.unit {
            Unit::Microseconds => ns / 1_000,
            Unit::Seconds => ns / 1_000_000_000,
            _ => ns,
        });
    }

    /// Remembers the trace that a value was measured in, which was recorded or is going to be: OpenMetrics and
    /// OTLP show it on the value's bucket. The last of each doubling is kept, for a tenth of a second
    /// at the least. A trace id of 0 is none.
    ///
    /// # Cost
    /// A lock that is tried, not waited for: this is for the few traces that somebody can look at.
    pub fn exemplar(&self, exemplar: Exemplar) {
        if exemplar.trace_id != 0 {
            self.core.cells.keep_exemplar(exemplar);
        }
    }

    /// Starts a timer that records the time from now to its end.
    ///
    /// # Cost
    /// `timer/scope`: two reads of the clock and a record.
    #[inline]
    pub fn start_timer(&self) -> Timer<'_> {
        Timer { histogram: self, start: Instant::now() }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("layout", &self.core.cells.layout())
            .finish_non_exhaustive()
    }
}

/// Values below this lie in the first two octaves of two digits, where each has its own cell.
#[cfg(not(loom))]
const SHORT: u64 = 256;

/// Records how long it lived, when it is dropped.
#[cfg(not(loom))]
#[must_use = "the timer records when it is dropped"]
#[derive(Debug)]
pub struct Timer<'a> {
    histogram: &'a Histogram,
    start: Instant,
}

#[cfg(not(loom))]
impl Timer<'_> {
    /// Ends without a record.
    pub fn discard(self) {
        std::mem::forget(self);
    }
}

#[cfg(not(loom))]
impl Drop for Timer<'_> {
    #[inline]
    fn drop(&mut self) {
        let histogram = self.histogram;
        // The usual kinds are spared the division, and have constant shifts.
        let value = match histogram.core.usual {
            Usual::Nanos => self.start.elapsed_ns(),
            Usual::Micros => self.start.elapsed_us(),
            Usual::Not => return histogram.record_ns(self.start.elapsed_ns()),
        };
        let layout = histogram.core.cells.layout().with_two_digits();
        if value < SHORT {
            // For scopes so short that their timer matters, the compiler works the octave out:
            // 2 ns of 8 that a timer takes over its two reads of the clock.
            histogram.record_in(layout, value);
        } else if value <= layout.highest() {
            histogram.record_in(layout, value);
        } else {
            histogram.record_clamped();
        }
    }
}
