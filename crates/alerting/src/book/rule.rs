//! A rule with its alerts.

use std::sync::Arc;

use super::record::Ack;
use super::sorted::{Labelled, Sorted};
use crate::expression::Expr;
use crate::labels::Labels;
use crate::machine::{AlertState, Moment, Timing};
use crate::metrics::Metrics;
use crate::notification::Notice;
use crate::rule::Condition;
use crate::severity::AlertSeverity;
use crate::template::{Template, Values};

/// What a rule says, whether it came from code or from a file.
pub(crate) struct Rule {
    /// What it is known by over restarts and reloads.
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) timing: Timing,
    pub(crate) kind: Kind,
    /// Without `alertname`.
    pub(crate) labels: Vec<(Box<str>, Template)>,
    pub(crate) annotations: Vec<(Box<str>, Template)>,
    pub(crate) captures_cpu: bool,
    /// Where it stands: a file and a line.
    pub(crate) origin: Option<Origin>,
    pub(crate) state: RuleState,
}

#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) file: Arc<str>,
    pub(crate) group: Arc<str>,
    pub(crate) line: u32,
    /// How often it is looked at, in milliseconds; 0 for each tick.
    pub(crate) interval_ms: i64,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Closure { condition: Condition, clear: Option<Condition> },
    Expression { expr: Arc<Expr>, clear: Option<Arc<Expr>> },
}

/// What becomes of a rule; it outlives a reload.
#[derive(Debug, Default)]
pub(crate) struct RuleState {
    pub(crate) alerts: Sorted<Box<Tracked>>,
    pub(crate) health: Health,
    /// Why, if it is not well.
    pub(crate) trouble: Option<Box<str>>,
    /// Watched time of the last look.
    pub(crate) looked_ms: Option<i64>,
    /// Alerts that found no room, in all.
    pub(crate) refused: u64,
}

/// How a rule fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It has not been looked at.
    #[default]
    Unknown,
    /// The last look went well.
    Ok,
    /// What its alerts need is not there: they stay as they are.
    NoData,
    /// The last look failed: its alerts stay as they are.
    Failing,
    /// Its closure panicked: it is not looked at any more.
    Disabled,
}

/// One alert of a rule.
#[derive(Debug, Default)]
pub(crate) struct Tracked {
    /// What it is told by.
    pub(crate) labels: Labels,
    /// The labels of the sample, by which clearing and missing data are found.
    pub(crate) series: Labels,
    pub(crate) state: AlertState,
    pub(crate) value: Option<f64>,
    /// When it last became pending, by the time of day.
    pub(crate) began_unix_ms: i64,
    /// What was said when it fired, with the labels and the figures of then.
    pub(crate) fired: Option<Box<Fired>>,
}

#[derive(Debug)]
pub(crate) struct Fired {
    pub(crate) notice: Arc<Notice>,
    pub(crate) metrics: Option<Box<Metrics>>,
    pub(crate) ack: Option<Box<Ack>>,
}

impl Rule {
    /// The labels of the alert that a sample of `series` makes.
    pub(crate) fn labels_of(&self, series: &Labels, value: f64) -> Labels {
        let values = Values::new(series, value);
        let own: Vec<(&str, String)> =
            self.labels.iter().map(|(n, t)| (&**n, t.render(&values))).collect();
        let own = own.iter().map(|(name, text)| (*name, text.as_str()));
        series.with(own.chain([("alertname", &*self.name)]))
    }

    pub(crate) fn annotations_of(&self, series: &Labels, value: f64) -> Labels {
        let values = Values::new(series, value);
        let texts = self.annotations.iter().map(|(n, t)| (n.clone(), t.render(&values)));
        Labels::new(texts)
    }

    /// What is said of an alert now.
    pub(crate) fn notice(&self, tracked: &Tracked, now: Moment) -> Notice {
        let value = tracked.value;
        Notice {
            labels: tracked.labels.clone(),
            annotations: self.annotations_of(&tracked.series, value.unwrap_or(1.0)),
            severity: severity_of(&tracked.labels),
            starts_unix_ms: now.unix_ms,
            ends_unix_ms: None,
            reason: None,
            value: value.filter(|value| value.is_finite()),
            flapping: tracked.state.is_flapping(&self.timing, now),
        }
    }

    /// Whether it is time to look at it.
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        let every = self.origin.as_ref().map_or(0, |origin| origin.interval_ms);
        self.state.looked_ms.is_none_or(|at| now.watched_ms - at >= every)
    }

    /// What it takes on the heap, in bytes, shared parts included.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.labels.iter().chain(&self.annotations);
        let texts: usize = texts.map(|(n, t)| n.len() + t.bytes() + 48).sum();
        let kind = match &self.kind {
            Kind::Closure { .. } => 64,
            Kind::Expression { expr, clear } => {
                expr.bytes() + clear.as_ref().map_or(0, |clear| clear.bytes())
            }
        };
        let alerts = &self.state.alerts;
        let alerts: usize = alerts.bytes() + alerts.iter().map(|t| t.bytes()).sum::<usize>();
        size_of::<Rule>() + self.id.len() + self.name.len() + 32 + texts + kind + alerts
    }
}

impl Labelled for Tracked {
    fn labels(&self) -> &Labels {
        &self.labels
    }
}

impl Tracked {
    /// One that nothing is known of yet.
    pub(crate) fn new(labels: &Labels) -> Tracked {
        Tracked { labels: labels.clone(), ..Tracked::default() }
    }

    fn bytes(&self) -> usize {
        let fired = self.fired.as_ref().map_or(0, |fired| {
            size_of::<Fired>() + size_of::<Notice>() + fired.notice.annotations.bytes()
        });
        size_of::<Tracked>() + self.series.bytes() + self.state.bytes() + fired
    }
}

/// What the label `severity` says.
pub(crate) fn severity_of(labels: &Labels) -> AlertSeverity {
    labels.get("severity").map_or(AlertSeverity::Warning, AlertSeverity::of_label)
}
