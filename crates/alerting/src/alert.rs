//! An alert that is active, as the program sees it.

use std::time::SystemTime;

use crate::labels::Labels;
use crate::machine::Phase;
use crate::metrics::Metrics;
use crate::severity::AlertSeverity;

/// An alert that fires or is about to.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The rule's name; the label `alertname`.
    pub name: String,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// When it fired, by the time of day; of one that is pending, when that began.
    pub triggered_at: SystemTime,
    /// A sentence for people.
    pub message: String,
    /// The figures of the window in which it fired, without series by name; all zero for a rule of
    /// a file, which looks at the history instead.
    pub metrics: Metrics,
    /// What it is told by.
    pub labels: Labels,
    /// Pending or firing.
    pub phase: Phase,
    /// The value of its expression at the last look; `None` for a closure.
    pub value: Option<f64>,
}
