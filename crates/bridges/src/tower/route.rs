//! The metrics of one route's requests.

use super::outcome::Outcome;
use perf_monitor_core::{
    Budget, Counter, Desc, Error, Exemplar, Family, Gauge, Histogram, HistogramOptions, Instrument,
    Lock, MetricsCollector, Registry, Reservation, Unit,
};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longest request whose duration is told apart, in nanoseconds: a day.
const LONGEST_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// Largest body whose size is told apart: 1 TiB.
const LARGEST_BYTES: u64 = 1 << 40;

/// Bytes of a route beside itself: its allocation, its place in the map.
const BESIDE: usize = 120;

/// Labels of everything but the total.
const BY: [&str; 2] = ["method", "route"];

/// What the routes of one registry have in common.
pub(super) struct Families {
    total: Family<Counter>,
    duration: Family<Histogram>,
    active: Family<Gauge>,
    request_size: Family<Histogram>,
    response_size: Family<Histogram>,
    collector: MetricsCollector,
    budget: Budget,
    keeping: Lock<()>,
}

impl Families {
    pub(super) fn new(registry: &Registry) -> Result<Families, Error> {
        let total = ("http_server_requests_total", "Requests, by how they ended.");
        let duration = "Time from a request's head to the end of its response's body.";
        let duration = Desc::new("http_server_request_duration_seconds", duration);
        let duration = duration.unit(Unit::Nanoseconds);
        let long = HistogramOptions::default().highest(LONGEST_NS);
        let active = ("http_server_active_requests", "Requests that have not ended.");
        let request = "Size of request bodies, where it is known beforehand.";
        let response = "Size of response bodies, as far as they were read.";
        Ok(Families {
            total: registry.counter_family(total, &["method", "route", "status"])?,
            duration: registry.histogram_family(duration, &BY, long)?,
            active: registry.gauge_family(active, &BY)?,
            request_size: sizes(registry, "http_server_request_size_bytes", request)?,
            response_size: sizes(registry, "http_server_response_size_bytes", response)?,
            collector: MetricsCollector::new(registry)?,
            budget: registry.budget(),
            keeping: Lock::new(()),
        })
    }

    /// Counts that a route found no room.
    pub(super) fn count_refused(&self) {
        self.budget.count_refused();
    }

    /// Keeps `made` in `cell`, unless there is one already.
    #[cold]
    pub(super) fn keep<'a, M>(&self, cell: &'a OnceLock<M>, made: M) -> &'a M {
        // Within a lock, so that no child process inherits a cell that somebody is about to set.
        let _whole = self.keeping.lock();
        cell.get_or_init(|| made)
    }
}

/// To one digit: of a size, its magnitude is what one wants to know.
fn sizes(registry: &Registry, name: &str, help: &str) -> Result<Family<Histogram>, Error> {
    let options = HistogramOptions::default().digits(1).highest(LARGEST_BYTES);
    registry.histogram_family(Desc::new(name, help).unit(Unit::Bytes), &BY, options)
}

/// The metrics of one method on one route. Series of statuses and sizes begin with their first
/// request, so that what never happened has no series.
pub(super) struct Route {
    /// The values of its labels; none for the route of all that found no room.
    labels: Option<(&'static str, Box<str>)>,
    families: Arc<Families>,
    duration: Histogram,
    active: Gauge,
    totals: [OnceLock<Counter>; Outcome::COUNT],
    request_size: OnceLock<Histogram>,
    response_size: OnceLock<Histogram>,
    _charged: Option<Reservation>,
}

/// What there is to say about a request that has ended.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) took_ns: u64,
    /// Whose duration it is, if somebody can look at the trace.
    pub(super) exemplar: Option<Exemplar>,
    /// Bytes of the response's body that were read, if anybody did.
    pub(super) sent: Option<u64>,
    /// Whether the registry's collector counts it too.
    pub(super) collected: bool,
}

