//! A recorder for code that is instrumented with the [`metrics`] crate.
//!
//! ```
//! use metrics::{counter, gauge, histogram, with_local_recorder};
//! use perf_monitor_bridges::metrics::MetricsBridge;
//! use perf_monitor_core::{Registry, Value};
//!
//! let registry = Registry::new();
//! let bridge = MetricsBridge::new(&registry)?;
//! with_local_recorder(&bridge, || {
//!     counter!("http.requests", "route" => "/search").increment(1);
//!     gauge!("queue_depth").set(3.0);
//!     histogram!("fetch_seconds").record(0.025);
//! });
//!
//! let snapshot = registry.snapshot();
//! let requests = snapshot.value("http_requests_total", &[("route", "/search")]);
//! assert!(matches!(requests, Some(Value::Counter(1))));
//! # Ok::<(), perf_monitor_core::Error>(())
//! ```
//!
//! # Names
//! A character that Prometheus does not take becomes `_`, and a counter's name ends in `_total`. The
//! crate lets one name have any labels and be of any kind; a Prometheus metric has one kind, and its
//! series one set of label names. So:
//!
//! | what comes | where it goes | counted as |
//! |---|---|---|
//! | fewer labels than the name has | the same metric, the others empty: to Prometheus that is the same as absent | |
//! | labels that the name does not have | `<name>_by_<label>_<label>` | `labels` |
//! | a name that another kind has, or another part of the program | `<name>_counted`, `_level`, `_spread` | `taken` |
//! | two names that are one in Prometheus' alphabet | one metric | `alike` |
//! | a label whose name Prometheus keeps (`le`, `quantile`, `overflow`, `__…`) | `exported_<label>` | |
//! | the same label twice | its last value | |
//!
//! Which labels a name *has* is what its first record brings. [`MetricsBridge::labels`] tells it
//! beforehand, so that it does not depend on who is first.
//!
//! # What has no room
//! Series and keys are held against the registry's budget. Past it, new label values go to the
//! `overflow="true"` series of their metric (absolute totals do not: two cannot share a series), and
//! records of new names are dropped. All of this is counted in
//! `perf_monitor_bridge_refused_total{reason}`. A bridged series does not expire.
//!
//! # Descriptions
//! A metric's help text and unit are what was said of it before its first record; what comes later is
//! not shown, and counted as `description`.
//!
//! # Numbers
//! They are shown as they were recorded: nothing is converted. A histogram's cells are whole
//! nanoseconds if its unit is seconds (or the name ends in `_seconds`), whole numbers for bytes, counts
//! and nanoseconds, and millionths for anything else. Values that are negative or not a number are
//! not recorded; they are counted.

mod cache;
mod describe;
mod families;
mod handle;
mod keys;
mod labels;
mod name;
mod refused;
mod units;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::metrics::{Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString, Unit};
use perf_monitor_core::{Error, Registry};

use self::describe::Descriptions;
use self::families::Families;
use self::handle::{CounterHandle, Dropped, GaugeHandle, HistogramHandle, Kind};
use self::keys::Keys;
use self::refused::{Reason, Refused};

/// A recorder of the [`metrics`] crate that records into a [`Registry`].
///
/// All bridges of one registry are one: a clone, or another [`new`](Self::new), has the same keys.
/// Any thread may record.
///
/// # Cost
/// `bridge/metrics`: a macro is a look-up in a cache of the calling thread, which compares the whole
/// key, an atomic count on a line of the thread's own, and a record. A handle that is kept costs a
/// call and a record. A key that a thread did not have lately takes a lock.
#[derive(Clone)]
pub struct MetricsBridge {
    registry: Registry,
    inner: Arc<Inner>,
}

/// What the bridges of a registry share. It must not hold the registry, which holds it.
struct Inner {
    /// Not the same for any two of the process, so that caches can tell them apart.
    id: u64,
    descriptions: Descriptions,
    refused: Refused,
    counters: Bank<CounterHandle>,
    gauges: Bank<GaugeHandle>,
    histograms: Bank<HistogramHandle>,
}

/// The metrics of one kind.
struct Bank<H: Kind> {
    keys: Keys<H>,
    families: Families<H>,
}

impl<H: Kind> Bank<H> {
    fn new() -> Bank<H> {
        Bank { keys: Keys::new(), families: Families::new() }
    }
}

static IDS: AtomicU64 = AtomicU64::new(1);

impl Inner {
    fn new(registry: &Registry) -> Result<Inner, Error> {
        Ok(Inner {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            descriptions: Descriptions::new(registry.budget()),
            refused: Refused::new(registry)?,
            counters: Bank::new(),
            gauges: Bank::new(),
            histograms: Bank::new(),
        })
    }
}

