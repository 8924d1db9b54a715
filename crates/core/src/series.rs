//! The series of one name: who is there, who comes, and who goes.

use crate::budget::Account;
use crate::cache::{Sought, Words};
use crate::key::{ByLabels, Labels};
use crate::metric::{Metric, Spec};
use crate::registry::Shared;
use crate::slab::CellId;
use crate::slot::Slot;
use crate::snapshot::{FamilyInfo, SeriesInfo};
use crate::sync::Lock;
use crate::{LabelValues, local};
use std::collections::HashSet;
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
    /// Whether it is not shown any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.cost.load(Ordering::Relaxed) == 0
    }

    /// Gives its bytes back to the budget: it is not shown any more.
    fn discharge(&self) {
        let cost = self.cost.swap(0, Ordering::Relaxed);
        self.shared.ledger.discharge(cost, self.metric.distribution().is_some());
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
    /// Another number whenever a series comes or goes; written under the lock of `state`.
    changes: AtomicU64,
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
            changes: AtomicU64::new(0),
            shared,
            state: Lock::new(State::default()),
        };
        family.shared.ledger.charge(family.cost(), false);
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
    pub(crate) fn hit(&self, values: &[&str]) -> Option<Hit> {
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
    pub(crate) fn with_series<R>(&self, values: &[&str], see: impl Fn(&Arc<Series>) -> R) -> R {
        let mut spare = None;
        loop {
            let wanted = {
                let mut state = self.state.lock();
                match self.find_or_insert(&mut state, values, &mut spare) {
                    Ok(series) => return see(&series),
                    Err(wanted) => wanted,
                }
            };
            spare = Some((wanted, self.new_metric(wanted)));
        }
    }

    fn new_metric(&self, wanted: Wanted) -> Metric {
        // The overflow series is charged for all its cells as it begins.
        let account = (!wanted.overflow)
            .then(|| Account { ledger: self.shared.ledger.clone(), always: false });
        Metric::new(wanted.spec, self.info.unit, account)
    }

    fn overflow_metric(&self) -> Wanted {
        Wanted { spec: self.spec.frugal(), overflow: true }
    }

    /// As [`with_series`](Self::with_series), but nothing where the series is new and has no room.
    pub(crate) fn with_room<R>(
        &self,
        values: &[&str],
        see: impl Fn(&Arc<Series>) -> R,
    ) -> Option<R> {
        let text: usize = values.iter().map(|v| v.len()).sum();
        let room = {
            let state = self.state.lock();
            state.by_labels.contains(&values as &dyn Labels)
                || (state.by_labels.len() < self.shared.series_cap
                    && self.shared.ledger.fits(self.series_bytes() + text))
        };
        room.then(|| self.with_series(values, see))
    }

    /// What a new series is charged, without its labels' text.
    pub(crate) fn series_bytes(&self) -> usize {
        SERIES_BYTES + self.spec.cost()
    }

    /// Runs `see` with the series of what has no other, which begins if it is new.
    pub(crate) fn with_overflow<R>(&self, see: impl FnOnce(&Arc<Series>) -> R) -> R {
        let mut spare = None;
        loop {
            let mut state = self.state.lock();
            let found = state.overflow.clone();
            let metric = match (found, spare.take()) {
                (Some(series), _) => return see(&series),
                (None, Some(metric)) => metric,
                (None, None) => {
                    drop(state);
                    spare = Some(self.new_metric(self.overflow_metric()));
                    continue;
                }
            };
            let series = self.insert_overflow(&mut state, metric);
            return see(&series);
        }
    }

    /// The series, or what metric it takes to make it.
    fn find_or_insert(
        &self,
        state: &mut State,
        values: &[&str],
        spare: &mut Option<(Wanted, Metric)>,
    ) -> Result<Arc<Series>, Wanted> {
        let known = values.len() == self.info.label_names.len();
        if known && let Some(found) = state.by_labels.get(&values as &dyn Labels) {
            return Ok(found.0.clone());
        }
        let text: usize = values.iter().map(|v| v.len()).sum();
        let cost = self.series_bytes() + text;
        if known && state.by_labels.len() < self.shared.series_cap && self.shared.ledger.fits(cost)
        {
            let metric = take(spare, Wanted { spec: self.spec, overflow: false })?;
            let labels = values.iter().collect();
            return Ok(self.insert(state, labels, metric, cost));
        }
        let refused = if known { &self.shared.ledger.refused } else { &self.shared.wrong_labels };
        let series = match &state.overflow {
            Some(overflow) => overflow.clone(),
            None => {
                let metric = take(spare, self.overflow_metric())?;
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
        let cost = SERIES_BYTES + self.spec.frugal().full_cost();
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
        self.changed();
    }

    /// Series came or went; called under the lock of `state`.
    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
        self.shared.generation.fetch_add(1, Ordering::Release);
    }

    /// Equal as long as no series comes or goes. Read before the series are looked at, so that a
    /// change in between is seen the next time.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The series of exactly these label values.
    pub(crate) fn find_exact(&self, values: &[&str]) -> Option<Arc<Series>> {
        let state = self.state.lock();
        state.by_labels.get(&values as &dyn Labels).map(|found| found.0.clone())
    }

    /// The series that `wanted` is true of.
    pub(crate) fn find_all(&self, wanted: impl Fn(&SeriesInfo) -> bool) -> Vec<Arc<Series>> {
        let state = self.state.lock();
        let all = state.slots.iter().map(|slot| &slot.series);
        all.filter(|series| wanted(&series.info)).cloned().collect()
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
        self.shared.ledger.charge(cost, metric.distribution().is_some());
        let cost = AtomicUsize::new(cost);
        Arc::new(Series { info, metric, sequence, cost, shared: self.shared.clone() })
    }

    /// The series of these values, remembered by the calling thread from now on. `sought` was made
    /// before: if the series is removed in between, the entry is void from the start.
    #[cold]
    pub(crate) fn look_up(&self, sought: Sought, values: &[&str]) -> Arc<Series> {
        local::attach();
        let series = self.series(values);
        let cached = series.clone();
        local::with_labels(|labels| labels.insert(sought, cached, local::arena()));
        series
    }

    pub(crate) fn remove(&self, values: &[&str]) -> bool {
        let removed = {
            let mut state = self.state.lock();
            let Some(found) = state.by_labels.take(&values as &dyn Labels) else {
                return false;
            };
            state.slots.retain(|slot| !Arc::ptr_eq(&slot.series, &found.0));
            self.forget([&found.0]);
            self.changed();
            found
        };
        drop(removed);
        true
    }

    /// Removes all series.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        self.forget(state.slots.iter().map(|slot| &slot.series));
        self.changed();
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
        if slots.len() < before {
            self.changed();
        }
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
        self.shared.ledger.discharge(self.cost(), false);
        // Caches that hold them may let them go.
        self.state.get_mut().slots.iter().for_each(|slot| slot.series.discharge());
    }
}

/// Bytes of a family with an index for a few series, and of its place among the families.
const FAMILY_BYTES: usize = size_of::<FamilyCore>() + 10 * size_of::<usize>() + 64;

/// Which metric a new series takes.
#[derive(Clone, Copy, PartialEq)]
struct Wanted {
    spec: Spec,
    /// Whether it is to have all its cells whatever the budget says: it is the last place there is.
    overflow: bool,
}

/// Takes the metric that was made beforehand, or tells which is wanted.
fn take(spare: &mut Option<(Wanted, Metric)>, wanted: Wanted) -> Result<Metric, Wanted> {
    match spare.take() {
        Some((made, metric)) if made == wanted => Ok(metric),
        _ => Err(wanted),
    }
}

/// Bytes of a series without its labels' text and its metric: the structs, their allocations and
/// its places in the family's two indices.
const SERIES_BYTES: usize =
    size_of::<Series>() + size_of::<Slot>() + 2 * size_of::<ByLabels>() + 4 * size_of::<usize>();

impl FamilyCore {
    /// The series through the cache, held.
    pub(crate) fn find(&self, values: &[&str]) -> Arc<Series> {
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
pub(crate) struct Hit {
    pub(crate) cell: CellId,
    pub(crate) series: *const Series,
}
