//! The metrics of a service, by name.

use crate::budget::{Account, Budget, Ledger};
use crate::clock::{self, Clock};
use crate::counter::{Counter, FloatCounter, ObservedCounter};
use crate::cursor::{Cursor, Place};
use crate::desc::{Desc, check_label_name, check_metric_name};
use crate::error::{Error, ErrorKind};
use crate::family::{Family, handle};
use crate::gauge::Gauge;
use crate::histogram::{Histogram, HistogramOptions};
use crate::metric::{Instrument, Spec};
use crate::names::{check_samples, same};
use crate::selection::{self, Selection};
use crate::series::FamilyCore;
use crate::snapshot::{FamilyInfo, Kind, SeriesInfo, Snapshot, Value, Visitor};
use crate::stats::RegistryStats;
use crate::sync::Lock;
use crate::{collector::CollectorCore, local};
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Bytes that the series of a registry may take by default. With what threads may have of their
/// own ([`PRIVATE_BYTES`](crate::PRIVATE_BYTES)) this is what the ledger of 1 MB gives to
/// collectors and histograms.
pub(crate) const BUDGET_BYTES: usize = 360 * 1024;

/// Series that a family may have by default.
const SERIES_CAP: usize = 2_000;

/// Series that are read under one lock: about 20 µs.
pub(crate) const BATCH: usize = 256;

/// A collection of metrics.
///
/// A clone is the same registry. [`Registry::global`] is the one of the process: macros, bridges
/// and libraries record there, and a monitor serves it unless told otherwise. Tests make their
/// own. Registration takes a lock; recording takes none.
///
/// ```
/// use perf_monitor_core::{Registry, Value};
///
/// let registry = Registry::new();
/// let hits = registry.counter(("cache_hits_total", "Look-ups that were answered."))?;
/// hits.inc();
/// let snapshot = registry.snapshot();
/// assert!(matches!(snapshot.value("cache_hits_total", &[]), Some(Value::Counter(1))));
///
/// // The same registration again is the same metric; another kind of the same name is refused.
/// registry.counter(("cache_hits_total", "Look-ups that were answered."))?.inc();
/// assert_eq!(hits.get(), 2);
/// assert!(registry.gauge(("cache_hits_total", "")).unwrap_err().is_clash());
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    families: Lock<BTreeMap<Box<str>, Arc<FamilyCore>>>,
    collector: Lock<Option<Arc<CollectorCore>>>,
    companions: Lock<Vec<Arc<dyn Any + Send + Sync>>>,
    window: Lock<Window>,
    expire_after: Option<Duration>,
}

/// The time that the deltas of [`Registry::visit_window`] cover, by the registry's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// When it began.
    pub from_ns: u64,
    /// When the last tick closed it.
    pub to_ns: u64,
    /// How many ticks there have been.
    pub ticks: u64,
}

/// What families and series of one registry share: the clock, the budget, the counts.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) series_cap: usize,
    pub(crate) ledger: Arc<Ledger>,
    window_bytes: AtomicUsize,
    pub(crate) wrong_labels: AtomicU64,
    pub(crate) expired: AtomicU64,
    /// How often series came or went.
    pub(crate) generation: AtomicU64,
}

/// Settings of a registry that is not the default.
#[derive(Clone, Debug)]
pub struct RegistryBuilder {
    clock: Clock,
    series_cap: usize,
    budget: usize,
    expire_after: Option<Duration>,
}

impl RegistryBuilder {
    /// The time by which ticks, windows, start times and expiry go.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Series that each family may have, 2,000 by default. What comes after lands in its overflow
    /// series.
    pub fn series_per_family(mut self, series: usize) -> Self {
        self.series_cap = series;
        self
    }

    /// Bytes that all series together may take, 360 KiB by default: names, labels, shared cells.
    /// A series that comes after lands in its family's overflow series. A histogram takes cells as
    /// values come; one that finds no room for those of an octave counts the octave as one cell, so
    /// that percentiles in there are known to a factor of two.
    ///
    /// Overflow series come on top of the budget: at most one a family, of up to about 5 KB for a
    /// histogram.
    pub fn budget_bytes(mut self, bytes: usize) -> Self {
        self.budget = bytes;
        self
    }

    /// Removes labelled series that nobody holds a handle of and that have not moved for this
    /// long, at the tick after the one that finds them so. Without it series stay until they are removed.
    pub fn expire_after(mut self, idle: Duration) -> Self {
        self.expire_after = Some(idle);
        self
    }

