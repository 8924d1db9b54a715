//! A rule with its alerts.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::record::Ack;
use super::sorted::{Labelled, Sorted};
use super::texts::Texts;
use crate::expression::Expr;
use crate::labels::Labels;
use crate::machine::{AlertState, Moment, Timing};
use crate::metrics::Metrics;
use crate::notification::Notice;
use crate::rule::Condition;
use crate::severity::AlertSeverity;
use crate::template::{self, Values};

/// What a rule says, whether it came from code or from a file.
pub(crate) struct Rule {
    /// What it is known by over restarts and reloads.
    pub(crate) id: Arc<str>,
    /// Where the alerts' name stands in it.
    pub(crate) name: Range<u32>,
    /// The line in its file, from 1.
    pub(crate) line: u32,
    /// Most rules of a file share one.
    pub(crate) timing: Arc<Timing>,
    pub(crate) kind: Kind,
    /// Without `alertname`. In rules of files these and the annotations are templates.
    pub(crate) labels: Texts,
    pub(crate) annotations: Texts,
    pub(crate) captures_cpu: bool,
    /// Where it stands, for a rule of a file.
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) state: RuleState,
}

/// A group of a file.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) file: Arc<str>,
    pub(crate) group: Box<str>,
    /// How often it is looked at, in milliseconds; 0 for each tick.
    pub(crate) interval_ms: i64,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Closure(Box<Conditions>),
    Expression { expr: Arc<Expr>, clear: Option<Arc<Expr>> },
}

/// What closures say.
#[derive(Clone)]
pub(crate) struct Conditions {
    pub(crate) holds: Condition,
    pub(crate) clear: Option<Condition>,
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
        let own = self.labels.iter().map(|(name, text)| (name, self.rendered(text, &values)));
        let own: Vec<_> = own.collect();
        let own = own.iter().map(|(name, text)| (*name, &**text));
        series.with(own.chain([("alertname", self.name())]))
    }

    pub(crate) fn annotations_of(&self, series: &Labels, value: f64) -> Labels {
        let values = Values::new(series, value);
        Labels::new(
            self.annotations.iter().map(|(name, text)| (name, self.rendered(text, &values))),
        )
    }

    /// The texts of code are no templates: `{{` stays what it is.
    fn rendered<'a>(&self, text: &'a str, values: &Values<'_>) -> Cow<'a, str> {
        match self.kind {
            Kind::Closure(_) => Cow::Borrowed(text),
            Kind::Expression { .. } => template::rendered(text, values),
        }
    }

    /// What its alerts are called.
    pub(crate) fn name(&self) -> &str {
        self.id.get(self.name.start as usize..self.name.end as usize).unwrap_or(&self.id)
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

    /// What it takes on the heap, in bytes, but for what rules of one group share.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.labels.bytes() + self.annotations.bytes();
        let kind = match &self.kind {
            Kind::Closure(_) => size_of::<Conditions>(),
            Kind::Expression { expr, clear } => {
                expr.bytes() + clear.as_ref().map_or(0, |clear| clear.bytes())
            }
        };
        let alerts = &self.state.alerts;
        let alerts = alerts.bytes() + alerts.iter().map(|tracked| tracked.bytes()).sum::<usize>();
        let trouble = self.state.trouble.as_ref().map_or(0, |why| why.len());
        ARC + self.id.len() + texts + kind + alerts + trouble
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
            let metrics = fired.metrics.as_ref().map_or(0, |_| size_of::<Metrics>());
            let ack = fired.ack.as_deref();
            let ack = ack.map_or(0, |a| size_of::<Ack>() + a.by.len() + a.comment.len());
            size_of::<Fired>() + fired.notice.bytes() + metrics + ack
        });
        let labels = self.labels.bytes() + self.series.bytes();
        size_of::<Tracked>() + labels + self.state.bytes() + fired
    }
}

/// The counts of an `Arc`.
const ARC: usize = 2 * size_of::<usize>();

/// What the label `severity` says.
pub(crate) fn severity_of(labels: &Labels) -> AlertSeverity {
    labels.get("severity").map_or(AlertSeverity::Warning, AlertSeverity::of_label)
}
