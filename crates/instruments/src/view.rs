//! Everything that a service recorded, as one plain struct.

use std::time::Duration;

use crate::timed::FunctionMetrics;
use crate::{
    BreakerStatus, CacheMetrics, ComponentHealth, ConnectionStatus, ErrorCount, EventMetrics,
    HealthState, IoMetrics, MonitoringOptions, OperationCount, QueryProfile, QueryRunRecord,
    ResourceMetrics, ResourceSample, RetryCount, StageMetrics,
};

/// What
/// [`ServiceMetrics::get_comprehensive_metrics`](crate::ServiceMetrics::get_comprehensive_metrics)
/// gives. What was not recorded is empty or `None`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ComprehensiveMetrics {
    /// When this was read: nanoseconds since the Unix epoch, by the registry's clock.
    pub unix_ns: u64,
    /// When recording began.
    pub started_unix_ns: u64,
    /// How long it went on.
    pub duration: Duration,
    /// What is recorded.
    pub options: MonitoringOptions,
    /// Stages by name.
    pub stages: Vec<StageMetrics>,
    /// Queries by name.
    pub queries: Vec<QueryProfile>,
    /// The last runs of all queries, newest last.
    pub recent_queries: Vec<QueryRunRecord>,
    /// Functions that are timed, by name. The attribute `#[timed]` records into
    /// [`Registry::global`](perf_monitor_core::Registry::global), so that another registry has none.
    pub functions: Vec<FunctionMetrics>,
    /// Caches by name.
    pub caches: Vec<CacheMetrics>,
    /// Reads and writes.
    pub io: IoMetrics,
    /// Operations on the timeline.
    pub timeline: Vec<OperationCount>,
    /// Events, data, queues, connections.
    pub events: EventMetrics,
    /// Errors by type, component and severity.
    pub errors: Vec<ErrorCount>,
    /// Retries by operation.
    pub retries: Vec<RetryCount>,
    /// Circuit breakers by name.
    pub breakers: Vec<BreakerStatus>,
    /// Connections by name.
    pub connections: Vec<ConnectionStatus>,
    /// Components by name.
    pub health: Vec<ComponentHealth>,
    /// The worst of them.
    pub overall_health: Option<HealthState>,
    /// Averages of all samples of what the process used.
    pub resources: ResourceMetrics,
    /// The last samples of what the process used, oldest first.
    pub resource_history: Vec<ResourceSample>,
    /// The last samples of what came, oldest first.
    pub history: Vec<ServiceSample>,
}

/// What came between two samples of the history.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ServiceSample {
    /// When it was taken: nanoseconds since the Unix epoch, by the registry's clock.
    pub unix_ns: u64,
    /// Time since the sample before.
    pub interval: Duration,
    /// Events that were processed, the failed ones included.
    pub events: u64,
    /// Events that failed.
    pub failures: u64,
    /// Errors, of any severity.
    pub errors: u64,
    /// Retries.
    pub retries: u64,
    /// 95 % of these events took at most so long.
    pub p95: Option<Duration>,
    /// 99 % did.
    pub p99: Option<Duration>,
}

impl ServiceSample {
    /// Events per second.
    pub fn events_per_s(&self) -> f64 {
        let seconds = self.interval.as_secs_f64();
        if seconds > 0.0 { self.events as f64 / seconds } else { 0.0 }
    }

    /// The share of events that failed, 0 to 1; `None` without events.
    pub fn error_rate(&self) -> Option<f64> {
        (self.events > 0).then(|| self.failures as f64 / self.events as f64)
    }
}
