//! The series of one name, told apart by their labels.

use crate::cache::{Sought, Words};
use crate::counter::{Counter, ObservedCounter};
use crate::distribution::Record;
use crate::error::{Error, ErrorKind};
use crate::gauge::Gauge;
use crate::histogram::Histogram;
use crate::metric::{AnyMetric, Instrument, Metric, Spec, sealed::Handle};
use crate::registry::Shared;
use crate::slab::{CellId, bump};
use crate::slot::Slot;
use crate::snapshot::{FamilyInfo, SeriesInfo};
use crate::sync::Lock;
use crate::{FloatCounter, LabelValues, local};
use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// One series: its labels, its metric, and the bytes it is charged.
pub(crate) struct Series {
    pub(crate) info: SeriesInfo,
    pub(crate) metric: Metric,
    /// Rises with each series of the process; readers go by it.
    pub(crate) sequence: u64,
    /// Bytes that it is charged; 0 once it is removed, though caches may hold it for a while.
    cost: AtomicUsize,
    shared: Arc<Shared>,
}

impl Series {
    /// Gives its bytes back to the budget: it is not shown any more.
    fn discharge(&self) {
        let cost = self.cost.swap(0, Ordering::Relaxed);
        self.shared.discharge(cost, self.metric.distribution().is_some());
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        self.discharge();
    }
}

/// What all handles of a family share.
pub(crate) struct FamilyCore {
    /// Not the same for any two families of the process, so that caches can tell them apart.
    id: u64,
    pub(crate) info: FamilyInfo,
    pub(crate) spec: Spec,
    /// Another number of the process after a series is removed; what caches know from before is
    /// void.
    mark: AtomicU64,
    shared: Arc<Shared>,
    pub(crate) state: Lock<State>,
}

/// A family's series: by their labels, and in the order in which they began.
#[derive(Default)]
pub(crate) struct State {
    by_labels: HashSet<ByLabels>,
    pub(crate) slots: Vec<Slot>,
    overflow: Option<Arc<Series>>,
}

static IDS: AtomicU64 = AtomicU64::new(1);

impl FamilyCore {
    pub(crate) fn new(info: FamilyInfo, spec: Spec, shared: Arc<Shared>) -> FamilyCore {
        let family = FamilyCore {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            info,
            spec,
            mark: AtomicU64::new(IDS.fetch_add(1, Ordering::Relaxed)),
            shared,
            state: Lock::new(State::default()),
        };
        family.shared.charge(family.cost(), false);
        family
    }

    /// Bytes of the family beside its series: itself, its name as a key, its texts, and an index.
    fn cost(&self) -> usize {
        let info = &self.info;
        let labels = info.label_names.iter().map(|n| n.len() + size_of::<Box<str>>());
        FAMILY_BYTES + 2 * info.name.len() + info.help.len() + labels.sum::<usize>()
    }

    fn sought(&self, values: &[&str]) -> Sought {
        Sought::new(self.id, self.mark.load(Ordering::Acquire), values)
    }

    /// What the calling thread remembers of these values.
    #[inline(always)]
    fn hit(&self, values: &[&str]) -> Option<Hit> {
        match *values {
            [a] => self.hit_words(&[a]),
            [a, b] => self.hit_words(&[a, b]),
            [a, b, c] => self.hit_words(&[a, b, c]),
            _ => None,
        }
    }

    #[inline(always)]
    fn hit_words<const N: usize>(&self, values: &[&str; N]) -> Option<Hit> {
        let words = Words::of(values)?;
        let mark = self.mark.load(Ordering::Acquire);
        // SAFETY: nothing in here allocates or runs foreign code.
        let entry = unsafe { local::own_labels() }?.find_words(self.id, mark, &words)?;
        Some(Hit { cell: entry.cell, series: Arc::as_ptr(&entry.series) })
    }

