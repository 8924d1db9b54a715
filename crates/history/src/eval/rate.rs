//! How much a series changed within a range.

use crate::storage::{Change, Span};

use super::source::Window;

/// How a change is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kind {
    /// Whether the series only grows: where it falls, it began again at zero.
    pub(super) counter: bool,
    /// Whether per second.
    pub(super) per_second: bool,
}

/// The change over the whole range, as Prometheus extrapolates it from the points within: up to the ends of the
/// range if the first and last point are near to them, else by half the average distance between points; a
/// counter not to below zero. `None` for fewer than two points.
pub(super) fn extrapolated(change: Change, span: Span, kind: Kind) -> Option<f64> {
    let Change { first: (first_ms, first), last: (last_ms, last), points, fallen } = change;
    if points < 2 {
        return None;
    }
    let grown = last - first + if kind.counter { fallen } else { 0.0 };
    let sampled = seconds(last_ms - first_ms);
    let average = sampled / (points - 1) as f64;
    let mut to_start = seconds(first_ms - span.from_ms);
    let to_end = seconds(span.until_ms - last_ms);
    if kind.counter && grown > 0.0 && first >= 0.0 {
        to_start = to_start.min(sampled * (first / grown));
    }
    let threshold = average * 1.1;
    let beyond = |distance: f64| if distance < threshold { distance } else { average / 2.0 };
    let mut factor = (sampled + beyond(to_start) + beyond(to_end)) / sampled;
    if kind.per_second {
        factor /= seconds(span.until_ms - span.from_ms);
    }
    Some(grown * factor)
}

/// The change per second between the last two points.
pub(super) fn instant_rate(window: Window<'_>) -> Option<f64> {
    let [.., before, last] = *window.values else { return None };
    let [.., before_ms, last_ms] = *window.at_ms else { return None };
    let change = if last < before { last } else { last - before };
    (last_ms > before_ms).then(|| change / seconds(last_ms - before_ms))
}

pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
