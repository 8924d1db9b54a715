//! Metrics of one name that are told apart by their labels.

use crate::counter::{Counter, ObservedCounter};
use crate::distribution::Record;
use crate::error::{Error, ErrorKind};
use crate::gauge::Gauge;
use crate::histogram::Histogram;
use crate::metric::{AnyMetric, Instrument, Metric, Spec, sealed::Handle};
use crate::series::{FamilyCore, Hit, Series};
use crate::slab::bump;
use crate::{FloatCounter, local};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

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
        self.check_count(values)?;
        // The handle is made under the family's lock, where expiry looks for handles.
        let handle = self.core.with_series(values, |series| match &series.metric {
            Metric::Observed(_) if series.info.overflow => None,
            _ => Some(handle(series)),
        });
        // As with `observe`: a source that has no room counts for itself, unseen.
        Ok(handle.unwrap_or_else(|| self.unseen()))
    }

    /// As [`with`](Self::with), but `None` where the series is new and has no room: for whoever keeps
    /// several metrics by one name, and puts all of them into overflow or none.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn try_with(&self, values: &[&str]) -> Result<Option<M>, Error> {
        self.check_count(values)?;
        let shown = |series: &Arc<Series>| (!series.info.overflow).then(|| handle(series));
        Ok(self.core.with_room(values, shown).flatten())
    }

    /// Bytes that a new series is charged at first, its label values beside.
    pub fn series_bytes(&self) -> usize {
        self.core.series_bytes()
    }

    /// The handle of the overflow series, for whoever has no room for names of its own. An observed
    /// counter gets one that counts for itself, unseen: totals of several sources cannot share a series.
    pub fn overflow(&self) -> M {
        match self.core.spec {
            Spec::Observed => self.unseen(),
            _ => self.core.with_overflow(|series| handle(series)),
        }
    }

    fn unseen(&self) -> M {
        let unseen = Metric::new(Spec::Observed, self.core.info.unit, None);
        M::of_metric(&AnyMetric::new(unseen)).expect("it is of the family's kind")
    }

    fn check_count(&self, values: &[&str]) -> Result<(), Error> {
        let names = &self.core.info.label_names;
        if values.len() == names.len() {
            return Ok(());
        }
        let text = format!(
            "metric {:?} has {} labels ({}) and was given {} values {values:?}: give one value per label",
            self.core.info.name,
            names.len(),
            names.join(", "),
            values.len(),
        );
        Err(Error::new(ErrorKind::LabelCount, text))
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
    ///
    /// # Cost
    /// As [`inc`](Self::inc).
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

impl Family<FloatCounter> {
    /// Adds `x` in the series of these values.
    ///
    /// # Cost
    /// A look-up in the thread's cache, an atomic reference count, and a [`FloatCounter::add`].
    pub fn add(&self, values: &[&str], x: f64) {
        if let Metric::FloatCounter(core) = &self.core.find(values).metric {
            FloatCounter::of(core.clone()).add(x);
        }
    }
}

impl Family<ObservedCounter> {
    /// Takes a source's total for the series of these values. Totals of several sources cannot
    /// share the overflow series: those that have no room are left out, and counted as refused.
    ///
    /// # Cost
    /// A look-up in the thread's cache and a short lock: this is for numbers read now and then.
    pub fn observe(&self, values: &[&str], source_total: u64) {
        let series = self.core.find(values);
        if let (Metric::Observed(core), false) = (&series.metric, series.info.overflow) {
            ObservedCounter::of(core.clone()).observe(source_total);
        }
    }
}

impl Family<Gauge> {
    /// Sets the series of these values.
    ///
    /// # Cost
    /// A look-up in the thread's cache, an atomic reference count, and a store.
    pub fn set(&self, values: &[&str], value: f64) {
        if let Metric::Gauge(core) = &self.core.find(values).metric {
            core.set(value);
        }
    }

    /// Raises the series of these values by `x`.
    ///
    /// # Cost
    /// A look-up in the thread's cache, an atomic reference count, and a [`Gauge::add`].
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