    /// The series of these label values; the overflow series where they have none and no room, or
    /// are not as many as the family has names.
    pub(crate) fn series(&self, values: &[&str]) -> Arc<Series> {
        self.with_series(values, Arc::clone)
    }

    /// Runs `see` with that series under the family's lock. A new series' metric is made before
    /// the lock is taken: that takes the arena's, which readers hold while they take this one.
    fn with_series<R>(&self, values: &[&str], see: impl Fn(&Arc<Series>) -> R) -> R {
        let mut spare = None;
        loop {
            let spec = {
                let mut state = self.state.lock();
                match self.find_or_insert(&mut state, values, &mut spare) {
                    Ok(series) => return see(&series),
                    Err(spec) => spec,
                }
            };
            spare = Some((spec, Metric::new(spec, self.info.unit)));
        }
    }

    /// The series, or what metric it takes to make it.
    fn find_or_insert(
        &self,
        state: &mut State,
        values: &[&str],
        spare: &mut Option<(Spec, Metric)>,
    ) -> Result<Arc<Series>, Spec> {
        let known = values.len() == self.info.label_names.len();
        if known && let Some(found) = state.by_labels.get(&values as &dyn Labels) {
            return Ok(found.0.clone());
        }
        let text: usize = values.iter().map(|v| v.len()).sum();
        let cost = SERIES_BYTES + text + self.spec.cost();
        if known && state.by_labels.len() < self.shared.series_cap && self.shared.fits(cost) {
            let metric = take(spare, self.spec)?;
            let labels = values.iter().collect();
            return Ok(self.insert(state, labels, metric, cost));
        }
        let refused = if known { &self.shared.refused } else { &self.shared.wrong_labels };
        let series = match &state.overflow {
            Some(overflow) => overflow.clone(),
            None => {
                let metric = take(spare, self.spec.frugal())?;
                self.insert_overflow(state, metric)
            }
        };
        refused.fetch_add(1, Ordering::Relaxed);
        Ok(series)
    }

    /// A series with a metric that exists already; the collector's.
    pub(crate) fn adopt(&self, values: &[&str], metric: Metric, cost: usize) {
        let labels = values.iter().collect();
        self.insert(&mut self.state.lock(), labels, metric, cost);
    }

    fn insert(
        &self,
        state: &mut State,
        label_values: LabelValues,
        metric: Metric,
        cost: usize,
    ) -> Arc<Series> {
        let series = self.new_series(label_values, false, metric, cost);
        state.by_labels.insert(ByLabels(series.clone()));
        self.push(state, &series);
        series
    }

    /// The series that takes what has no other. There is one, outside the budget, so that every
    /// record has a place; it keeps a histogram to one digit.
    fn insert_overflow(&self, state: &mut State, metric: Metric) -> Arc<Series> {
        let cost = SERIES_BYTES + self.spec.frugal().cost();
        let series = self.new_series(LabelValues::default(), true, metric, cost);
        state.overflow = Some(series.clone());
        self.push(state, &series);
        series
    }

    fn push(&self, state: &mut State, series: &Arc<Series>) {
        if self.info.label_names.is_empty() {
            // There will be no other.
            state.slots.reserve_exact(1);
        }
        state.slots.push(Slot::new(series.clone(), self.shared.clock.now_ns()));
    }

    fn new_series(
        &self,
        label_values: LabelValues,
        overflow: bool,
        metric: Metric,
        cost: usize,
    ) -> Arc<Series> {
        let started_unix_ns = self.shared.clock.unix_ns();
        let sequence = IDS.fetch_add(1, Ordering::Relaxed);
        let info = SeriesInfo { label_values, overflow, started_unix_ns };
        self.shared.charge(cost, metric.distribution().is_some());
        let cost = AtomicUsize::new(cost);
        Arc::new(Series { info, metric, sequence, cost, shared: self.shared.clone() })
    }

