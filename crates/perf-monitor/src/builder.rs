//! The parts of a monitor, chosen one by one.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_core::{MetricsCollector, Registry, set_thread_budget};

use crate::background::Background;
use crate::error::{Error, Kind};
use crate::health::{Components, Health};
use crate::lease::Lease;
use crate::monitor::PerformanceMonitor;
use crate::own::Own;
use crate::pace::Pace;
use crate::ticker::{Part, Ticker};
use crate::{
    alerts, engine, exporter, listener, machine, otlp, outputs, page, past, profiler, runtime,
    service, spans, system, tracer,
};

/// Faster ticks cost more than they tell; slower ones leave windows that nobody waits for.
pub(crate) const TICKS: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(3600);

/// What the ledger gives to the parts that are not the engine: page, exports, the monitor's thread,
/// and those to come.
const OTHER_BYTES: usize = 283_200;

/// With less beside the tracer, a registry could not hold what the monitor tells of itself and of a machine of a few cores:
/// 221 KB with all parts on (2026-11, 2 cores, 1 disk), of which requests reserve 105 KB and the
/// instruments 23 KB.
const LEAST_BYTES: usize = 700_000;

/// Chooses the parts of a [`PerformanceMonitor`]; made by [`PerformanceMonitor::builder`].
///
/// Without any choice it is what [`PerformanceMonitor::start`] starts. Nothing happens before
/// [`start`](Self::start), which also tells what is wrong with a choice.
#[derive(Debug)]
#[must_use = "nothing happens before `start`"]
pub struct PerformanceMonitorBuilder {
    service: String,
    version: Option<String>,
    registry: Option<Registry>,
    tick: Duration,
    memory: Option<usize>,
    pub(crate) instruments: service::Plan,
    pub(crate) machine: machine::Plan,
    pub(crate) tracer: tracer::Plan,
    pub(crate) profiler: profiler::Plan,
    pub(crate) runtime: runtime::Plan,
    pub(crate) exporter: exporter::Plan,
    pub(crate) otlp: otlp::Plan,
    pub(crate) past: past::Plan,
    pub(crate) alerts: alerts::Plan,
    pub(crate) listener: listener::Plan,
}

/// A monitor in the making: what its parts are made from, and what they have added so far.
pub(crate) struct Context {
    pub(crate) service: String,
    pub(crate) version: Option<String>,
    pub(crate) host_name: Option<String>,
    pub(crate) pace: Pace,
    pub(crate) registry: Registry,
    pub(crate) metrics: MetricsCollector,
    pub(crate) health: Arc<Health>,
    pub(crate) components: Components,
    pub(crate) lease: Lease,
    pub(crate) own: Own,
    pub(crate) collectors: Vec<Part>,
    pub(crate) readers: Vec<Part>,
    pub(crate) routes: listener::Routes,
    pub(crate) page: page::Kit,
}

impl PerformanceMonitorBuilder {
    pub(crate) fn new(service: String) -> PerformanceMonitorBuilder {
        PerformanceMonitorBuilder {
            service,
            version: None,
            registry: None,
            tick: Duration::from_secs(1),
            memory: None,
            instruments: service::Plan::default(),
            machine: machine::Plan::default(),
            tracer: tracer::Plan::default(),
            profiler: profiler::Plan::default(),
            runtime: runtime::Plan::default(),
            exporter: exporter::Plan::default(),
            otlp: otlp::Plan::default(),
            past: past::Plan::default(),
            alerts: alerts::Plan::default(),
            listener: listener::Plan::default(),
        }
    }

    /// Serves `registry` rather than [`Registry::global`].
    ///
    /// Several monitors may serve one registry. One of them collects and ticks for all, so that
    /// windows and rates keep their length; when it stops, another goes on at its own tick.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// How often numbers are collected and windows closed: 1 s; 10 ms to 1 h.
    pub fn tick(mut self, every: Duration) -> Self {
        self.tick = every;
        self
    }

