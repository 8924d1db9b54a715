//! A rule with its alerts.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use perf_monitor_history::{Labels as Series, METRIC_NAME, Selector};

use super::record::Ack;
use super::sorted::{Labelled, Sorted};
use super::texts::Texts;
use crate::expression::Expr;
use crate::labels::Labels;
use crate::machine::{AlertState, Moment, Phase, Timing};
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
    /// The most series that one of its expressions may give; 0 for no limit.
    pub(crate) limit: usize,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Closure(Box<Conditions>),
    Expression { expr: Arc<Expr>, clear: Option<Arc<Expr>> },
    Recording(Arc<Recording>),
}

/// What makes series.
pub(crate) struct Recording {
    pub(crate) expr: Expr,
    /// The series' name.
    pub(crate) name: Box<str>,
    /// Put onto each series, as they are written.
    pub(crate) labels: Texts,
}

impl Recording {
    /// The labels of what is recorded of a sample of `series`.
    pub(crate) fn labels_of(&self, series: &Series) -> Series {
        let own = self.labels.iter().chain([(METRIC_NAME, &*self.name)]);
        Series::new(series.iter().chain(own))
    }

    fn bytes(&self) -> usize {
        size_of::<Recording>() + self.expr.bytes() + self.name.len() + self.labels.bytes()
    }
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
    /// What the last look that went well put into the history.
    pub(crate) recorded: Box<[Series]>,
    pub(crate) health: Health,
    /// Why, if it is not well.
    pub(crate) trouble: Option<Box<str>>,
    /// Watched time of the last look.
    pub(crate) looked_ms: Option<i64>,
    /// Alerts and recorded series that found no room, in all.
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
            Kind::Expression { .. } | Kind::Recording(_) => template::rendered(text, values),
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

    /// Its alerts as series, as Prometheus shows them: `ALERTS`, and `ALERTS_FOR_STATE` with the second in which
    /// each became pending.
    pub(crate) fn alert_series(&self) -> Vec<(Series, f64)> {
        let alerts = self.state.alerts.iter();
        let active = alerts.filter(|tracked| tracked.state.phase() != Phase::Inactive);
        let two = active.flat_map(|tracked| {
            let named = |more: &[(&str, &str)]| {
                Series::new(tracked.labels.iter().chain(more.iter().copied()))
            };
            let firing = tracked.state.phase() == Phase::Firing;
            let state = ("alertstate", if firing { "firing" } else { "pending" });
            let since = (tracked.began_unix_ms / 1_000) as f64;
            let shown = named(&[(METRIC_NAME, ALERTS), state]);
            [(shown, 1.0), (named(&[(METRIC_NAME, ALERTS_FOR_STATE)]), since)]
        });
        two.collect()
    }

    /// Whether its expressions may mean those series.
    pub(crate) fn looks_at_alerts(&self) -> bool {
        let may = |s: &Selector| ALERT_SERIES.iter().any(|name| s.may_mean(name));
        self.expressions().any(|expr| expr.selectors().any(may))
    }

    /// Its expressions; none for a closure.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let (expr, clear) = match &self.kind {
            Kind::Closure(_) => (None, None),
            Kind::Expression { expr, clear } => (Some(&**expr), clear.as_deref()),
            Kind::Recording(recording) => (Some(&recording.expr), None),
        };
        expr.into_iter().chain(clear)
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
            Kind::Recording(recording) => recording.bytes(),
        };
        let alerts = &self.state.alerts;
        let alerts = alerts.bytes() + alerts.iter().map(|tracked| tracked.bytes()).sum::<usize>();
        let trouble = self.state.trouble.as_ref().map_or(0, |why| why.len());
        // The labels are those of the history.
        let recorded = size_of_val(&*self.state.recorded);
        ARC + self.id.len() + texts + kind + alerts + recorded + trouble
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

/// The names of the series that show alerts.
const ALERTS: &str = "ALERTS";
const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// Those of alerts, whatever rule they are of.
pub(crate) const ALERT_SERIES: [&str; 2] = [ALERTS, ALERTS_FOR_STATE];

/// The counts of an `Arc`.
const ARC: usize = 2 * size_of::<usize>();

/// What the label `severity` says.
pub(crate) fn severity_of(labels: &Labels) -> AlertSeverity {
    labels.get("severity").map_or(AlertSeverity::Warning, AlertSeverity::of_label)
}
