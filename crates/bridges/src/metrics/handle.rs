//! The handles that the macros give out, one type for each kind of metric.

use std::sync::Arc;

use ::metrics::{CounterFn, GaugeFn, HistogramFn, Unit as Given};
use perf_monitor_core::{
    Counter, Desc, Error, Family, Gauge, Histogram, Instrument, Lock, Registry,
};

use super::cache::{Cache, Caches};
use super::refused::{Reason, Refused};
use super::units::{self, Cells};
use super::{Bank, Inner};

/// A kind of metric: how its families are registered, and where its handles are.
pub(super) trait Kind: Clone + Send + Sync + 'static {
    /// The registry's handle.
    type Metric: Instrument;

    /// What a name that another kind has ends in instead: no type's name, which linters do not want in names.
    const NOUN: &'static str;

    /// The part of a name that tells metrics of this kind apart.
    fn stem(name: &str) -> &str {
        name
    }

    /// How a metric of this name and unit is recorded.
    fn cells(name: &str, unit: Option<Given>) -> Cells;

    fn register(
        registry: &Registry,
        desc: Desc,
        labels: &[&str],
    ) -> Result<Family<Self::Metric>, Error>;

    /// The handle of a series that no other key has.
    fn alone(metric: Self::Metric, cells: Cells, refused: &Refused) -> Self;

    /// The handle of the overflow series.
    fn shared(metric: Self::Metric, cells: Cells, refused: &Refused) -> Self {
        Self::alone(metric, cells, refused)
    }

    fn bank(bridge: &Inner) -> &Bank<Self>;
    fn cache(caches: &Caches) -> &Cache<Self>;
}

#[derive(Clone)]
pub(super) struct CounterHandle {
    counter: Counter,
    /// Whether the series is this key's alone.
    alone: bool,
    refused: Refused,
}

/// One for the process, as totals are told seldom.
static ABSOLUTE: Lock<()> = Lock::new(());

impl CounterFn for CounterHandle {
    #[inline]
    fn increment(&self, value: u64) {
        self.counter.add(value);
    }

    /// Adds what is missing. Increments of that instant come on top, as if they came after.
    fn absolute(&self, value: u64) {
        if !self.alone {
            return self.refused.count(Reason::Absolute);
        }
        let _one_at_a_time = ABSOLUTE.lock();
        self.counter.add(value.saturating_sub(self.counter.get()));
    }
}

impl Kind for CounterHandle {
    type Metric = Counter;
    const NOUN: &'static str = "counted";

    /// With its ending and without, a counter's name is one.
    fn stem(name: &str) -> &str {
        name.strip_suffix("_total").filter(|stem| !stem.is_empty()).unwrap_or(name)
    }

    fn cells(_: &str, unit: Option<Given>) -> Cells {
        Cells::plain(unit)
    }

    fn register(
        registry: &Registry,
        desc: Desc,
        labels: &[&str],
    ) -> Result<Family<Counter>, Error> {
        registry.counter_family(desc, labels)
    }

    fn alone(counter: Counter, _: Cells, refused: &Refused) -> Self {
        CounterHandle { counter, alone: true, refused: refused.clone() }
    }

    fn shared(counter: Counter, _: Cells, refused: &Refused) -> Self {
        CounterHandle { counter, alone: false, refused: refused.clone() }
    }

    fn bank(bridge: &Inner) -> &Bank<Self> {
        &bridge.counters
    }

    fn cache(caches: &Caches) -> &Cache<Self> {
        &caches.counters
    }
}

#[derive(Clone)]
pub(super) struct GaugeHandle(Gauge);

impl GaugeFn for GaugeHandle {
    #[inline]
    fn increment(&self, value: f64) {
        self.0.add(value);
    }

    #[inline]
    fn decrement(&self, value: f64) {
        self.0.sub(value);
    }

    #[inline]
    fn set(&self, value: f64) {
        self.0.set(value);
    }
}

impl Kind for GaugeHandle {
    type Metric = Gauge;
    const NOUN: &'static str = "level";

    fn cells(_: &str, unit: Option<Given>) -> Cells {
        Cells::plain(unit)
    }

    fn register(registry: &Registry, desc: Desc, labels: &[&str]) -> Result<Family<Gauge>, Error> {
        registry.gauge_family(desc, labels)
    }

    fn alone(gauge: Gauge, _: Cells, _: &Refused) -> Self {
        GaugeHandle(gauge)
    }

    fn bank(bridge: &Inner) -> &Bank<Self> {
        &bridge.gauges
    }

    fn cache(caches: &Caches) -> &Cache<Self> {
        &caches.gauges
    }
}

#[derive(Clone)]
pub(super) struct HistogramHandle {
    histogram: Histogram,
    scale: f64,
    refused: Refused,
}

impl HistogramFn for HistogramHandle {
    #[inline]
    fn record(&self, value: f64) {
        match Cells::whole(self.scale, value) {
            Some(whole) => self.histogram.record(whole),
            None => self.refused.count(Reason::Value),
        }
    }

    fn record_many(&self, value: f64, count: usize) {
        match Cells::whole(self.scale, value) {
            Some(whole) => (0..count).for_each(|_| self.histogram.record(whole)),
            None => self.refused.count_many(Reason::Value, count),
        }
    }
}

impl Kind for HistogramHandle {
    type Metric = Histogram;
    const NOUN: &'static str = "spread";

    fn cells(name: &str, unit: Option<Given>) -> Cells {
        Cells::fine(name, unit)
    }

    fn register(
        registry: &Registry,
        desc: Desc,
        labels: &[&str],
    ) -> Result<Family<Histogram>, Error> {
        registry.histogram_family(desc, labels, units::histogram_options())
    }

    fn alone(histogram: Histogram, cells: Cells, refused: &Refused) -> Self {
        HistogramHandle { histogram, scale: cells.scale, refused: refused.clone() }
    }

    fn bank(bridge: &Inner) -> &Bank<Self> {
        &bridge.histograms
    }

    fn cache(caches: &Caches) -> &Cache<Self> {
        &caches.histograms
    }
}

/// The handle of a name that has no room: it counts what is dropped.
pub(super) struct Dropped(Refused);

impl Dropped {
    pub(super) fn new(refused: &Refused) -> Arc<Dropped> {
        Arc::new(Dropped(refused.clone()))
    }

    fn count(&self, times: usize) {
        self.0.count_many(Reason::Names, times);
    }
}

impl CounterFn for Dropped {
    fn increment(&self, _: u64) {
        self.count(1);
    }

    fn absolute(&self, _: u64) {
        self.count(1);
    }
}

impl GaugeFn for Dropped {
    fn increment(&self, _: f64) {
        self.count(1);
    }

    fn decrement(&self, _: f64) {
        self.count(1);
    }

    fn set(&self, _: f64) {
        self.count(1);
    }
}

impl HistogramFn for Dropped {
    fn record(&self, _: f64) {
        self.count(1);
    }

    fn record_many(&self, _: f64, count: usize) {
        self.count(count);
    }
}
