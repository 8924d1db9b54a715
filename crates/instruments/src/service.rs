//! One recorder for everything that a service does.

mod trend;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_core::{Clock, Error, Lock, Registry};

use crate::timed::Functions;
use crate::{
    BreakerState, Caches, CircuitBreakers, ComprehensiveMetrics, ConnectionStates, Errors, Event,
    Events, Health, Io, MonitoringError, MonitoringOptions, Queries, QueryOptions, Resources,
    Retries, ServiceSample, Severity, Stages, Timeline,
};
use trend::{Totals, Trend};

/// All instruments of a service: one handle to record through, one view of everything.
///
/// It keeps nothing that the instruments do not: what is recorded through [`Errors`] of the same
/// registry is here as well. A clone is the same, and so is what everybody else gets who asks for
/// it on one registry.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::{MonitoringOptions, ServiceMetrics};
/// use std::time::Duration;
///
/// let metrics = ServiceMetrics::new(&Registry::new(), MonitoringOptions::default())?;
/// let took = Duration::from_millis(150);
/// metrics.record_event_processing(took, "mqtt", "light", "light.living_room", true);
/// metrics.record_retry_attempt("publish");
///
/// let all = metrics.get_comprehensive_metrics();
/// assert_eq!(all.events.by_source["mqtt"], 1);
/// assert_eq!(all.events.p99, Some(took));
/// assert_eq!(all.retries[0].count, 1);
/// # Ok::<(), perf_monitor_instruments::MonitoringError>(())
/// ```
#[derive(Clone)]
pub struct ServiceMetrics {
    inner: Arc<Inner>,
}

struct Inner {
    options: MonitoringOptions,
    stages: Stages,
    queries: Queries,
    /// `None` if something else has the names of their metrics: then no call is recorded either.
    functions: Option<Functions>,
    caches: Caches,
    io: Io,
    timeline: Timeline,
    events: Events,
    errors: Errors,
    retries: Retries,
    breakers: CircuitBreakers,
    connections: ConnectionStates,
    health: Health,
    resources: Resources,
    trend: Lock<Trend>,
    clock: Clock,
    started_ns: u64,
    started_unix_ns: u64,
}

impl ServiceMetrics {
    /// The service's metrics in `registry`, made with `options` the first time. Whoever comes later
    /// gets what is there, with the options of the first.
    ///
    /// # Errors
    /// An option out of its range; a metric's name that is taken by another kind of metric.
    pub fn new(
        registry: &Registry,
        options: MonitoringOptions,
    ) -> Result<ServiceMetrics, MonitoringError> {
        options.check()?;
        let inner = registry.companion(|| Inner::new(registry, options))?;
        // By the options that were kept, if two threads were first.
        inner.apply();
        Ok(ServiceMetrics { inner })
    }

    /// Those of the process's registry, with the default options unless somebody was there before.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn global() -> Result<ServiceMetrics, MonitoringError> {
        ServiceMetrics::new(Registry::global(), MonitoringOptions::default())
    }

    /// Records an event: its duration, its source, its domain, its entity, whether it was processed
    /// well.
    ///
    /// # Cost
    /// `event/3-labels`.
    #[inline]
    pub fn record_event_processing(
        &self,
        duration: Duration,
        source: &str,
        domain: &str,
        entity: &str,
        success: bool,
    ) {
        let event = Event::new(source, domain, entity).duration(duration).success(success);
        self.inner.events.record(&event);
    }

    /// As [`Errors::record_error`].
    pub fn record_error(&self, error_type: &str, component: &str, severity: Severity) {
        self.inner.errors.record_error(error_type, component, severity);
    }

    /// As [`CircuitBreakers::record_circuit_breaker_state`].
    pub fn record_circuit_breaker_state(&self, breaker: &str, state: BreakerState) {
        self.inner.breakers.record_circuit_breaker_state(breaker, state);
    }

    /// As [`Retries::record_retry_attempt`].
    pub fn record_retry_attempt(&self, operation: &str) {
        self.inner.retries.record_retry_attempt(operation);
    }

    /// Moves the rates on and, each
    /// [`monitoring_interval`](field@MonitoringOptions::monitoring_interval), adds a sample to the
    /// [history](Self::history). `now_ns` is the registry's clock. One caller should do this: a
    /// monitor does, once a second.
    ///
    /// # Cost
    /// A read of each event's counters.
    pub fn tick(&self, now_ns: u64) {
        if self.inner.options.monitoring_enabled {
            self.inner.events.tick(now_ns);
            self.inner.sample(now_ns);
        }
    }

    /// What came in each of the last intervals, oldest first: 100, or as many as
    /// [`history`](field@MonitoringOptions::history) says; fewer if the registry's budget has no
    /// room for so many.
    pub fn history(&self) -> Vec<ServiceSample> {
        self.inner.trend.lock().samples()
    }

    /// Everything at one moment. Each part is read by itself, so an event that comes meanwhile may
    /// be in one part and not in another.
    ///
    /// # Cost
    /// A read of each series: for a page or a report, not for each request.
    pub fn get_comprehensive_metrics(&self) -> ComprehensiveMetrics {
        let inner = &*self.inner;
        let took_ns = inner.clock.now_ns().saturating_sub(inner.started_ns);
        ComprehensiveMetrics {
            unix_ns: inner.clock.unix_ns(),
            started_unix_ns: inner.started_unix_ns,
            duration: Duration::from_nanos(took_ns),
            options: inner.options.clone(),
            stages: inner.stages.summary(),
            queries: inner.queries.summary(),
            recent_queries: inner.queries.recent(),
            functions: inner.functions.as_ref().map(Functions::summary).unwrap_or_default(),
            caches: inner.caches.summary(),
            io: inner.io.metrics(),
            timeline: inner.timeline.summary(),
            events: inner.events.summary(),
            errors: inner.errors.summary(),
            retries: inner.retries.summary(),
            breakers: inner.breakers.summary(),
            connections: inner.connections.summary(),
            health: inner.health.summary(),
            overall_health: inner.health.overall(),
            resources: inner.resources.metrics(),
            resource_history: inner.resources.history(),
            history: self.history(),
        }
    }
}

