//! What a service's process used of the machine, sample by sample.

mod sampler;
pub(crate) mod samples;

use std::fmt;
use std::sync::Arc;

use perf_monitor_core::{Clock, Counter, Error, Lock, Registry};

use crate::options::{HISTORY, Switch};
pub use sampler::{ResourceReading, ResourceSampler};
use samples::Samples;

/// What was used at one moment, or since the sample before. What is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResourceSample {
    /// When: nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// CPU time, in percent of one core.
    pub cpu_percent: Option<f64>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// Bytes read from and written to disks since the sample before.
    pub disk_io_bytes: Option<u64>,
    /// Bytes received and sent since the sample before.
    pub network_io_bytes: Option<u64>,
}

/// Averages over all samples, not only those of the history. What no sample told is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ResourceMetrics {
    /// CPU time, in percent of one core.
    pub avg_cpu_percent: Option<f64>,
    /// Memory, in units of 1,048,576 bytes.
    pub avg_memory_mb: Option<f64>,
    /// Disk traffic from one sample to the next, in units of 1,048,576 bytes.
    pub avg_disk_io_mb: Option<f64>,
    /// Network traffic from one sample to the next, in units of 1,048,576 bytes.
    pub avg_network_io_mb: Option<f64>,
    /// Samples that told the CPU time.
    pub cpu_samples: u64,
    /// Samples that told the memory.
    pub memory_samples: u64,
}

impl ResourceMetrics {
    /// Bytes of a megabyte, as the seed and its Python divide them.
    pub const BYTES_PER_MB: f64 = 1_048_576.0;
}

/// Samples of what a service uses: their averages, the last 100 of them, the metric
/// `resource_samples_total`. The readings themselves are metrics of the host's reader.
///
/// A clone is the same; so is whatever else asks for it on one registry.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::Resources;
///
/// let resources = Resources::new(&Registry::new())?;
/// resources.record_resources(50.0, 1000.0, 90.0, 40.0);
/// resources.record_resources(60.0, 1048.0, 110.0, 60.0);
/// let metrics = resources.metrics();
/// assert_eq!(metrics.avg_cpu_percent, Some(55.0));
/// assert_eq!(metrics.avg_memory_mb, Some(1024.0));
/// assert_eq!(metrics.cpu_samples, 2);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Resources {
    inner: Arc<Inner>,
}

struct Inner {
    samples: Counter,
    kept: Lock<Kept>,
    clock: Clock,
    on: Switch,
}

struct Kept {
    cpu: Mean,
    memory: Mean,
    disk_io: Mean,
    network_io: Mean,
    history: Samples<ResourceSample>,
}

/// A mean of what was told.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum = (self.sum + value).min(f64::MAX);
            self.count += 1;
        }
    }

    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    fn mb(self) -> Option<f64> {
        self.value().map(|bytes| bytes / ResourceMetrics::BYTES_PER_MB)
    }
}

impl Resources {
    /// The registry's samples.
    ///
    /// # Errors
    /// `resource_samples_total` is taken by a metric of another kind or other labels.
    pub fn new(registry: &Registry) -> Result<Resources, Error> {
        let inner = registry.companion(|| Inner::new(registry))?;
        Ok(Resources { inner })
    }

    /// Records a sample that is taken now: percent of one core, then units of 1,048,576 bytes of
    /// memory, of disk and of network traffic since the sample before. A number that is negative or
    /// not finite is unknown.
    ///
    /// # Cost
    /// A short lock: this is for samples that are seconds apart.
    pub fn record_resources(
        &self,
        cpu_percent: f64,
        memory_mb: f64,
        disk_io_mb: f64,
        network_io_mb: f64,
    ) {
        self.record(ResourceSample {
            unix_ns: self.inner.clock.unix_ns(),
            cpu_percent: Some(cpu_percent),
            memory_bytes: bytes(memory_mb),
            disk_io_bytes: bytes(disk_io_mb),
            network_io_bytes: bytes(network_io_mb),
        });
    }

    /// Records a sample.
    ///
    /// # Cost
    /// As [`record_resources`](Self::record_resources).
    pub fn record(&self, mut sample: ResourceSample) {
        if !self.inner.on.is_on() {
            return;
        }
        sample.cpu_percent = sample.cpu_percent.filter(|percent| is_amount(*percent));
        self.inner.samples.inc();
        let mut kept = self.inner.kept.lock();
        kept.cpu.add(sample.cpu_percent);
        kept.memory.add(sample.memory_bytes.map(|bytes| bytes as f64));
        kept.disk_io.add(sample.disk_io_bytes.map(|bytes| bytes as f64));
        kept.network_io.add(sample.network_io_bytes.map(|bytes| bytes as f64));
        kept.history.push(sample);
    }

    /// The averages over all samples.
    pub fn metrics(&self) -> ResourceMetrics {
        let kept = self.inner.kept.lock();
        ResourceMetrics {
            avg_cpu_percent: kept.cpu.value(),
            avg_memory_mb: kept.memory.mb(),
            avg_disk_io_mb: kept.disk_io.mb(),
            avg_network_io_mb: kept.network_io.mb(),
            cpu_samples: kept.cpu.count,
            memory_samples: kept.memory.count,
        }
    }

    /// The last samples, oldest first: 100, or as many as
    /// [`MonitoringOptions::history`](crate::MonitoringOptions::history) says; fewer if the
    /// registry's budget has no room for so many.
    pub fn history(&self) -> Vec<ResourceSample> {
        self.inner.kept.lock().history.to_vec()
    }

    /// Whether samples are recorded: [`MonitoringOptions::enable_system_metrics`] may say no.
    ///
    /// [`MonitoringOptions::enable_system_metrics`]: crate::MonitoringOptions::enable_system_metrics
    pub fn is_enabled(&self) -> bool {
        self.inner.on.is_on()
    }

    pub(crate) fn switch(&self, on: bool) {
        self.inner.on.set(on);
    }

    pub(crate) fn keep(&self, history: usize) {
        self.inner.kept.lock().history.resize(history);
    }
}

fn is_amount(number: f64) -> bool {
    number.is_finite() && number >= 0.0
}

fn bytes(mb: f64) -> Option<u64> {
    is_amount(mb).then(|| (mb * ResourceMetrics::BYTES_PER_MB).round() as u64)
}

impl Inner {
    fn new(registry: &Registry) -> Result<Inner, Error> {
        let desc = ("resource_samples_total", "Samples that were taken of what the service uses.");
        let kept = Kept {
            cpu: Mean::default(),
            memory: Mean::default(),
            disk_io: Mean::default(),
            network_io: Mean::default(),
            history: Samples::new(HISTORY, registry.budget()),
        };
        Ok(Inner {
            samples: registry.counter(desc)?,
            kept: Lock::new(kept),
            clock: registry.clock().clone(),
            on: Switch::on(),
        })
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resources").field(&self.metrics()).finish()
    }
}