    /// How many bytes the monitor may take, with all of its parts: at the least 700,000 and what the
    /// tracer takes, 900,000 in all with the usual 200,000 of it.
    ///
    /// The tracer and the other parts keep their share of the ledger; of the rest, five sevenths go to
    /// the registry's series ([`Registry::set_budget_bytes`]) and two to what the process's threads
    /// have of their own ([`set_thread_budget`](perf_monitor_core::set_thread_budget)). Beyond the
    /// first, new series become overflow; beyond the second, records are slower. Without this call
    /// the budgets of both stay as they are: 516,096 bytes together if nobody has set them, which makes 1 MB in all.
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// The version of the service, which exporters tell beside its name.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Starts the monitor; its listener takes connections when this returns.
    ///
    /// Blocks for as long as one collection takes, well below a millisecond; it may be called from
    /// async code, and uses no runtime of the caller's.
    ///
    /// # Errors
    /// An option out of its range, an address that is taken or needs a token, a metric of the
    /// registry in the way of the monitor's own, or no thread to be had.
    pub fn start(self) -> Result<PerformanceMonitor, Error> {
        check(&self.service, self.tick)?;
        let engine = engine_bytes(self.memory, self.tracer.bytes()?)?;
        let bound = self.listener.bind()?;
        let address = bound.address();
        let registry = self.registry.unwrap_or_else(|| Registry::global().clone());
        if let Some(bytes) = engine {
            divide(bytes, &registry);
        }
        let mut context = Context::new(self.service, self.version, self.tick, registry)?;
        engine::join(&mut context)?;
        let instruments = self.instruments.join(&mut context)?;
        let tracer = self.tracer.join(&mut context)?;
        self.machine.join(&mut context, &instruments)?;
        self.runtime.join(&mut context)?;
        let exporter = self.exporter.join(&mut context, &instruments)?;
        outputs::join(&mut context, &instruments, &exporter)?;
        spans::join(&mut context, &tracer);
        let profiler = self.profiler.join(&mut context, &tracer)?;
        let sending = self.otlp.join(&mut context, &tracer)?;
        let (alerts, checking) = self.alerts.join(&mut context, self.past, &profiler)?;
        if bound.serves() {
            page::join(&mut context)?;
        }
        let (listener, mount) = bound.join(&mut context)?;
        let (service, registry) = (context.service.clone(), context.registry.clone());
        let metrics = context.metrics.clone();
        let _background = Background::start(Ticker::from(context), listener, sending, checking)?;
        Ok(PerformanceMonitor {
            _background,
            service,
            registry,
            metrics,
            instruments,
            tracer,
            profiler,
            exporter,
            alerts,
            address,
            mount,
        })
    }
}

impl Context {
    pub(crate) fn new(
        service: String,
        version: Option<String>,
        tick: Duration,
        registry: Registry,
    ) -> Result<Context, Error> {
        let pace = Pace::new(tick);
        let own = Own::new(&registry, &service)?;
        let metrics = MetricsCollector::new(&registry)?;
        Ok(Context {
            service,
            version,
            host_name: system::host_name(),
            health: Arc::new(Health::new(pace.clone())),
            pace,
            page: page::Kit::default(),
            components: Arc::new(Vec::new),
            lease: Lease::of(&metrics),
            metrics,
            own,
            collectors: Vec::new(),
            readers: Vec::new(),
            routes: listener::Routes::default(),
            registry,
        })
    }
}

impl From<Context> for Ticker {
    fn from(context: Context) -> Ticker {
        Ticker {
            pace: context.pace,
            registry: context.registry,
            lease: context.lease,
            failures: context.own.failures.clone(),
            own: context.own,
            collectors: context.collectors,
            readers: context.readers,
            health: context.health,
        }
    }
}

/// What of `memory`, if it was chosen, is the engine's, beside `traces` bytes for the tracer.
fn engine_bytes(memory: Option<usize>, traces: usize) -> Result<Option<usize>, Error> {
    let least = LEAST_BYTES + traces;
    match memory {
        Some(bytes) if bytes < least => {
            let message = format!("a memory budget of {bytes} bytes is too small: give {least}");
            Err(Error::new(Kind::Options, message))
        }
        _ => Ok(memory.map(|bytes| bytes - OTHER_BYTES - traces)),
    }
}

/// Sets the engine's budgets, in the proportion of its defaults.
fn divide(engine: usize, registry: &Registry) {
    registry.set_budget_bytes(engine / 7 * 5);
    set_thread_budget(engine / 7 * 2);
}

fn check(service: &str, tick: Duration) -> Result<(), Error> {
    if service.is_empty() {
        let message = "the service's name is empty: give the one that people look for";
        return Err(Error::new(Kind::Options, message));
    }
    if !TICKS.contains(&tick) {
        let message = format!("a tick of {tick:?} is out of range: choose 10 ms to 1 h");
        return Err(Error::new(Kind::Options, message));
    }
    Ok(())
}
