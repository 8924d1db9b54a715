//! The metrics of one run, as one document.

mod document;
pub(crate) mod lines;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use perf_monitor_core::{Clock, Error as CoreError, Registry};
use perf_monitor_instruments::{
    CacheMetrics, Caches, ResourceMetrics, Resources, StageMetrics, Stages,
};

use crate::error::Error;
use crate::file::write_atomically;
use lines::{cache_line, cpu_line, memory_line, stage_line};

/// Stages, resources and caches of one run, from its begin to the document at its end.
///
/// What is recorded is in the registry too: these are its [`Stages`], [`Resources`] and [`Caches`], so a guard of
/// `Stages` or a sampler of `Resources` feeds the same document. A registry has one; clones and later calls of
/// [`new`](Self::new) share it. It can be used from all threads.
///
/// ```
/// use std::time::Duration;
///
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::RunMetrics;
///
/// let run = RunMetrics::new(&Registry::new())?;
/// run.record_stage("fetch", Duration::from_millis(50), false);
/// run.record_cache("sender_cache", 800, 200, 10, 5 << 20);
/// assert_eq!(
///     run.summary(),
///     [
///         "=== Performance Metrics ===",
///         "  fetch: 20.0 ops/s (avg: 50.0ms)",
///         "  CPU: 0.0%",
///         "  Memory: 0.0 MB",
///         "  sender_cache: 80.0% hit rate (800 hits, 200 misses)",
///     ]
/// );
/// # let directory = std::env::temp_dir().join(format!("perf-monitor-run-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// run.export_json(directory.join("metrics_123.json"))?;
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RunMetrics {
    run: Arc<Run>,
}

struct Run {
    stages: Stages,
    resources: Resources,
    caches: Caches,
    clock: Clock,
    started_ns: u64,
    started_unix_ns: u64,
}

impl RunMetrics {
    /// The run of `registry`, which begins with the first call.
    ///
    /// # Errors
    /// A name of its metrics is taken by a metric of another kind.
    pub fn new(registry: &Registry) -> Result<RunMetrics, CoreError> {
        let run = registry.companion(|| Run::begin(registry))?;
        Ok(RunMetrics { run })
    }

    /// The run of the process's own registry.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn global() -> Result<RunMetrics, CoreError> {
        RunMetrics::new(Registry::global())
    }

    /// Records that the stage `name` ran for so long, and whether it failed. See [`Stages::record_stage`].
    pub fn record_stage(&self, name: &str, duration: Duration, error: bool) {
        self.run.stages.record_stage(name, duration, error);
    }

    /// Records a sample of the resources. See [`Resources::record_resources`].
    pub fn record_resources(
        &self,
        cpu_percent: f64,
        memory_mb: f64,
        disk_io_mb: f64,
        network_io_mb: f64,
    ) {
        self.run.resources.record_resources(cpu_percent, memory_mb, disk_io_mb, network_io_mb);
    }

    /// Sets what the cache `name` has counted so far; a later call sets it again. See [`Caches::record_cache`].
    pub fn record_cache(
        &self,
        name: &str,
        hits: u64,
        misses: u64,
        evictions: u64,
        size_bytes: u64,
    ) {
        self.run.caches.record_cache(name, hits, misses, evictions, size_bytes);
    }

    /// The stages that have run, by name.
    pub fn stages(&self) -> Vec<StageMetrics> {
        let mut stages = self.run.stages.summary();
        stages.retain(|stage| stage.count > 0);
        stages
    }

    /// The averages of all samples of the resources.
    pub fn resources(&self) -> ResourceMetrics {
        self.run.resources.metrics()
    }

    /// The caches, by name.
    pub fn caches(&self) -> Vec<CacheMetrics> {
        self.run.caches.summary()
    }

    /// When the run began.
    pub fn start_time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.run.started_unix_ns)
    }

    /// For how long it has been running.
    pub fn duration(&self) -> Duration {
        let now_ns = self.run.clock.now_ns();
        Duration::from_nanos(now_ns.saturating_sub(self.run.started_ns))
    }

    /// Everything as one JSON document, laid out as Python's `json.dump(..., indent=2)` does.
    ///
    /// ```json
    /// {
    ///   "start_time": "2025-01-21T15:30:00.123456",
    ///   "duration_s": 120.5,
    ///   "stages": {
    ///     "fetch": {
    ///       "count": 1000,
    ///       "total_duration_s": 50.0,
    ///       "avg_duration_s": 0.05,
    ///       "min_duration_s": 0.01,
    ///       "max_duration_s": 0.2,
    ///       "throughput_per_s": 20.0,
    ///       "errors": 0
    ///     }
    ///   },
    ///   "resources": {
    ///     "avg_cpu_percent": 55.0,
    ///     "avg_memory_mb": 1024.0,
    ///     "avg_disk_io_mb": 100.0,
    ///     "avg_network_io_mb": 50.0,
    ///     "cpu_samples": 24,
    ///     "memory_samples": 24
    ///   },
    ///   "caches": {
    ///     "sender_cache": {
    ///       "hits": 800,
    ///       "misses": 200,
    ///       "hit_rate_pct": 80.0,
    ///       "evictions": 10,
    ///       "size_mb": 5.0
    ///     }
    ///   }
    /// }
    /// ```
    ///
    /// The start is in UTC, durations in seconds, sizes in units of 1,048,576 bytes; stages and caches stand by name,
    /// what had no room of its own as `overflow`. The document knows plain numbers only: an average without a sample
    /// is 0.0 beside `cpu_samples` or `memory_samples` of 0, a size that was never set is 0.0, a hit rate without
    /// look-ups 0.0. It ends without a line break.
    pub fn to_json(&self) -> String {
        document::write(self)
    }

    /// Writes [`to_json`](Self::to_json) to `path`, which holds the old document or the new one at any time.
    ///
    /// # Errors
    /// As [`write_atomically`].
    pub fn export_json(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let json = self.to_json();
        write_atomically(path, |out| out.write_all(json.as_bytes()))
    }

    /// A few lines for a log: throughput and average of each stage, CPU and memory, the hit rate of each cache.
    pub fn summary(&self) -> Vec<String> {
        let resources = self.resources();
        let mut lines = vec!["=== Performance Metrics ===".to_owned()];
        lines.extend(self.stages().iter().map(|stage| format!("  {}", stage_line(stage))));
        lines.push(format!("  {}", cpu_line(resources.avg_cpu_percent.unwrap_or(0.0))));
        lines.push(format!("  {}", memory_line(resources.avg_memory_mb.unwrap_or(0.0))));
        lines.extend(self.caches().iter().map(|cache| format!("  {}", cache_line(cache))));
        lines
    }
}

impl Run {
    fn begin(registry: &Registry) -> Result<Run, CoreError> {
        let clock = registry.clock().clone();
        Ok(Run {
            stages: Stages::new(registry)?,
            resources: Resources::new(registry)?,
            caches: Caches::new(registry)?,
            started_ns: clock.now_ns(),
            started_unix_ns: clock.unix_ns(),
            clock,
        })
    }
}

/// By one division, so that 50 ms are 0.05 s and nothing beside it.
fn seconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e9
}

impl fmt::Debug for RunMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunMetrics")
            .field("start_time", &self.start_time())
            .field("duration", &self.duration())
            .finish_non_exhaustive()
    }
}
