//! What a histogram of nanoseconds says of durations.

use std::time::Duration;

use perf_monitor_core::HistogramValue;

/// The duration that the share `q` of all were not longer than; `None` without any.
pub(crate) fn quantile(value: &HistogramValue, q: f64) -> Option<Duration> {
    let ns = value.value_at_quantile(q).min(value.max);
    (value.count > 0).then(|| Duration::from_nanos(ns))
}

/// The longest, as recorded; `None` without any.
pub(crate) fn longest(value: &HistogramValue) -> Option<Duration> {
    (value.count > 0).then(|| Duration::from_nanos(value.max))
}

/// The mean, from the exact sum; `None` without any.
pub(crate) fn mean(value: &HistogramValue) -> Option<Duration> {
    value.sum.checked_div(value.count).map(Duration::from_nanos)
}

/// As a histogram takes it; what has no room in 64 bits (584 years) is the most that has.
#[inline]
pub(crate) fn duration_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