    /// The series of these values, remembered by the calling thread from now on. `sought` was made
    /// before: if the series is removed in between, the entry is void from the start.
    #[cold]
    fn look_up(&self, sought: Sought, values: &[&str]) -> Arc<Series> {
        local::attach();
        let series = self.series(values);
        let cached = series.clone();
        local::with_labels(|labels| labels.insert(sought, cached, local::arena()));
        series
    }

    fn remove(&self, values: &[&str]) -> bool {
        let removed = {
            let mut state = self.state.lock();
            let Some(found) = state.by_labels.take(&values as &dyn Labels) else {
                return false;
            };
            state.slots.retain(|slot| !Arc::ptr_eq(&slot.series, &found.0));
            self.forget([&found.0]);
            found
        };
        drop(removed);
        true
    }

    /// Removes all series.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        self.forget(state.slots.iter().map(|slot| &slot.series));
        let state = std::mem::take(&mut *state);
        drop(state);
    }

    /// Removes the series that nobody holds and whose value has stood still since `idle_since_ns`.
    ///
    /// In two ticks: the first makes caches forget them, so that whoever records comes through the
    /// family's lock; the second removes those that have not moved even so.
    pub(crate) fn expire(&self, state: &mut State, idle_since_ns: u64) {
        if self.info.label_names.is_empty() {
            return;
        }
        let State { by_labels, slots, .. } = state;
        let (before, mut warned) = (slots.len(), false);
        slots.retain_mut(|slot| {
            let series = &slot.series;
            let idle = slot.moved_ns <= idle_since_ns
                && !series.info.overflow
                && series.metric.is_unheld();
            let expires = idle && slot.leaving;
            if expires {
                by_labels.remove(&series.info.label_values as &dyn Labels);
                series.discharge();
            }
            warned |= idle;
            slot.leaving = idle;
            !expires
        });
        self.shared.expired.fetch_add((before - slots.len()) as u64, Ordering::Relaxed);
        if warned {
            self.forget([]);
        }
    }

    /// Makes caches forget series that have been removed, and gives their bytes back.
    fn forget<'a>(&self, series: impl IntoIterator<Item = &'a Arc<Series>>) {
        series.into_iter().for_each(|series| series.discharge());
        self.mark.store(IDS.fetch_add(1, Ordering::Relaxed), Ordering::Release);
    }
}

impl Drop for FamilyCore {
    fn drop(&mut self) {
        self.shared.discharge(self.cost(), false);
    }
}

/// Bytes of a family with an index for a few series, and of its place among the families.
const FAMILY_BYTES: usize = size_of::<FamilyCore>() + 10 * size_of::<usize>() + 64;

/// Takes the metric that was made beforehand, or tells which is wanted.
fn take(spare: &mut Option<(Spec, Metric)>, spec: Spec) -> Result<Metric, Spec> {
    match spare.take() {
        Some((made, metric)) if made == spec => Ok(metric),
        _ => Err(spec),
    }
}

/// Bytes of a series without its labels' text and its metric: the structs, their allocations and
/// its places in the family's two indices.
const SERIES_BYTES: usize =
    size_of::<Series>() + size_of::<Slot>() + 2 * size_of::<ByLabels>() + 4 * size_of::<usize>();

/// A series as a key: by its label values, which can be looked up without owning them.
struct ByLabels(Arc<Series>);

trait Labels {
    fn count(&self) -> usize;
    fn at(&self, index: usize) -> &str;
}

impl Labels for &[&str] {
    fn count(&self) -> usize {
        self.len()
    }

    fn at(&self, index: usize) -> &str {
        self[index]
    }
}

impl Labels for LabelValues {
    fn count(&self) -> usize {
        self.len()
    }

    fn at(&self, index: usize) -> &str {
        &self[index]
    }
}

impl Hash for dyn Labels + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for index in 0..self.count() {
            self.at(index).hash(state);
        }
    }
}

impl PartialEq for dyn Labels + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.count() == other.count() && (0..self.count()).all(|i| self.at(i) == other.at(i))
    }
}

