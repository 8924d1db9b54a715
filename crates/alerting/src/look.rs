//! A look at the rules that are expressions: what to evaluate, and what it means.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use perf_monitor_history::{Labels as Series, STALE, Storage};

use crate::book::{Book, Kind, Observed, Record, Recording, Rule};
use crate::error::{Error, ErrorKind};
use crate::expression::{Expr, Sample};
use crate::labels::Labels;
use crate::machine::{Found, Moment, Phase};

/// What is to be evaluated, taken out of the book so that nothing foreign runs under its lock. In the order of the
/// rules: a rule sees what those before it recorded.
pub(crate) struct Job {
    rule: usize,
    /// The most series that its expression may give; 0 for no limit.
    limit: usize,
    does: Does,
}

enum Does {
    Alert {
        expr: Arc<Expr>,
        clear: Option<Arc<Expr>>,
        /// The series of alerts that are there, to be asked for if the expression does not give them.
        known: Vec<Labels>,
    },
    Record {
        recording: Arc<Recording>,
        /// What it gave before, which ends where it gives it no more.
        before: Box<[Series]>,
    },
}

/// What came of it.
pub(crate) struct Looked {
    rule: usize,
    found: Result<Given, Error>,
}

enum Given {
    Samples {
        samples: Vec<Sample>,
        /// Of series that the expression did not give, what that means.
        absent: HashMap<Labels, Found>,
    },
    Recorded {
        series: Vec<Series>,
        refused: usize,
    },
}

impl Job {
    /// What to evaluate of the rule numbered `at`; `None` for a closure.
    pub(crate) fn of(at: usize, rule: &Rule) -> Option<Job> {
        let does = match &rule.kind {
            Kind::Closure(_) => return None,
            Kind::Expression { expr, clear } => {
                let alerts = rule.state.alerts.iter();
                let active = alerts.filter(|tracked| tracked.state.phase() != Phase::Inactive);
                let known = active.map(|tracked| rule.series_of(tracked)).collect();
                Does::Alert { expr: expr.clone(), clear: clear.clone(), known }
            }
            Kind::Recording(recording) => {
                let before = rule.state.recorded().into();
                Does::Record { recording: recording.clone(), before }
            }
        };
        let limit = rule.origin.as_ref().map_or(0, |origin| origin.limit);
        Some(Job { rule: at, limit, does })
    }

    /// Evaluates it at `now`, and writes what it records.
    pub(crate) fn run(&self, history: Option<&dyn Storage>, now: Moment) -> Looked {
        let why = "there is no history to look at: give the builder one";
        let history = history.ok_or_else(|| Error::options(why));
        let found = history.and_then(|history| match &self.does {
            Does::Alert { expr, clear, known } => {
                let samples = expr.evaluate(history, now.unix_ms)?;
                self.check(samples.len())?;
                let gone = known.iter().filter(|k| samples.iter().all(|s| s.labels != **k));
                let absent = absences(expr, clear.as_deref(), gone, history, now.unix_ms);
                Ok(Given::Samples { samples, absent })
            }
            Does::Record { recording, before } => {
                let values = recorded(recording, history, now.unix_ms)?;
                self.check(values.len())?;
                written(values, before, history, now.unix_ms)
            }
        });
        Looked { rule: self.rule, found }
    }

    fn check(&self, given: usize) -> Result<(), Error> {
        if self.limit == 0 || given <= self.limit {
            return Ok(());
        }
        let limit = self.limit;
        let message =
            format!("the expression gives {given} series, and the limit of its group is {limit}");
        Err(Error::new(ErrorKind::Limit, message))
    }
}

/// Why series are not among what `expr` gave.
fn absences<'a>(
    expr: &Expr,
    clear: Option<&Expr>,
    gone: impl Iterator<Item = &'a Labels>,
    history: &dyn Storage,
    unix_ms: i64,
) -> HashMap<Labels, Found> {
    let mut cleared = None;
    let mut means = |series: &Labels| {
        if expr.is_missing(history, series, unix_ms) {
            return Found::NoData;
        }
        let Some(clear) = clear else { return Found::Clear };
        match cleared.get_or_insert_with(|| clear.evaluate(history, unix_ms)) {
            Ok(samples) if samples.iter().any(|s| s.labels.agrees_with(series)) => Found::Clear,
            Ok(_) => Found::Between,
            Err(_) => Found::NoData,
        }
    };
    gone.map(|series| (series.clone(), means(series))).collect()
}

