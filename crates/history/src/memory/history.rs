//! The memory backend.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use perf_monitor_core::{Lock, Registry};

use crate::error::Error;
use crate::labels::Labels;
use crate::selector::Selector;
use crate::storage::{Change, Generation, Samples, Series, SeriesId, Span, Storage};

use super::buckets::Buckets;
use super::options::{Options, Tier};
use super::record::Recorder;
use super::stats::Stats;
use super::store::Store;

/// A short history of series in memory: a fine tier without loss, and a coarse one that reaches further.
///
/// All ticks share their times, and each series has its values in blocks of a pool that grows up to what is set, as
/// differences from what was expected. The fine tier gives back each value to the bit. The coarse tier has the last
/// value of each step, also to the bit where it is a short decimal (else to a millionth), with least, largest, sum and
/// count: exact while they lie within 127 steps of one another, else rounded outwards by less than a hundredth of that
/// spread.
///
/// When the pool is used up, the series that takes the most gives its oldest block, which is counted; so a series of
/// noise shortens its own history before that of others.
///
/// Histograms are kept as Prometheus' classic ones: a series for each of [`Options::buckets`], `_sum` and `_count`. A
/// percentile is `histogram_quantile(0.99, rate(x_bucket[1m]))`.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_history::{MemoryHistory, Options, Query, QueryValue};
///
/// let registry = Registry::new();
/// let jobs = registry.counter(("jobs_total", "Jobs that were done."))?;
/// let history = MemoryHistory::new(Options::default())?;
/// for second in 0..10 {
///     jobs.add(5);
///     history.record(1_700_000_000_000 + second * 1_000, &registry);
/// }
/// let rate = Query::parse("rate(jobs_total[9s])")?;
/// let QueryValue::Vector(found) = rate.instant(&history, 1_700_000_009_000)? else { unreachable!() };
/// assert_eq!(found[0].value, 5.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
/// `history/memory-50-series`: 50 series in both tiers within 100,000 bytes.
pub struct MemoryHistory {
    id: u64,
    buckets: Buckets,
    tiers: [Tier; 2],
    store: Lock<Store>,
}

impl MemoryHistory {
    /// An empty history, with the tables for as many series as it may have.
    ///
    /// # Errors
    /// Options that contradict one another, or bytes that are too few for the series.
    pub fn new(options: Options) -> Result<MemoryHistory, Error> {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let store = Store::new(&options)?;
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let tiers = [options.fine, options.coarse];
        Ok(MemoryHistory { id, buckets: options.buckets, tiers, store: Lock::new(store) })
    }

    /// The fine tier and the coarse one, as they were chosen.
    pub fn tiers(&self) -> [Tier; 2] {
        self.tiers
    }

    /// Keeps what these selectors mean, from the next tick on, in the place of [`Options::keep`]: all, if there are none.
    ///
    /// A series of a metric that none of them names any more gets no further values, and ends as one that is gone does.
    pub fn keep(&self, selectors: impl Into<Arc<[Selector]>>) {
        self.store.lock().plan.keep = selectors.into();
    }

    /// Records the values that `registry` has now as those of `at_ms`, in milliseconds since the Unix epoch.
    ///
    /// False if the tick was not recorded: it came sooner than half a step after the one before, or before that. A clock
    /// that was set back by more than a minute makes history begin anew.
    pub fn record(&self, at_ms: i64, registry: &Registry) -> bool {
        let mut store = self.store.lock();
        let begun = store.begin(at_ms);
        if begun {
            registry.visit(&mut Recorder::new(&mut store, &self.buckets));
            store.walk.end();
            store.end();
        }
        begun
    }

    /// The same with values from elsewhere. At the time of the newest tick they are added to it; a series has one value
    /// in a tick, the first.
    pub fn record_values<'a>(
        &self,
        at_ms: i64,
        values: impl IntoIterator<Item = (&'a Labels, f64)>,
    ) -> bool {
        let mut store = self.store.lock();
        let begun = store.begin(at_ms);
        if begun {
            for (labels, value) in values {
                if let Some(place) = store.place_of(labels.clone()) {
                    store.put(place, value);
                }
            }
            store.end();
        }
        begun
    }

    /// What it holds, and what it could not.
    pub fn stats(&self) -> Stats {
        let stats = self.store.lock().stats();
        Stats { bytes: stats.bytes + self.buckets.bytes(), ..stats }
    }
}

impl Storage for MemoryHistory {
    fn generation(&self) -> Generation {
        Generation { storage: self.id, changes: self.store.lock().table.changes }
    }

    fn generation_of(&self, selector: &Selector) -> Generation {
        let changes = self.store.lock().table.changes_of(selector);
        Generation { storage: self.id, changes }
    }

    fn select(&self, selector: &Selector, _: Span) -> Result<Vec<Series>, Error> {
        Ok(self.store.lock().table.select(selector))
    }

    fn read(&self, series: SeriesId, span: Span, into: &mut Samples) -> Result<(), Error> {
        let store = self.store.lock();
        if let Some(kept) = store.table.of_id(series) {
            kept.read(store.tiers(), span, into);
        }
        Ok(())
    }

    fn change(&self, series: SeriesId, span: Span) -> Result<Option<Change>, Error> {
        let store = self.store.lock();
        let Some(kept) = store.table.of_id(series) else { return Ok(None) };
        if let Some(change) = kept.even_change(store.tiers(), span) {
            return Ok(Some(change));
        }
        let mut samples = Samples::default();
        kept.read(store.tiers(), span, &mut samples);
        Ok(Change::of(&samples.at_ms, &samples.values))
    }

    fn last(&self, series: SeriesId, span: Span) -> Result<Option<(i64, f64)>, Error> {
        let store = self.store.lock();
        let Some(kept) = store.table.of_id(series) else { return Ok(None) };
        if let Some(newest) = kept.newest_in(store.tiers().fine, span) {
            return Ok(Some(newest));
        }
        let mut samples = Samples::default();
        kept.read(store.tiers(), span, &mut samples);
        Ok(samples.at_ms.last().copied().zip(samples.values.last().copied()))
    }
}

impl fmt::Debug for MemoryHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryHistory").field(&self.stats()).finish()
    }
}