impl Eq for dyn Labels + '_ {}

impl<'a> Borrow<dyn Labels + 'a> for ByLabels {
    fn borrow(&self) -> &(dyn Labels + 'a) {
        &self.0.info.label_values
    }
}

impl Hash for ByLabels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.0.info.label_values as &dyn Labels).hash(state);
    }
}

impl PartialEq for ByLabels {
    fn eq(&self, other: &Self) -> bool {
        self.0.info.label_values == other.0.info.label_values
    }
}

impl Eq for ByLabels {}

/// Metrics of one name that are told apart by labels.
///
/// Recording through the family looks the values up in a small cache of the calling thread, which
/// compares the whole key. Beyond the family's series cap or the registry's byte budget, records
/// land in one series labelled `overflow="true"`: totals stay right, and the refusal is counted.
///
/// ```
/// let registry = perf_monitor_core::Registry::new();
/// let served = registry.counter_family(("served_total", "Requests served."), &["route", "status"])?;
/// served.inc(&["/search", "200"]);
/// let hot = served.with(&["/search", "200"])?; // a handle, to keep
/// hot.inc();
/// assert_eq!(hot.get(), 2);
/// assert!(served.with(&["/search"]).unwrap_err().is_label_count());
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
pub struct Family<M> {
    core: Arc<FamilyCore>,
    handle: PhantomData<fn() -> M>,
}

impl<M> Clone for Family<M> {
    fn clone(&self) -> Self {
        Family { core: self.core.clone(), handle: PhantomData }
    }
}

impl<M: Instrument> Family<M> {
    pub(crate) fn of(core: Arc<FamilyCore>) -> Family<M> {
        Family { core, handle: PhantomData }
    }

    /// The handle of the series with these label values, in the order of the family's names. The
    /// series begins if it is new. While a handle lives its series does not expire.
    ///
    /// # Errors
    /// A number of values that is not the number of names.
    pub fn with(&self, values: &[&str]) -> Result<M, Error> {
        let names = &self.core.info.label_names;
        if values.len() != names.len() {
            return Err(Error::new(
                ErrorKind::LabelCount,
                format!(
                    "metric {:?} has {} labels ({}) and was given {} values {values:?}: give one value per label",
                    self.core.info.name,
                    names.len(),
                    names.join(", "),
                    values.len(),
                ),
            ));
        }
        // The handle is made under the family's lock, where expiry looks for handles.
        let handle = self.core.with_series(values, |series| match &series.metric {
            Metric::Observed(_) if series.info.overflow => None,
            _ => Some(handle(series)),
        });
        // As with `observe`: a source that has no room counts for itself, unseen.
        Ok(handle.unwrap_or_else(|| {
            let unseen = Metric::new(Spec::Observed, self.core.info.unit);
            M::of_metric(&AnyMetric::new(unseen)).expect("it is of the family's kind")
        }))
    }

    /// Removes the series of these label values; false if there is none. A handle that still lives
    /// goes on counting for itself, unseen; the same values begin a new series, from 0.
    pub fn remove(&self, values: &[&str]) -> bool {
        self.core.remove(values)
    }

    /// Removes all series.
    pub fn clear(&self) {
        self.core.clear();
    }

    /// How many series there are, the overflow series included.
    pub fn len(&self) -> usize {
        self.core.state.lock().slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

pub(crate) fn handle<M: Instrument>(series: &Series) -> M {
    let metric = AnyMetric::new(series.metric.clone());
    <M as Handle>::of_metric(&metric).expect("a family's series are all of its kind")
}

impl<M> fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Family").field(&self.core.info.name).finish()
    }
}

impl Family<Counter> {
    /// Counts one in the series of these values.
    ///
    /// # Cost
    /// `counter/dynamic-2-labels`: hashing and comparing the values, and the add; a lock and a map
    /// the first time that a thread uses them.
    #[inline(always)]
    pub fn inc(&self, values: &[&str]) {
        self.add(values, 1);
    }

