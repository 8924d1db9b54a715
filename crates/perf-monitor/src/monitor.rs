//! A monitor that runs inside the program that it watches.

use std::fmt;
use std::net::SocketAddr;

use perf_monitor_core::Registry;
pub use perf_monitor_core::{LocalMetrics, MetricsCollector};

use crate::alerts::Alerts;
use crate::background::Background;
pub use crate::builder::PerformanceMonitorBuilder;
use crate::error::Error;
use crate::exporter::Exporter;
use crate::listener;
use crate::profiler::Profiler;
use crate::service::Instruments;
use crate::tracer::Tracer;

/// A running monitor: request metrics, this process, its machine and where to look at them.
///
/// It owns one thread, `perf-monitor`, with a runtime of its own for the ticks and the listener:
/// the program's runtime is never used, so that a program that hangs can still be looked at. A second
/// one, `perf-monitor-worker`, exists while there is work that blocks, such as looking up the names in a
/// profile.
///
/// Shareable between threads. Dropping it, anywhere, stops it within a second: its address is free
/// again and what it recorded stays in the registry. In a forked child the monitor of the parent
/// is not running and dropping it does nothing; start another one there.
///
/// ```
/// use perf_monitor::PerformanceMonitor;
/// use std::time::Instant;
///
/// let monitor = PerformanceMonitor::start("checkout")?;
/// println!("see {}", monitor.url().unwrap_or_default());
///
/// let begun = Instant::now();
/// // ... serve a request ...
/// monitor.metrics().record_request(begun.elapsed(), true);
/// # Ok::<(), perf_monitor::Error>(())
/// ```
pub struct PerformanceMonitor {
    /// First, so that the thread is gone before what it uses.
    pub(crate) _background: Background,
    pub(crate) service: String,
    pub(crate) registry: Registry,
    pub(crate) metrics: MetricsCollector,
    pub(crate) instruments: Instruments,
    pub(crate) tracer: Tracer,
    pub(crate) profiler: Profiler,
    pub(crate) exporter: Exporter,
    pub(crate) alerts: Alerts,
    pub(crate) address: Option<SocketAddr>,
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "there is nothing to mount"))]
    pub(crate) mount: listener::Mount,
}

impl PerformanceMonitor {
    /// Starts everything for the service called `service`, with the process's default registry, on
    /// <http://127.0.0.1:9464> or, if that port is taken, another free one.
    ///
    /// # Errors
    /// An empty name, or no thread or socket to be had.
    pub fn start(service: impl Into<String>) -> Result<PerformanceMonitor, Error> {
        PerformanceMonitor::builder(service).start()
    }

    /// Chooses parts for the service called `service`.
    pub fn builder(service: impl Into<String>) -> PerformanceMonitorBuilder {
        PerformanceMonitorBuilder::new(service.into())
    }

    /// Where requests are recorded; clone it to wherever they are served.
    pub fn metrics(&self) -> &MetricsCollector {
        &self.metrics
    }

    /// The registry that is served; counters, gauges and histograms of one's own go there.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The name of the service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The address that the listener has; `None` without one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The address as one that a browser takes: an unspecified one as this machine's loopback.
    pub fn url(&self) -> Option<String> {
        let mut address = self.address?;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        Some(format!("http://{address}"))
    }

    /// Stops the monitor, as dropping it does; at most a second.
    pub fn stop(self) {}
}

impl fmt::Debug for PerformanceMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerformanceMonitor")
            .field("service", &self.service)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