impl MetricsBridge {
    /// The recorder of `registry`.
    ///
    /// # Errors
    /// Somebody registered `perf_monitor_bridge_refused_total` as something else.
    pub fn new(registry: &Registry) -> Result<MetricsBridge, Error> {
        let inner = registry.companion(|| Inner::new(registry))?;
        Ok(MetricsBridge { registry: registry.clone(), inner })
    }

    /// Tells which labels the metric `name` will have, whoever records it first. Records may leave
    /// some out. It has no effect once the metric is there.
    ///
    /// ```
    /// # use perf_monitor_bridges::metrics::MetricsBridge;
    /// # use perf_monitor_core::{Registry, Value};
    /// let registry = Registry::new();
    /// let bridge = MetricsBridge::new(&registry)?.labels("jobs", &["queue", "tenant"]);
    /// metrics::with_local_recorder(&bridge, || {
    ///     metrics::counter!("jobs", "queue" => "mail").increment(1);
    ///     metrics::counter!("jobs", "tenant" => "a", "queue" => "mail").increment(1);
    /// });
    /// let snapshot = registry.snapshot();
    /// let mail = snapshot.value("jobs_total", &[("queue", "mail"), ("tenant", "")]);
    /// assert!(matches!(mail, Some(Value::Counter(1))));
    /// # Ok::<(), perf_monitor_core::Error>(())
    /// ```
    pub fn labels(self, name: &str, labels: &[&str]) -> MetricsBridge {
        self.inner.descriptions.labels(name, labels);
        self
    }

    /// Makes it the recorder of the process, for all macros from now on.
    ///
    /// # Errors
    /// The process has a recorder already: it stays, and the error gives the bridge back
    /// (`into_inner`). Leave the other one out, or use `with_local_recorder`.
    pub fn install(self) -> Result<(), SetRecorderError<MetricsBridge>> {
        ::metrics::set_global_recorder(self)
    }

    /// The handle of a key; none where its name has no room.
    #[inline]
    fn handle<H: Kind>(&self, key: &Key) -> Option<Arc<H>> {
        cache::find(self.inner.id, key).or_else(|| self.look_up(key))
    }

    #[cold]
    #[inline(never)]
    fn look_up<H: Kind>(&self, key: &Key) -> Option<Arc<H>> {
        let keys = &H::bank(&self.inner).keys;
        match keys.find(key) {
            Some(entry) => Some(cache::remember(entry)),
            None => self.begin(key),
        }
    }

    /// The handle of a key that is new, or had no room until now.
    fn begin<H: Kind>(&self, key: &Key) -> Option<Arc<H>> {
        let Inner { id, refused, .. } = &*self.inner;
        let bank = H::bank(&self.inner);
        let place = bank.families.place(&self.registry, &self.inner, key)?;
        let budget = self.registry.budget();
        // A series begins only if its key can be kept as well.
        let charged = budget.reserve(keys::bytes::<H>(key));
        let series = charged.and_then(|charged| Some((charged, place.series()?)));
        let Some((charged, metric)) = series else {
            budget.count_refused();
            return Some(Arc::new(H::shared(place.overflow(), place.cells(), refused)));
        };
        let handle = H::alone(metric, place.cells(), refused);
        Some(cache::remember(bank.keys.insert(*id, key, handle, charged)))
    }

    fn dropped(&self) -> Arc<Dropped> {
        Dropped::new(&self.inner.refused)
    }

    /// What is said first stays, as a program may well say it again.
    fn describe<H: Kind>(&self, name: &str, unit: Option<Unit>, help: &str) {
        let Inner { descriptions, refused, .. } = &*self.inner;
        if descriptions.is_said(name) {
            return;
        }
        let late = H::bank(&self.inner).families.knows(name);
        if late || !descriptions.describe(name, unit, help) {
            refused.count(Reason::Description);
        }
    }
}

impl Recorder for MetricsBridge {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe::<CounterHandle>(key.as_str(), unit, &description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe::<GaugeHandle>(key.as_str(), unit, &description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe::<HistogramHandle>(key.as_str(), unit, &description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> ::metrics::Counter {
        match self.handle::<CounterHandle>(key) {
            Some(handle) => handle.into(),
            None => self.dropped().into(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> ::metrics::Gauge {
        match self.handle::<GaugeHandle>(key) {
            Some(handle) => handle.into(),
            None => self.dropped().into(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> ::metrics::Histogram {
        match self.handle::<HistogramHandle>(key) {
            Some(handle) => handle.into(),
            None => self.dropped().into(),
        }
    }
}

impl fmt::Debug for MetricsBridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MetricsBridge").field(&self.registry).finish()
    }
}