    /// Counts `n` in the series of these values. A wrong number of values counts in the overflow
    /// series.
    #[inline(always)]
    pub fn add(&self, values: &[&str], n: u64) {
        match self.core.hit(values).and_then(|hit| local::own_cell(hit.cell)) {
            Some(own) => bump(own, n),
            None => self.add_cold(values, n),
        }
    }

    #[cold]
    #[inline(never)]
    fn add_cold(&self, values: &[&str], n: u64) {
        if let Metric::Counter(core) = &self.core.find(values).metric {
            core.add_cold(n);
        }
    }
}

impl FamilyCore {
    /// The series through the cache, held.
    fn find(&self, values: &[&str]) -> Arc<Series> {
        if values.len() != self.info.label_names.len() {
            // Not remembered, so that each such record is counted.
            return self.series(values);
        }
        let sought = self.sought(values);
        // SAFETY: a count goes up, which neither allocates nor runs foreign code.
        let found = unsafe { local::own_labels() }.and_then(|labels| labels.find(&sought));
        let found = found.map(|entry| entry.series.clone());
        found.unwrap_or_else(|| self.look_up(sought, values))
    }
}

/// What the calling thread remembers of some values. Its cache keeps the series alive until the
/// thread looks up the next values that it does not remember.
struct Hit {
    cell: CellId,
    series: *const Series,
}

impl Family<FloatCounter> {
    /// Adds `x` in the series of these values.
    pub fn add(&self, values: &[&str], x: f64) {
        if let Metric::FloatCounter(core) = &self.core.find(values).metric {
            FloatCounter::of(core.clone()).add(x);
        }
    }
}

impl Family<ObservedCounter> {
    /// Takes a source's total for the series of these values. Totals of several sources cannot
    /// share the overflow series: those that have no room are left out, and counted as refused.
    pub fn observe(&self, values: &[&str], source_total: u64) {
        let series = self.core.find(values);
        if let (Metric::Observed(core), false) = (&series.metric, series.info.overflow) {
            ObservedCounter::of(core.clone()).observe(source_total);
        }
    }
}

impl Family<Gauge> {
    /// Sets the series of these values.
    pub fn set(&self, values: &[&str], value: f64) {
        if let Metric::Gauge(core) = &self.core.find(values).metric {
            core.set(value);
        }
    }

    /// Raises the series of these values by `x`.
    pub fn add(&self, values: &[&str], x: f64) {
        if let Metric::Gauge(core) = &self.core.find(values).metric {
            Gauge::of(core.clone()).add(x);
        }
    }
}

impl Family<Histogram> {
    /// Records `value` in the series of these values.
    ///
    /// # Cost
    /// As [`Family::<Counter>::inc`], and a [`Histogram::record`].
    #[inline]
    pub fn record(&self, values: &[&str], value: u64) {
        if !self.core.hit(values).is_some_and(|hit| record_hit(hit, value)) {
            self.record_cold(values, value);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_cold(&self, values: &[&str], value: u64) {
        if let Metric::Histogram(core) = &self.core.find(values).metric {
            Histogram::of(core.clone()).record(value);
        }
    }
}

/// Records through what the thread remembers, unless that would take more than plain stores.
#[inline(always)]
fn record_hit(hit: Hit, value: u64) -> bool {
    let Some(own) = local::own_cell(hit.cell) else {
        return false;
    };
    // SAFETY: the cache keeps the series until the thread looks up other values, which it cannot
    // in between: nothing below allocates or runs foreign code.
    let Metric::Histogram(core) = (unsafe { &(*hit.series).metric }) else {
        return false;
    };
    let layout = core.cells.layout();
    if value > layout.highest() || !core.cells.has_octave(own, layout, value) {
        return false;
    }
    core.cells.record_own::<false>(own, Record { layout, value, sum: value, failed: false });
    true
}