    /// The registry.
    pub fn build(self) -> Registry {
        let now_ns = self.clock.now_ns();
        let shared = Shared {
            clock: self.clock,
            series_cap: self.series_cap,
            ledger: Arc::new(Ledger::new(self.budget)),
            window_bytes: AtomicUsize::new(0),
            wrong_labels: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            generation: AtomicU64::new(0),
        };
        let inner = Inner {
            shared: Arc::new(shared),
            families: Lock::new(BTreeMap::new()),
            collector: Lock::new(None),
            companions: Lock::new(Vec::new()),
            window: Lock::new(Window { from_ns: now_ns, to_ns: now_ns, ticks: 0 }),
            expire_after: self.expire_after,
        };
        Registry { inner: Arc::new(inner) }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Registry::new()
    }
}

/// Each kind of metric, alone and in a family.
macro_rules! kinds {
    ($($alone:ident, $family:ident, $handle:ident, $spec:expr, $what:literal;)*) => {$(
        #[doc = concat!("Registers ", $what, ", or finds the one of that name.")]
        ///
        /// # Errors
        /// An invalid name, or a name that is taken by another kind, unit or set of labels.
        pub fn $alone(&self, desc: impl Into<Desc>) -> Result<$handle, Error> {
            self.alone(desc.into(), $spec)
        }

        #[doc = concat!("The same, told apart by labels: a family of ", stringify!($handle), "s.")]
        ///
        /// # Errors
        /// As above, and an invalid or repeated label name.
        pub fn $family(
            &self,
            desc: impl Into<Desc>,
            label_names: &[&str],
        ) -> Result<Family<$handle>, Error> {
            Ok(Family::of(self.family(desc.into(), $spec, label_names)?))
        }
    )*};
}

impl Registry {
    /// A registry of its own, with the defaults.
    pub fn new() -> Registry {
        Registry::builder().build()
    }

