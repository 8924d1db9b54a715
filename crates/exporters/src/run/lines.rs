//! Stages, resources and caches as lines of a log.

use perf_monitor_instruments::{CacheMetrics, StageMetrics};

use super::seconds;
use crate::escape::plain;

/// `fetch: 20.0 ops/s (avg: 50.0ms)`, for a stage that has run.
pub(crate) fn stage_line(stage: &StageMetrics) -> String {
    let average_ms = seconds(stage.total) * 1_000.0 / stage.count as f64;
    let throughput = stage.throughput_per_s();
    format!("{}: {throughput:.1} ops/s (avg: {average_ms:.1}ms)", plain(&stage.name))
}

/// `CPU: 55.0%`.
pub(crate) fn cpu_line(percent: f64) -> String {
    format!("CPU: {}%", tenths(percent))
}

/// `Memory: 1024.0 MB`.
pub(crate) fn memory_line(mb: f64) -> String {
    format!("Memory: {} MB", tenths(mb))
}

/// To a tenth; what nobody can have measured, a thousand millions and more, as a power of ten.
pub(crate) fn tenths(x: f64) -> String {
    if x.abs() < 1e9 { format!("{x:.1}") } else { format!("{x:.2e}") }
}

/// `sender_cache: 80.0% hit rate (800 hits, 200 misses)`.
pub(crate) fn cache_line(cache: &CacheMetrics) -> String {
    let CacheMetrics { hits, misses, .. } = cache;
    let rate = cache.hit_rate_pct();
    format!("{}: {rate:.1}% hit rate ({hits} hits, {misses} misses)", plain(&cache.name))
}
