//! A series' metric, whatever its kind.

use crate::arena::Slabs;
use crate::budget::Account;
use crate::collector::RequestCore;
use crate::counter::{
    Counter, CounterCore, FloatCounter, FloatCounterCore, ObservedCore, ObservedCounter,
};
use crate::distribution::{COUNT, Distribution, FAILED};
use crate::gauge::{Gauge, GaugeCore};
use crate::histogram::{Histogram, HistogramCore};
use crate::slab::CellId;
use crate::snapshot::{Kind, Value};
use crate::{Layout, Unit, local};
use std::sync::Arc;

/// What a family's series are: two registrations of one name must agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    Counter,
    FloatCounter,
    Observed,
    Gauge,
    Histogram(Layout),
    /// The collector's, which bring their own cells.
    Requests,
}

impl Spec {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Spec::Counter | Spec::FloatCounter | Spec::Observed => Kind::Counter,
            Spec::Gauge => Kind::Gauge,
            Spec::Histogram(_) => Kind::Histogram,
            Spec::Requests => Kind::Counter,
        }
    }

    /// As an error message calls it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Spec::Counter => "counter",
            Spec::FloatCounter => "counter of fractions",
            Spec::Observed => "observed counter",
            Spec::Gauge => "gauge",
            Spec::Histogram(_) => "histogram",
            Spec::Requests => "counter of requests",
        }
    }

    /// Bytes that a metric of this kind begins with, without those of threads.
    pub(crate) fn cost(self) -> usize {
        match self {
            Spec::Counter => size_of::<CounterCore>(),
            Spec::FloatCounter => size_of::<FloatCounterCore>(),
            Spec::Observed => size_of::<ObservedCore>(),
            Spec::Gauge => size_of::<GaugeCore>(),
            Spec::Histogram(layout) => Distribution::cost(layout),
            Spec::Requests => 0,
        }
    }

    /// The same with all the cells that it could ever take.
    pub(crate) fn full_cost(self) -> usize {
        match self {
            Spec::Histogram(layout) => self.cost() + Distribution::octaves_cost(layout),
            other => other.cost(),
        }
    }

    /// The same kind in the least bytes, for an overflow series that has no room either.
    pub(crate) fn frugal(self) -> Spec {
        match self {
            Spec::Histogram(layout) => {
                Spec::Histogram(Layout::new(1, layout.highest()).unwrap_or(layout))
            }
            other => other,
        }
    }
}

#[derive(Clone)]
pub(crate) enum Metric {
    Counter(Arc<CounterCore>),
    FloatCounter(Arc<FloatCounterCore>),
    Observed(Arc<ObservedCore>),
    Gauge(Arc<GaugeCore>),
    Histogram(Arc<HistogramCore>),
    /// The collector's requests that failed, or did not.
    Requests(Arc<RequestCore>, bool),
    /// The collector's latencies.
    RequestDuration(Arc<RequestCore>),
}

impl Metric {
    /// Octaves of a histogram are charged to `account` as they come.
    pub(crate) fn new(spec: Spec, unit: Unit, account: Option<Account>) -> Metric {
        let arena = local::arena();
        match spec {
            Spec::Counter => Metric::Counter(Arc::new(CounterCore::new(arena))),
            Spec::FloatCounter => Metric::FloatCounter(Arc::new(FloatCounterCore::new(arena))),
            Spec::Observed => Metric::Observed(Arc::new(ObservedCore::new())),
            Spec::Gauge => Metric::Gauge(Arc::new(GaugeCore::new(arena))),
            Spec::Histogram(layout) => {
                let cells = Distribution::new(arena, layout, unit, account);
                Metric::Histogram(Arc::new(HistogramCore::new(cells, unit)))
            }
            Spec::Requests => unreachable!("the collector brings its own cells"),
        }
    }

