//! What a tracer tells about spans, by way of the registry.

use perf_monitor_core::{Counter, Desc, Family, Histogram, HistogramOptions, Registry, Unit};

use crate::Error;

/// The tracer's metrics.
pub(crate) struct Metrics {
    pub(crate) durations: Family<Histogram>,
    pub(crate) errors: Family<Counter>,
    pub(crate) kept: Counter,
    pub(crate) dropped: Counter,
    pub(crate) unsampled: Counter,
    lost: [Counter; LOSSES],
    details: [Counter; DETAILS],
    misuse: [Counter; MISUSES],
}

/// Why a span that should have been kept was not, or no longer is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    /// Open spans, or those that are protected, had taken all slots.
    Slots,
    /// Its trace had too many spans.
    TraceFull,
    /// It made room for others before anybody had taken it.
    Evicted,
}

/// What else was not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Detail {
    /// A name beyond the bound.
    Name,
    /// An attribute, an event, a link or a message that found no room.
    Payload,
}

/// What was asked of spans that do not take it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Misuse {
    EndedTwice,
    Stale,
    Foreign,
    EventAfterEnd,
}

const LOSSES: usize = 3;
const DETAILS: usize = 2;
const MISUSES: usize = 4;

/// An hour in nanoseconds: the longest that the histograms tell apart.
const HIGHEST_NS: u64 = 3_600 * 1_000_000_000;

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Result<Metrics, Error> {
        let counters =
            |name: &str, help: &str, label: &str| registry.counter_family((name, help), &[label]);
        let durations = Desc::new("span_duration_seconds", "Time that spans took, kept or not.");
        let options = HistogramOptions::default().digits(2).highest(HIGHEST_NS);
        let fates = counters(
            "perf_monitor_spans_total",
            "Spans that ended, by what became of them.",
            "fate",
        )?;
        let lost = counters(
            "perf_monitor_spans_dropped_total",
            "Spans that were not kept, or no longer, for want of room.",
            "reason",
        )?;
        let details = counters(
            "perf_monitor_span_details_dropped_total",
            "Names, attributes and events of spans that found no room.",
            "detail",
        )?;
        let misuse = counters(
            "perf_monitor_span_misuse_total",
            "Calls with the id of a span that does not take them.",
            "kind",
        )?;
        Ok(Metrics {
            durations: registry.histogram_family(
                durations.unit(Unit::Nanoseconds),
                &["span"],
                options,
            )?,
            errors: counters("span_errors_total", "Spans whose work failed.", "span")?,
            kept: fates.with(&["kept"])?,
            dropped: fates.with(&["dropped"])?,
            unsampled: fates.with(&["unsampled"])?,
            lost: [lost.with(&["slots"])?, lost.with(&["trace_full"])?, lost.with(&["evicted"])?],
            details: [details.with(&["name"])?, details.with(&["payload"])?],
            misuse: [
                misuse.with(&["ended_twice"])?,
                misuse.with(&["stale"])?,
                misuse.with(&["foreign"])?,
                misuse.with(&["event_after_end"])?,
            ],
        })
    }

    pub(crate) fn lost(&self, why: Loss) -> &Counter {
        &self.lost[why as usize]
    }

    pub(crate) fn detail(&self, what: Detail) -> &Counter {
        &self.details[what as usize]
    }

    pub(crate) fn misuse(&self, what: Misuse) -> &Counter {
        &self.misuse[what as usize]
    }
}
