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
use crate::machine::{AlertState, Maybe, Moment, Phase, Timing};
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
    pub(crate) health: Health,
    /// Watched time of the last look.
    pub(crate) looked_ms: Maybe,
    /// What most rules have nothing of.
    pub(super) rare: Option<Box<Rare>>,
}

/// What most rules have nothing of.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// What the last look that went well put into the history.
    pub(crate) recorded: Box<[Series]>,
    /// Why, if it is not well.
    pub(crate) trouble: Option<Box<str>>,
    /// Alerts and recorded series that found no room, in all.
    pub(crate) refused: u64,
}

impl RuleState {
    pub(crate) fn recorded(&self) -> &[Series] {
        self.rare.as_ref().map_or(&[], |rare| &rare.recorded)
    }

    pub(crate) fn trouble(&self) -> Option<&str> {
        self.rare.as_ref()?.trouble.as_deref()
    }

    pub(crate) fn refused(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.refused)
    }

    /// Changes that, and forgets it where nothing is left.
    pub(crate) fn change_rare<T>(&mut self, change: impl FnOnce(&mut Rare) -> T) -> T {
        let rare = self.rare.get_or_insert_default();
        let changed = change(rare);
        if rare.recorded.is_empty() && rare.trouble.is_none() && rare.refused == 0 {
            self.rare = None;
        }
        changed
    }

    /// Health is told with its trouble, which a rule that is well has none of.
    pub(crate) fn tell_health(&mut self, health: Health, trouble: Option<String>) {
        self.health = health;
        if self.rare.is_some() || trouble.is_some() {
            self.change_rare(|rare| rare.trouble = trouble.map(Into::into));
        }
    }

    fn bytes(&self) -> usize {
        let alerts = self.alerts.iter().map(|tracked| tracked.bytes()).sum::<usize>();
        let rare = self.rare.as_ref().map_or(0, |rare| {
            // The labels are those of the history.
            let trouble = rare.trouble.as_ref().map_or(0, |why| why.len());
            size_of::<Rare>() + size_of_val(&*rare.recorded) + trouble
        });
        self.alerts.bytes() + alerts + rare
    }
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
    /// The labels of the sample, where they are not the alert's without the rule's own.
    pub(super) series: Option<Labels>,
    pub(crate) state: AlertState,
    pub(crate) value: Option<f64>,
    /// When it last became pending, by the time of day.
    pub(crate) began_unix_ms: i64,
    /// What was said when it fired or was last told, with the labels and the figures of then.
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

    /// The labels of an alert's sample, by which clearing and missing data are found.
    pub(crate) fn series_of(&self, tracked: &Tracked) -> Labels {
        tracked.series.clone().unwrap_or_else(|| self.without_own(&tracked.labels))
    }

    /// Notes what an alert's sample is told by.
    pub(crate) fn set_series(&mut self, labels: &Labels, series: Labels) {
        let series = (self.without_own(labels) != series).then_some(series);
        let tracked = self.state.alerts.get_mut(labels);
        tracked.into_iter().for_each(|tracked| tracked.series = series.clone());
    }

    fn without_own(&self, labels: &Labels) -> Labels {
        let is_own = |name: &str| self.labels.iter().any(|(own, _)| own == name);
        labels.filtered(|name| name != "alertname" && !is_own(name))
    }

    /// What is said of an alert now: of one that fires, since when it does.
    pub(crate) fn notice(&self, tracked: &Tracked, now: Moment) -> Notice {
        let value = tracked.value;
        let fired = tracked.fired.as_ref().map(|fired| fired.notice.starts_unix_ms);
        Notice {
            labels: tracked.labels.clone(),
            annotations: self.annotations_of(&self.series_of(tracked), value.unwrap_or(1.0)),
            severity: severity_of(&tracked.labels),
            starts_unix_ms: fired.unwrap_or(now.unix_ms),
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

    /// What is said of a firing alert, with its value of now; that of before where nothing changed.
    pub(crate) fn renewed(&self, labels: &Labels, now: Moment) -> Option<Arc<Notice>> {
        let tracked = self.state.alerts.get(labels)?;
        let value = tracked.value.filter(|value| value.is_finite());
        let before = &tracked.fired.as_ref()?.notice;
        let flaps = tracked.state.is_flapping(&self.timing, now);
        match before.value == value && before.flapping == flaps {
            true => Some(before.clone()),
            false => Some(Arc::new(self.notice(tracked, now))),
        }
    }

    /// Notes what is being told of an alert, which receivers and it then share.
    pub(crate) fn told(&mut self, notice: &Arc<Notice>) {
        let tracked = self.state.alerts.get_mut(&notice.labels);
        let fired = tracked.and_then(|tracked| tracked.fired.as_mut());
        fired.into_iter().for_each(|fired| fired.notice = notice.clone());
    }

    /// Whether it is time to look at it.
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        let every = self.origin.as_ref().map_or(0, |origin| origin.interval_ms);
        self.state.looked_ms.get().is_none_or(|at| now.watched_ms - at >= every)
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
        ARC + self.id.len() + texts + kind + self.state.bytes()
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
        let labels = self.labels.bytes() + self.series.as_ref().map_or(0, Labels::bytes);
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