/// A look at each instrument.
macro_rules! instruments {
    ($($name:ident: $type:ident, $what:literal;)*) => {
        impl ServiceMetrics {$(
            #[doc = $what]
            pub fn $name(&self) -> &$type {
                &self.inner.$name
            }
        )*}
    };
}

instruments! {
    options: MonitoringOptions, "What is recorded, as the first who asked said.";
    stages: Stages, "How long stages take.";
    queries: Queries, "How long the phases of queries take.";
    caches: Caches, "How well caches do.";
    io: Io, "What is read and written.";
    timeline: Timeline, "Operations on the timeline.";
    events: Events, "Events that are processed.";
    errors: Errors, "Errors by type, component and severity.";
    retries: Retries, "Retries by operation.";
    breakers: CircuitBreakers, "The states of circuit breakers.";
    connections: ConnectionStates, "The states of connections.";
    health: Health, "The health of components.";
    resources: Resources, "Samples of what the process uses.";
}

impl Inner {
    fn new(registry: &Registry, options: MonitoringOptions) -> Result<Inner, Error> {
        let clock = registry.clock().clone();
        let (started_ns, started_unix_ns) = (clock.now_ns(), clock.unix_ns());
        let events = Events::new(registry)?;
        let queries = QueryOptions::default().history(options.history);
        let (errors, retries) = (Errors::new(registry)?, Retries::new(registry)?);
        let totals = Totals::of(&events, &errors, &retries);
        Ok(Inner {
            stages: Stages::new(registry)?,
            queries: Queries::with_options(registry, queries)?,
            functions: Functions::new(registry).ok(),
            caches: Caches::new(registry)?,
            io: Io::new(registry)?,
            timeline: Timeline::new(registry)?,
            events,
            errors,
            retries,
            breakers: CircuitBreakers::new(registry)?,
            connections: ConnectionStates::new(registry)?,
            health: Health::new(registry)?,
            resources: Resources::new(registry)?,
            trend: Lock::new(Trend::new(started_ns, totals, &options, registry.budget())),
            options,
            clock,
            started_ns,
            started_unix_ns,
        })
    }

    /// Switches off what the options say, for everybody who records in this registry.
    fn apply(&self) {
        let Inner { options, .. } = self;
        let enabled = options.monitoring_enabled;
        self.events.inner().switch(options.records_business(), options.records_performance());
        self.errors.switch(enabled);
        self.retries.switch(enabled);
        self.breakers.switch(enabled);
        self.connections.switch(enabled);
        self.health.switch(enabled);
        self.resources.switch(options.records_system());
        self.resources.keep(options.history);
    }

    fn sample(&self, now_ns: u64) {
        if !self.trend.lock().is_due(now_ns) {
            return;
        }
        // Read outside of the lock, which holds up a fork.
        let now = Totals::of(&self.events, &self.errors, &self.retries);
        self.trend.lock().push(now_ns, self.clock.unix_ns(), now);
    }
}

impl fmt::Debug for ServiceMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceMetrics")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}