/// What a recording rule gives, under the labels that it is written with.
fn recorded(
    recording: &Recording,
    history: &dyn Storage,
    unix_ms: i64,
) -> Result<Vec<(Series, f64)>, Error> {
    let samples = recording.expr.evaluate_with_names(history, unix_ms)?;
    let named = |labels| recording.labels_of(labels);
    let values: Vec<(Series, f64)> = samples.iter().map(|s| (named(&s.labels), s.value)).collect();
    let mut seen = HashSet::with_capacity(values.len());
    match values.iter().find(|(labels, _)| !seen.insert(labels)) {
        None => Ok(values),
        Some((twice, _)) => {
            let message = format!(
                "two series would both be {twice}: aggregate, or give the rule no label that they differ by"
            );
            Err(Error::new(ErrorKind::Expression, message))
        }
    }
}

/// Writes `values`, and the end of what was there `before` and is not any more.
fn written(
    mut values: Vec<(Series, f64)>,
    before: &[Series],
    history: &dyn Storage,
    unix_ms: i64,
) -> Result<Given, Error> {
    let series: Vec<Series> = values.iter().map(|(labels, _)| labels.clone()).collect();
    let kept: HashSet<&Series> = series.iter().collect();
    let gone = before.iter().filter(|labels| !kept.contains(labels));
    values.extend(gone.map(|labels| (labels.clone(), STALE)));
    let refused = history.write(unix_ms, &values).map_err(crate::expression::failed)?;
    Ok(Given::Recorded { series, refused })
}

/// The alerts of a rule as series, for rules that look at them.
pub(crate) struct Showing {
    rule: usize,
    alerts: Vec<(Series, f64)>,
    before: Box<[Series]>,
}

impl Showing {
    /// What is to be written of the rule numbered `at`, if anybody looks at it.
    pub(crate) fn of(at: usize, book: &Book) -> Option<Showing> {
        let rule = &book.rules[at];
        let is_shown = book.shows_alerts && matches!(rule.kind, Kind::Expression { .. });
        let (alerts, before) = (rule.alert_series(), rule.state.recorded());
        let has_any = !alerts.is_empty() || !before.is_empty();
        (is_shown && has_any).then(|| Showing { rule: at, alerts, before: before.into() })
    }

    /// Writes it.
    pub(crate) fn run(self, history: &dyn Storage, now: Moment) -> Shown {
        let written = written(self.alerts, &self.before, history, now.unix_ms);
        Shown(Looked { rule: self.rule, found: written })
    }
}

/// What came of that.
pub(crate) struct Shown(Looked);

impl Shown {
    /// Puts it into `book`. A history that fails keeps no alert from being told.
    pub(crate) fn take_in(self, book: &mut Book) {
        if let Ok(Given::Recorded { series, refused }) = self.0.found {
            book.rules[self.0.rule].take_recorded(series, refused);
        }
    }
}

impl Looked {
    /// The rule's number.
    pub(crate) fn rule(&self) -> usize {
        self.rule
    }

    /// Puts it into `book`; what changed.
    pub(crate) fn take_in(self, book: &mut Book, now: Moment) -> Vec<Record> {
        match self.found {
            Ok(Given::Samples { samples, absent }) => {
                let found = |series: &Labels| absent.get(series).copied().unwrap_or(Found::Clear);
                book.observe(self.rule, now, Observed::Samples(samples, &found))
            }
            Ok(Given::Recorded { series, refused }) => {
                book.observe(self.rule, now, Observed::Recorded(series, refused))
            }
            Err(error) => book.observe(self.rule, now, Observed::Failed(error.to_string())),
        }
    }
}
