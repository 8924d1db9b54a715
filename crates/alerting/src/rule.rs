//! Rules that are closures.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::machine::{Flapping, Timing};
use crate::metrics::Metrics;
use crate::severity::AlertSeverity;

/// Says whether a rule's condition holds.
///
/// It runs once a tick and should not block; when it panics, its rule is disabled, and shows it.
pub type Condition = Arc<dyn Fn(&Metrics) -> bool + Send + Sync>;

/// A rule over [`Metrics`]: it fires while its condition holds.
///
/// ```
/// use perf_monitor_alerting::{AlertRule, AlertSeverity};
/// use std::time::Duration;
///
/// let slow = AlertRule::new("slow", AlertSeverity::Critical, |m| m.latency.p99 > 250_000)
///     .hold(Duration::from_secs(30))
///     .clear_when(|m| m.latency.p99 < 200_000)
///     .message("the 99th percentile is above 250 ms");
/// assert_eq!(slow.cooldown, Duration::from_secs(60));
/// ```
#[derive(Clone)]
pub struct AlertRule {
    /// Its name, which no other rule has; the label `alertname`.
    pub name: String,
    /// What it looks for.
    pub condition: Condition,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// The least time between two firings: a minute, unless said otherwise.
    pub cooldown: Duration,
    pub(crate) clear: Option<Condition>,
    pub(crate) timing: Timing,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) annotations: Vec<(String, String)>,
    pub(crate) captures_cpu: bool,
}

/// A condition that comes and goes from one tick to the next should not page somebody each second.
const COOLDOWN: Duration = Duration::from_secs(60);

impl AlertRule {
    /// A rule that fires at the first look that finds `condition`.
    pub fn new(
        name: impl Into<String>,
        severity: AlertSeverity,
        condition: impl Fn(&Metrics) -> bool + Send + Sync + 'static,
    ) -> AlertRule {
        AlertRule {
            name: name.into(),
            condition: Arc::new(condition),
            severity,
            cooldown: COOLDOWN,
            clear: None,
            timing: Timing::default(),
            labels: Vec::new(),
            annotations: Vec::new(),
            captures_cpu: false,
        }
    }

    /// How long the condition must hold before it fires: Prometheus' `for`. Not at all by default.
    pub fn hold(mut self, time: Duration) -> Self {
        self.timing.hold = time;
        self
    }

    /// How long the condition must be gone before it resolves. Not at all by default.
    pub fn keep_firing(mut self, time: Duration) -> Self {
        self.timing.keep_firing = time;
        self
    }

    /// The least time between two firings.
    pub fn cooldown(mut self, time: Duration) -> Self {
        self.cooldown = time;
        self
    }

    /// When it counts as flapping; `None` for never.
    pub fn flapping(mut self, flapping: Option<Flapping>) -> Self {
        self.timing.flapping = flapping;
        self
    }

    /// Once it fires, it resolves only when the condition is gone and `clear` holds: a second
    /// threshold below the first.
    pub fn clear_when(mut self, clear: impl Fn(&Metrics) -> bool + Send + Sync + 'static) -> Self {
        self.clear = Some(Arc::new(clear));
        self
    }

    /// The sentence for people, `Alert: NAME triggered` unless it is given; the annotation `summary`.
    pub fn message(self, sentence: impl Into<String>) -> Self {
        self.annotation("summary", sentence)
    }

    /// A label more, by which alerts are routed, grouped and silenced.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// A text more, such as `runbook_url`.
    pub fn annotation(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.annotations.push((name.into(), text.into()));
        self
    }

    /// Asks for a CPU profile when it fires.
    pub fn capture_cpu(mut self) -> Self {
        self.captures_cpu = true;
        self
    }

    pub(crate) fn timing(&self) -> Timing {
        Timing { cooldown: self.cooldown, ..self.timing }
    }
}

impl fmt::Debug for AlertRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertRule")
            .field("name", &self.name)
            .field("severity", &self.severity)
            .field("timing", &self.timing())
            .finish_non_exhaustive()
    }
}
