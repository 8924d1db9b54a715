//! What could not be had as it was asked for, counted by reason.

use std::sync::Arc;

use perf_monitor_core::{Counter, Error, Registry};

/// Why something is not where it was asked to be.
#[derive(Clone, Copy)]
pub(super) enum Reason {
    /// Labels that a name does not have: recorded under another name.
    Labels,
    /// A name that something else has: recorded under another name.
    Taken,
    /// Two names that are one in Prometheus' alphabet: recorded as one.
    Alike,
    /// Records of a name that had no room, or whose other names are taken too: dropped.
    Names,
    /// Values of histograms that are negative or not a number: dropped.
    Value,
    /// Absolute totals that have no series of their own: dropped.
    Absolute,
    /// Descriptions that came after their metric, or had no room: not shown.
    Description,
}

/// As the label says them, in the order of [`Reason`].
const REASONS: [&str; 7] =
    ["labels", "taken", "alike", "names", "value", "absolute", "description"];

/// A counter for each reason, there from the start: when a budget is used up is too late.
#[derive(Clone)]
pub(super) struct Refused(Arc<[Counter]>);

impl Refused {
    pub(super) fn new(registry: &Registry) -> Result<Refused, Error> {
        let desc = (
            "perf_monitor_bridge_refused_total",
            "What came from the metrics crate and could not be had as it was asked for: recorded \
             under another name (labels, taken), as one with another (alike), dropped (names, value, \
             absolute), or not shown (description).",
        );
        let family = registry.counter_family(desc, &["reason"])?;
        Ok(Refused(REASONS.iter().map(|reason| family.with(&[reason])).collect::<Result<_, _>>()?))
    }

    #[cold]
    pub(super) fn count(&self, reason: Reason) {
        self.0[reason as usize].inc();
    }

    #[cold]
    pub(super) fn count_many(&self, reason: Reason, times: usize) {
        self.0[reason as usize].add(times as u64);
    }
}