    /// Whether nobody but the registry (and caches) holds it.
    pub(crate) fn is_unheld(&self) -> bool {
        match self {
            Metric::Counter(core) => Arc::strong_count(core) == 1,
            Metric::FloatCounter(core) => Arc::strong_count(core) == 1,
            Metric::Observed(core) => Arc::strong_count(core) == 1,
            Metric::Gauge(core) => Arc::strong_count(core) == 1,
            Metric::Histogram(core) => Arc::strong_count(core) == 1,
            Metric::Requests(..) | Metric::RequestDuration(_) => false,
        }
    }

    /// The cell that leads to a thread's own part, where there is one.
    pub(crate) fn cell(&self) -> CellId {
        match self {
            Metric::Counter(core) => core.cell(),
            Metric::Gauge(core) => core.cell(),
            Metric::Histogram(core) => core.cells.id(),
            _ => CellId::NONE,
        }
    }

    pub(crate) fn distribution(&self) -> Option<&Distribution> {
        match self {
            Metric::Histogram(core) => Some(&core.cells),
            Metric::RequestDuration(core) => Some(core.cells()),
            _ => None,
        }
    }

    /// Shows the value as it is now.
    pub(crate) fn show<R>(&self, slabs: &Slabs<'_>, see: impl FnOnce(Value<'_>) -> R) -> R {
        match self {
            Metric::Counter(core) => see(Value::Counter(core.total(slabs))),
            Metric::FloatCounter(core) => see(Value::FloatCounter(core.total(slabs))),
            Metric::Observed(core) => see(Value::Counter(core.total())),
            Metric::Gauge(core) => see(Value::Gauge(core.value(slabs))),
            Metric::Histogram(core) => see(Value::Histogram(&core.cells.value(slabs))),
            Metric::RequestDuration(core) => see(Value::Histogram(&core.cells().value(slabs))),
            Metric::Requests(core, failed) => {
                let at = if *failed { FAILED } else { COUNT };
                see(Value::Counter(core.cells().header(at, slabs)))
            }
        }
    }

    /// The value as one number: of a histogram, how many records it has.
    pub(crate) fn number(&self, slabs: &Slabs<'_>) -> f64 {
        match self {
            Metric::Histogram(core) => core.cells.count(slabs) as f64,
            Metric::RequestDuration(core) => core.cells().count(slabs) as f64,
            _ => self.show(slabs, |value| match value {
                Value::Counter(total) => total as f64,
                Value::FloatCounter(number) | Value::Gauge(number) => number,
                Value::Histogram(cells) => cells.count as f64,
            }),
        }
    }

    /// Brings what a read will touch closer.
    #[inline]
    pub(crate) fn prefetch(&self) {
        match self {
            Metric::Counter(core) => prefetch(Arc::as_ptr(core)),
            Metric::FloatCounter(core) => prefetch(Arc::as_ptr(core)),
            Metric::Observed(core) => prefetch(Arc::as_ptr(core)),
            Metric::Gauge(core) => prefetch(Arc::as_ptr(core)),
            _ => {}
        }
    }
}

/// Asks for the cache line at `address`, which need not be valid.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads nothing; any address will do.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }

    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// A kind of metric that users hold handles of.
pub trait Instrument: sealed::Handle {}

pub(crate) mod sealed {
    use super::Metric;

    /// Made from a series; not for other crates to implement.
    pub trait Handle: Sized {
        #[doc(hidden)]
        fn of_metric(metric: &super::AnyMetric) -> Option<Self>;
    }

    impl super::AnyMetric {
        pub(crate) fn new(metric: Metric) -> Self {
            super::AnyMetric(metric)
        }
    }
}

/// A metric of any kind, behind the sealed trait.
#[doc(hidden)]
pub struct AnyMetric(Metric);

macro_rules! instruments {
    ($($handle:ident from $variant:ident),*) => {$(
        impl Instrument for $handle {}
        impl sealed::Handle for $handle {
            fn of_metric(metric: &AnyMetric) -> Option<$handle> {
                match &metric.0 {
                    Metric::$variant(core) => Some($handle::of(core.clone())),
                    _ => None,
                }
            }
        }
    )*};
}

instruments!(
    Counter from Counter,
    FloatCounter from FloatCounter,
    ObservedCounter from Observed,
    Gauge from Gauge,
    Histogram from Histogram
);