impl Route {
    /// The metrics of a new route, if there is room for them.
    pub(super) fn new(
        families: &Arc<Families>,
        method: &'static str,
        route: &str,
    ) -> Option<Route> {
        let charged = families.budget.reserve(size_of::<Route>() + route.len() + BESIDE)?;
        // All series of a usual request or none: that there is room is asked before the first.
        let series = families.duration.series_bytes()
            + families.active.series_bytes()
            + families.total.series_bytes()
            + 3 * (method.len() + route.len());
        drop(families.budget.reserve(series)?);
        let duration = families.duration.try_with(&[method, route]).ok()??;
        let active = families.active.try_with(&[method, route]).ok()??;
        Some(Route {
            labels: Some((method, route.into())),
            _charged: Some(charged),
            ..Route::unnamed(families, duration, active)
        })
    }

    /// The metrics of all routes that found no room.
    pub(super) fn overflow(families: &Arc<Families>) -> Route {
        Route::unnamed(families, families.duration.overflow(), families.active.overflow())
    }

    fn unnamed(families: &Arc<Families>, duration: Histogram, active: Gauge) -> Route {
        Route {
            labels: None,
            families: families.clone(),
            duration,
            active,
            totals: [const { OnceLock::new() }; Outcome::COUNT],
            request_size: OnceLock::new(),
            response_size: OnceLock::new(),
            _charged: None,
        }
    }

    /// Whether it is of these families, this method and this route.
    #[inline]
    pub(super) fn is(&self, families: &Arc<Families>, method: &str, route: &str) -> bool {
        let Some((own_method, own_route)) = &self.labels else {
            return false;
        };
        Arc::ptr_eq(&self.families, families) && **own_route == *route && *own_method == method
    }

    /// Takes note of a request that begins, with a body of `size` if it has one of known size.
    #[inline]
    pub(super) fn begin(&self, size: Option<u64>, collected: bool) {
        self.active.add(1.0);
        if let Some(bytes) = size {
            self.size(&self.families.request_size, &self.request_size).record(bytes);
        }
        if let (Some(bytes), true) = (size, collected) {
            self.families.collector.record_request_size(bytes);
        }
    }

    /// Takes note of a request's end.
    #[inline]
    pub(super) fn end(&self, ended: Ended) {
        self.active.sub(1.0);
        self.duration.record(ended.took_ns);
        self.total(ended.outcome).inc();
        if let Some(bytes) = ended.sent {
            self.size(&self.families.response_size, &self.response_size).record(bytes);
        }
        if ended.collected {
            let took = Duration::from_nanos(ended.took_ns);
            self.families.collector.record_request(took, ended.outcome.is_success());
        }
        if let Some(exemplar) = ended.exemplar {
            self.remember(exemplar, ended.collected);
        }
    }

    #[cold]
    fn remember(&self, exemplar: Exemplar, collected: bool) {
        self.duration.exemplar(exemplar);
        if collected {
            self.families.collector.exemplar(Duration::from_nanos(exemplar.value), exemplar);
        }
    }

    #[inline]
    fn total(&self, outcome: Outcome) -> &Counter {
        let (family, cell) = (&self.families.total, &self.totals[outcome as usize]);
        cell.get().unwrap_or_else(|| {
            let labels = self.labels.as_ref();
            let labels = labels.map(|(method, route)| [*method, route, outcome.label()]);
            self.families.keep(cell, series(family, labels.as_ref()))
        })
    }

    #[inline]
    fn size<'a>(&self, family: &Family<Histogram>, cell: &'a OnceLock<Histogram>) -> &'a Histogram {
        cell.get().unwrap_or_else(|| {
            let labels = self.labels.as_ref().map(|(method, route)| [*method, &**route]);
            self.families.keep(cell, series(family, labels.as_ref()))
        })
    }
}

/// The series of these labels, or the one of all that have no room.
#[cold]
fn series<M: Instrument, const N: usize>(family: &Family<M>, labels: Option<&[&str; N]>) -> M {
    let named = labels.and_then(|labels| family.with(labels).ok());
    named.unwrap_or_else(|| family.overflow())
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Route").field(&self.labels).finish()
    }
}
