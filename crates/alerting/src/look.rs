//! A look at the rules that are expressions: what to evaluate, and what it means.

use std::collections::HashMap;
use std::sync::Arc;

use perf_monitor_history::Storage;

use crate::book::{Book, Kind, Observed, Record, Rule};
use crate::error::Error;
use crate::expression::{Expr, Sample};
use crate::labels::Labels;
use crate::machine::{Found, Moment, Phase};

/// What is to be evaluated, taken out of the book so that nothing foreign runs under its lock.
pub(crate) struct Job {
    rule: usize,
    expr: Arc<Expr>,
    clear: Option<Arc<Expr>>,
    /// The series of alerts that are there, to be asked for if the expression does not give them.
    known: Vec<Labels>,
}

/// What came of it.
pub(crate) struct Looked {
    rule: usize,
    samples: Result<Vec<Sample>, Error>,
    /// Of series that the expression did not give, what that means.
    absent: HashMap<Labels, Found>,
}

impl Job {
    /// What to evaluate of the rule numbered `at`; `None` for a closure.
    pub(crate) fn of(at: usize, rule: &Rule) -> Option<Job> {
        let Kind::Expression { expr, clear } = &rule.kind else { return None };
        let alerts = rule.state.alerts.iter();
        let active = alerts.filter(|tracked| tracked.state.phase() != Phase::Inactive);
        let known = active.map(|tracked| tracked.series.clone()).collect();
        Some(Job { rule: at, expr: expr.clone(), clear: clear.clone(), known })
    }

    /// Evaluates it at `now`.
    pub(crate) fn run(&self, history: Option<&dyn Storage>, now: Moment) -> Looked {
        let Some(history) = history else {
            let why = "there is no history to look at: give the builder one";
            let samples = Err(Error::options(why));
            return Looked { rule: self.rule, samples, absent: HashMap::new() };
        };
        let samples = self.expr.evaluate(history, now.unix_ms);
        let absent = match &samples {
            Ok(samples) => self.absences(history, samples, now.unix_ms),
            Err(_) => HashMap::new(),
        };
        Looked { rule: self.rule, samples, absent }
    }

    /// Why known series are not among `samples`.
    fn absences(
        &self,
        history: &dyn Storage,
        samples: &[Sample],
        unix_ms: i64,
    ) -> HashMap<Labels, Found> {
        let gone = self.known.iter().filter(|known| samples.iter().all(|s| s.labels != **known));
        let mut cleared = None;
        let mut means = |series: &Labels| {
            if self.expr.is_missing(history, series, unix_ms) {
                return Found::NoData;
            }
            let Some(clear) = &self.clear else { return Found::Clear };
            match cleared.get_or_insert_with(|| clear.evaluate(history, unix_ms)) {
                Ok(samples) if samples.iter().any(|s| s.labels.agrees_with(series)) => Found::Clear,
                Ok(_) => Found::Between,
                Err(_) => Found::NoData,
            }
        };
        gone.map(|series| (series.clone(), means(series))).collect()
    }
}

impl Looked {
    /// Puts it into `book`; what changed.
    pub(crate) fn take_in(self, book: &mut Book, now: Moment) -> Vec<Record> {
        let found = |series: &Labels| self.absent.get(series).copied().unwrap_or(Found::Clear);
        let seen = match self.samples {
            Ok(samples) => Observed::Samples(samples, &found),
            Err(error) => Observed::Failed(error.to_string()),
        };
        book.observe(self.rule, now, seen)
    }
}
