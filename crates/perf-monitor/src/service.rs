//! The instruments of a monitor: their switches, their ticks, their health.

use std::error::Error as _;
use std::sync::Arc;

use perf_monitor_instruments::{MonitoringError, MonitoringOptions, ServiceMetrics};

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::{Error, Kind};
use crate::health::Component;
use crate::monitor::PerformanceMonitor;
use crate::ticker::Part;

/// What is recorded.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    options: MonitoringOptions,
}

/// The instruments of the registry.
pub(crate) struct Instruments {
    service: ServiceMetrics,
}

/// Instruments: all of them, unless chosen otherwise.
impl PerformanceMonitorBuilder {
    /// What is recorded by the instruments, and how much of the past they keep.
    ///
    /// Besides what [`MonitoringOptions`] says of each category:
    ///
    /// - without `enable_system_metrics`, this process and its machine are not read, as with
    ///   [`host_metrics(false)`](Self::host_metrics);
    /// - without `enable_prometheus_integration`, nothing answers on `/metrics`;
    /// - without `monitoring_enabled`, nothing of these categories is recorded: no events, errors,
    ///   retries, circuit breakers, connection states and health, no resources, and the machine is
    ///   not read. Stages, queries, caches, reads and writes, the timeline, timed functions, requests
    ///   and metrics of one's own go on.
    ///
    /// Monitors that share a registry share its instruments: the options of the first one hold.
    pub fn monitoring(mut self, options: MonitoringOptions) -> Self {
        self.instruments.options = options;
        self
    }
}

impl PerformanceMonitor {
    /// Where stages, queries, caches, events and the rest are recorded; clone it to wherever that is.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use perf_monitor::PerformanceMonitor;
    ///
    /// let monitor = PerformanceMonitor::start("importer")?;
    /// let fetch = monitor.instruments().stages().stage("fetch");
    /// for _page in 0..10 {
    ///     let _guard = fetch.start();
    ///     // ... fetch it ...
    /// }
    /// assert_eq!(fetch.metrics().count, 10);
    /// # Ok::<(), perf_monitor::Error>(())
    /// ```
    pub fn instruments(&self) -> &ServiceMetrics {
        &self.instruments.service
    }
}

impl Plan {
    pub(crate) fn join(self, context: &mut Context) -> Result<Instruments, Error> {
        let service = ServiceMetrics::new(&context.registry, self.options).map_err(refused)?;
        let (ticked, clock) = (service.clone(), context.registry.clock().clone());
        context.collectors.push(Part {
            name: "instruments",
            once_per_registry: true,
            work: Box::new(move || ticked.tick(clock.now_ns())),
        });
        let health = service.clone();
        context.components = Arc::new(move || components(&health));
        Ok(Instruments { service })
    }
}

fn refused(error: MonitoringError) -> Error {
    if error.is_options() {
        return Error::new(Kind::Options, error.to_string()).because(error);
    }
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Error::new(Kind::Registry, format!("{error}{cause}")).because(error)
}

impl Instruments {
    /// Whether this process and its machine are to be read.
    pub(crate) fn read_the_machine(&self) -> bool {
        let options = self.service.options();
        options.monitoring_enabled && options.enable_system_metrics
    }

    /// Whether Prometheus is to find metrics here.
    pub(crate) fn serve_prometheus(&self) -> bool {
        self.service.options().enable_prometheus_integration
    }

    pub(crate) fn service(&self) -> &ServiceMetrics {
        &self.service
    }
}

fn components(service: &ServiceMetrics) -> Vec<Component> {
    let all = service.health().summary().into_iter();
    let shown = all.map(|one| Component {
        name: one.component,
        state: one.state.as_str(),
        reason: one.reason,
        since_unix_ns: one.since_unix_ns,
    });
    shown.collect()
}