    /// A registry with settings.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder {
            clock: Clock::default(),
            series_cap: SERIES_CAP,
            budget: BUDGET_BYTES,
            expire_after: None,
        }
    }

    /// The process's registry. It exists before any monitor starts.
    pub fn global() -> &'static Registry {
        static GLOBAL: OnceLock<Registry> = OnceLock::new();
        GLOBAL.get_or_init(Registry::new)
    }

    kinds! {
        counter, counter_family, Counter, Spec::Counter,
            "a counter. A name that does not end in `_total` gets that ending";
        float_counter, float_counter_family, FloatCounter, Spec::FloatCounter,
            "a counter of fractions";
        observed_counter, observed_counter_family, ObservedCounter, Spec::Observed,
            "a counter that somebody else counts";
        gauge, gauge_family, Gauge, Spec::Gauge,
            "a gauge";
    }

    /// Registers a histogram, or finds the one of that name.
    ///
    /// # Errors
    /// As [`counter`](Self::counter), and options out of range or other than before.
    pub fn histogram(
        &self,
        desc: impl Into<Desc>,
        options: HistogramOptions,
    ) -> Result<Histogram, Error> {
        let desc = desc.into();
        let layout = options.layout(&desc.name)?;
        self.alone(desc, Spec::Histogram(layout))
    }

    /// The same, told apart by labels.
    ///
    /// # Errors
    /// As above, and an invalid or repeated label name.
    pub fn histogram_family(
        &self,
        desc: impl Into<Desc>,
        label_names: &[&str],
        options: HistogramOptions,
    ) -> Result<Family<Histogram>, Error> {
        let desc = desc.into();
        let spec = Spec::Histogram(options.layout(&desc.name)?);
        Ok(Family::of(self.family(desc, spec, label_names)?))
    }

    fn alone<M: Instrument>(&self, desc: Desc, spec: Spec) -> Result<M, Error> {
        Ok(handle(&self.family(desc, spec, &[])?.series(&[])))
    }

    pub(crate) fn family(
        &self,
        mut desc: Desc,
        spec: Spec,
        label_names: &[&str],
    ) -> Result<Arc<FamilyCore>, Error> {
        check_metric_name(&desc.name)?;
        if spec.kind() == Kind::Counter && !desc.name.ends_with("_total") {
            desc.name.push_str("_total");
        }
        for (index, name) in label_names.iter().enumerate() {
            check_label_name(&desc.name, name)?;
            if label_names[..index].contains(name) {
                let text =
                    format!("label name {name:?} of metric {:?}: it is there twice", desc.name);
                return Err(Error::new(ErrorKind::Name, text));
            }
        }
        let mut families = self.inner.families.lock();
        if let Some(family) = families.get(desc.name.as_str()) {
            return same(family, &desc, spec, label_names).map(|()| family.clone());
        }
        check_samples(&families, &desc.name, spec)?;
        let info = FamilyInfo {
            name: desc.name.clone().into(),
            help: desc.help.into(),
            unit: desc.unit,
            kind: spec.kind(),
            label_names: label_names.iter().map(|n| Box::from(*n)).collect(),
        };
        let family = Arc::new(FamilyCore::new(info, spec, self.inner.shared.clone()));
        families.insert(desc.name.into(), family.clone());
        Ok(family)
    }

    /// Removes a family with all its series; false if there is none of that name. Handles that
    /// still live go on counting for themselves, unseen.
    pub fn unregister(&self, name: &str) -> bool {
        let removed = self.inner.families.lock().remove(name);
        removed.map(|family| family.clear()).is_some()
    }

    /// Shows every series and its total to `visitor`, families in the order of their names.
    pub fn visit(&self, visitor: &mut dyn Visitor) {
        let mut cursor = self.cursor();
        while cursor.next(BATCH, visitor) {}
    }

    /// Shows what the last [tick](Self::tick) saw: what counters and histograms grew by in the
    /// [window](Self::window) that it closed, and gauges as they are.
    pub fn visit_window(&self, visitor: &mut dyn Visitor) {
        let mut cursor = Cursor::new(self.families(), true);
        while cursor.next(BATCH, visitor) {}
    }

    /// The time that [`visit_window`](Self::visit_window) covers.
    pub fn window(&self) -> Window {
        *self.inner.window.lock()
    }

    /// A reader that takes a few series at a time and holds nothing in between.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.families(), false)
    }

    /// Equal as long as no series comes or goes.
    pub fn generation(&self) -> u64 {
        self.inner.shared.generation.load(Ordering::Acquire)
    }

    /// The series of `metric` that have these labels, to be read again and again: see [`Selection`]. What is beyond 64 KiB of names
    /// and labels together is cut off.
    ///
    /// ```
    /// use perf_monitor_core::{Reader, Registry};
    ///
    /// let registry = Registry::new();
    /// let jobs = registry.counter_family(("jobs_total", "Jobs."), &["queue", "kind"])?;
    /// jobs.with(&["mail", "first"])?.add(2);
    /// jobs.with(&["mail", "again"])?.add(3);
    /// let mail = registry.follow("jobs_total", [("queue", "mail")]);
    /// let mut now = Vec::new();
    /// Reader::default().totals(&[mail], &mut now);
    /// assert_eq!(now, [5.0]);
    /// # Ok::<(), perf_monitor_core::Error>(())
    /// ```
    pub fn follow(
        &self,
        metric: &str,
        labels: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Selection {
        Selection::new(self, metric, labels)
    }

    /// As [`visit`](Self::visit), of the families alone whose names begin with `prefix`.
    pub fn visit_named(
        &self,
        prefix: &str,
        see: &mut dyn FnMut(&FamilyInfo, &SeriesInfo, Value<'_>),
    ) {
        let mut families = self.families();
        families.retain(|family| family.info.name.starts_with(prefix));
        let mut cursor = Cursor::new(families, false);
        while cursor.next(BATCH, &mut See(see)) {}
    }

    /// Shows all series without their values, families in the order of their names, until `see` returns
    /// false. It runs under the family's lock: `see` must not use the registry.
    pub fn list(&self, see: &mut dyn FnMut(&FamilyInfo, &SeriesInfo) -> bool) {
        selection::list(self.families(), see);
    }

    pub(crate) fn family_core(&self, name: &str) -> Option<Arc<FamilyCore>> {
        self.inner.families.lock().get(name).cloned()
    }

    /// The families by name. What was given back is made free on the way.
    fn families(&self) -> Vec<Arc<FamilyCore>> {
        local::arena().sweep();
        self.inner.families.lock().values().cloned().collect()
    }

    /// Everything as plain structs.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot =
            Snapshot { unix_ns: self.inner.shared.clock.unix_ns(), families: Vec::new() };
        self.visit(&mut snapshot);
        snapshot
    }

    /// Closes the window: the deltas since the last call are worked out once and kept for all
    /// readers, series that have expired are removed, rates and windows of the collector move on.
    /// A monitor does this once a second.
    pub fn tick(&self) {
        clock::refine();
        let shared = &self.inner.shared;
        let now_ns = shared.clock.now_ns();
        let idle = self.inner.expire_after.map(|d| now_ns.checked_sub(d.as_nanos() as u64));
        let mut window_bytes = 0;
        for family in self.families() {
            window_bytes += tick_family(&family, now_ns, idle.flatten());
        }
        let collector = self.inner.collector.lock().clone();
        if let Some(collector) = collector {
            collector.tick(now_ns);
            window_bytes += collector.window_bytes();
        }
        shared.window_bytes.store(window_bytes, Ordering::Relaxed);
        let mut window = self.inner.window.lock();
        *window = Window { from_ns: window.to_ns, to_ns: now_ns, ticks: window.ticks + 1 };
    }

    /// Sets how many bytes all series together may take, as
    /// [`RegistryBuilder::budget_bytes`]. Series that are there stay.
    pub fn set_budget_bytes(&self, bytes: usize) {
        self.inner.shared.ledger.set_limit(bytes);
    }

    /// What the registry holds and what it refused.
    pub fn stats(&self) -> RegistryStats {
        let shared = &self.inner.shared;
        let families = self.families();
        let (mut series, mut histogram_bytes) = (0, shared.window_bytes.load(Ordering::Relaxed));
        for family in &families {
            let state = family.state.lock();
            series += state.slots.len();
            let cells = state.slots.iter().filter_map(|slot| slot.series.metric.distribution());
            histogram_bytes += cells.map(|d| SERIES_HEAP + d.base_bytes()).sum::<usize>();
        }
        RegistryStats {
            families: families.len(),
            series,
            refused_series: shared.ledger.refused.load(Ordering::Relaxed),
            wrong_labels: shared.wrong_labels.load(Ordering::Relaxed),
            expired_series: shared.expired.load(Ordering::Relaxed),
            coarse_records: shared.ledger.coarse.load(Ordering::Relaxed),
            budget_bytes: shared.ledger.limit(),
            charged_bytes: shared.ledger.used(),
            metric_bytes: shared.ledger.other(),
            histogram_bytes,
        }
    }

    /// The clock by which ticks, windows and start times go.
    pub fn clock(&self) -> &Clock {
        &self.inner.shared.clock
    }

    /// The bytes that series and what stands beside them may take.
    pub fn budget(&self) -> Budget {
        Budget(self.inner.shared.ledger.clone())
    }

    /// For what takes its bytes whatever the budget says.
    pub(crate) fn account_always(&self) -> Account {
        Account { ledger: self.inner.shared.ledger.clone(), always: true }
    }

    /// The registry's only `T`, made by `make` the first time: how a set of instruments is the same for
    /// everybody who asks for it. A `T` must not hold the registry, which holds it; handles and
    /// families are fine. `make` may run twice when two threads are first; one result is kept.
    ///
    /// # Errors
    /// What `make` returns.
    ///
    /// ```
    /// use perf_monitor_core::{Counter, Error, Registry};
    ///
    /// struct Jobs { done: Counter }
    ///
    /// let registry = Registry::new();
    /// let jobs = || registry.companion(|| {
    ///     Ok::<_, Error>(Jobs { done: registry.counter(("jobs_done_total", "Jobs done."))? })
    /// });
    /// jobs()?.done.inc();
    /// assert_eq!(jobs()?.done.get(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn companion<T: Send + Sync + 'static, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let find = |all: &[Arc<dyn Any + Send + Sync>]| {
            all.iter().find_map(|one| one.clone().downcast::<T>().ok())
        };
        if let Some(found) = find(&self.inner.companions.lock()) {
            return Ok(found);
        }
        // Outside the lock, as it registers metrics.
        let made = Arc::new(make()?);
        let mut all = self.inner.companions.lock();
        Ok(find(&all).unwrap_or_else(|| {
            all.push(made.clone());
            made
        }))
    }

    /// The registry's collector, made by `make` the first time.
    pub(crate) fn collector(
        &self,
        make: impl FnOnce() -> Result<Arc<CollectorCore>, Error>,
    ) -> Result<Arc<CollectorCore>, Error> {
        let mut collector = self.inner.collector.lock();
        match &*collector {
            Some(core) => Ok(core.clone()),
            None => Ok(collector.insert(make()?).clone()),
        }
    }
}

/// A visitor that is a closure.
struct See<'a>(&'a mut dyn FnMut(&FamilyInfo, &SeriesInfo, Value<'_>));

impl Visitor for See<'_> {
    fn series(&mut self, family: &FamilyInfo, series: &SeriesInfo, value: Value<'_>) {
        (self.0)(family, series, value);
    }
}

/// Heap of a histogram's series beside its octaves.
const SERIES_HEAP: usize = size_of::<crate::distribution::Distribution>() + 400;

fn tick_family(family: &FamilyCore, now_ns: u64, idle_since_ns: Option<u64>) -> usize {
    let (mut next, mut bytes) = (Place::default(), 0);
    loop {
        let slabs = local::arena().read();
        let mut state = family.state.lock();
        let first = next.find(&state.slots);
        let until = state.slots.len().min(first + BATCH);
        for slot in &mut state.slots[first..until] {
            slot.tick(&slabs, now_ns);
            bytes += slot.window_bytes();
        }
        match state.slots.get(until) {
            Some(slot) => next = Place { sequence: slot.series.sequence, index: until },
            None => {
                if let Some(idle) = idle_since_ns {
                    family.expire(&mut state, idle);
                }
                return bytes;
            }
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.stats()).finish()
    }
}
