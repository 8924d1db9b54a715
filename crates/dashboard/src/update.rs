//! What the page shows of one moment.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// What a service and its machine did up to one moment: made once a tick, the same for all viewers.
///
/// As JSON, `timestamp` is in milliseconds since the Unix epoch and what is unknown is `null`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DashboardUpdate {
    /// When it was made.
    #[serde(serialize_with = "unix_ms")]
    pub timestamp: SystemTime,
    /// Requests per second over the last tick.
    pub request_rate: f64,
    /// The share of requests that failed over the last tick, 0 to 1.
    pub error_rate: f64,
    /// The 99th percentile of latency over the last 60 s, in microseconds; 0 without requests.
    pub latency_p99: u64,
    /// The memory of this process that is resident, in bytes; 0 while nothing reads it.
    pub memory_usage: u64,
    /// CPU time of this process over the last tick, in percent of one core.
    pub cpu_usage: f64,
    /// The median of latency, over the same time as `latency_p99`; `None` without requests.
    pub latency_p50: Option<u64>,
    /// Requests recorded since the start.
    pub requests: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// The share of all cores of the machine that was busy over the last tick, 0 to 1.
    pub host_cpu_ratio: Option<f64>,
    /// The cores of the machine.
    pub host_cpus: Option<u64>,
    /// The machine's memory that is not available, in bytes.
    pub host_memory_used_bytes: Option<u64>,
    /// The machine's memory, in bytes.
    pub host_memory_total_bytes: Option<u64>,
    /// What the machine's interfaces, without loopback, received over the last tick.
    pub network_receive_bytes_per_second: Option<f64>,
    /// What they sent.
    pub network_transmit_bytes_per_second: Option<f64>,
}

impl DashboardUpdate {
    pub(crate) fn to_json(self) -> String {
        serde_json::to_string(&self).expect("numbers under fixed names")
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    to.serialize_u64(since.as_millis() as u64)
}
