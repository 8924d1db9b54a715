//! One look at all rules.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

use perf_monitor_history::Storage;

use super::{AlertManager, Inner};
use crate::book::{Health, Kind, Observed, Record};
use crate::error::Error;
use crate::expression::{Expr, Sample};
use crate::labels::Labels;
use crate::machine::{Found, Moment, Phase};
use crate::metrics::Metrics;
use crate::rule::Condition;

/// What is to be looked at, taken out of the book so that nothing foreign runs under its lock.
#[derive(Default)]
struct Jobs {
    closures: Vec<ClosureJob>,
    expressions: Vec<ExpressionJob>,
}

struct ClosureJob {
    rule: usize,
    condition: Condition,
    clear: Option<Condition>,
}

struct ExpressionJob {
    rule: usize,
    expr: Arc<Expr>,
    clear: Option<Arc<Expr>>,
    /// The series of alerts that are there, to be asked for if the expression does not give them.
    known: Vec<Labels>,
}

struct Looked {
    rule: usize,
    samples: Result<Vec<Sample>, Error>,
    /// Of series that the expression did not give, what that means.
    absent: HashMap<Labels, Found>,
}

type Answer = (usize, Result<Found, String>);

impl AlertManager {
    /// Looks at every rule: closures at `metrics`, those of files at the history. What fires or
    /// resolves is on the disk when this returns, and on its way to the receivers.
    ///
    /// Closures run on the runtime's blocking pool, as they are somebody else's; files that changed
    /// are read again there. Delivery is started on this runtime unless [`deliver`](Self::deliver)
    /// runs.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn check_alerts(&self, metrics: &Metrics) {
        let _turn = self.inner.turn.lock().await;
        let mut records = self.inner.reload().await;
        let jobs = self.inner.jobs();
        let answers = match jobs.closures.is_empty() {
            true => Vec::new(),
            false => {
                let (closures, metrics) = (jobs.closures, metrics.clone());
                let asked = move || ask(&closures, &metrics);
                tokio::task::spawn_blocking(asked).await.unwrap_or_default()
            }
        };
        records.extend(self.inner.look(&jobs.expressions, answers, metrics));
        self.inner.commit(records).await;
        self.ensure_delivery();
    }

    /// The same on this thread, which waits for the disk; nothing is sent but by
    /// [`deliver`](Self::deliver). For a thread without a runtime.
    pub fn check_alerts_blocking(&self, metrics: &Metrics) {
        let turn = self.inner.turn.try_lock();
        // Somebody else is looking at this moment.
        let Ok(_turn) = turn else { return };
        let mut records = self.inner.reload_blocking();
        let jobs = self.inner.jobs();
        let answers = ask(&jobs.closures, metrics);
        records.extend(self.inner.look(&jobs.expressions, answers, metrics));
        self.inner.write_blocking(records, true);
    }
}

impl Inner {
    fn jobs(&self) -> Jobs {
        let mut book = self.book.lock();
        let now = self.look_at_clock(&mut book);
        let mut jobs = Jobs::default();
        for (at, rule) in book.rules.iter().enumerate() {
            if rule.state.health == Health::Disabled || !rule.is_due(now) {
                continue;
            }
            match rule.kind.clone() {
                Kind::Closure { condition, clear } => {
                    jobs.closures.push(ClosureJob { rule: at, condition, clear });
                }
                Kind::Expression { expr, clear } => {
                    let alerts = rule.state.alerts.values();
                    let active = alerts.filter(|t| t.state.phase() != Phase::Inactive);
                    let known = active.map(|tracked| tracked.series.clone()).collect();
                    jobs.expressions.push(ExpressionJob { rule: at, expr, clear, known });
                }
            }
        }
        jobs
    }

    fn look(
        &self,
        expressions: &[ExpressionJob],
        answers: Vec<Answer>,
        metrics: &Metrics,
    ) -> Vec<Record> {
        let now = self.book.lock().now();
        let history = self.history.as_deref();
        let looked = expressions.iter().map(|job| evaluate(history, job, now));
        let looked: Vec<Looked> = looked.collect();
        let mut book = self.book.lock();
        let mut records = Vec::new();
        for (rule, answer) in answers {
            let seen = match answer {
                Ok(found) => Observed::Closure(found, metrics),
                Err(why) => Observed::Panicked(why),
            };
            records.extend(book.observe(rule, now, seen));
        }
        for Looked { rule, samples, absent } in looked {
            let found = |series: &Labels| absent.get(series).copied().unwrap_or(Found::Clear);
            let seen = match samples {
                Ok(samples) => Observed::Samples(samples, &found),
                Err(error) => Observed::Failed(error.to_string()),
            };
            records.extend(book.observe(rule, now, seen));
        }
        records.iter().for_each(|record| book.apply(record));
        if !self.has_begun() && self.files.lock().are_all_loaded() {
            self.has_begun.store(true, Release);
            records.extend(book.resolve_unclaimed());
        }
        let healthy = self.writing.is_healthy()
            && book.rules.iter().all(|r| !matches!(r.state.health, Health::Failing));
        records.extend(book.dispatch(healthy));
        let has_passing = book.receivers.iter().any(|receiver| receiver.passing.is_some());
        drop(book);
        self.capture(&records, now.steady_ms);
        if has_passing {
            self.wake_all();
        }
        records
    }

    /// Whether all rules have come and been looked at since the start.
    fn has_begun(&self) -> bool {
        self.has_begun.load(Acquire)
    }
}

fn evaluate(history: Option<&dyn Storage>, job: &ExpressionJob, now: Moment) -> Looked {
    let absent = HashMap::new();
    let Some(history) = history else {
        let why = "there is no history to look at: give the builder one";
        return Looked { rule: job.rule, samples: Err(Error::options(why)), absent };
    };
    let samples = job.expr.evaluate(history, now.unix_ms);
    let absent = match &samples {
        Ok(samples) => absences(history, job, samples, now.unix_ms),
        Err(_) => absent,
    };
    Looked { rule: job.rule, samples, absent }
}

/// Why known series are not among `samples`.
fn absences(
    history: &dyn Storage,
    job: &ExpressionJob,
    samples: &[Sample],
    unix_ms: i64,
) -> HashMap<Labels, Found> {
    let gone = job.known.iter().filter(|known| samples.iter().all(|s| s.labels != **known));
    let expr = (&*job.expr, job.clear.as_deref());
    let mut cleared = None;
    gone.map(|series| (series.clone(), absence(history, expr, series, unix_ms, &mut cleared)))
        .collect()
}

/// What it means that an expression does not give `series`; `cleared` keeps what the clearing one gave.
pub(crate) fn absence(
    history: &dyn Storage,
    (expr, clear): (&Expr, Option<&Expr>),
    series: &Labels,
    unix_ms: i64,
    cleared: &mut Option<Result<Vec<Sample>, Error>>,
) -> Found {
    if expr.is_missing(history, series, unix_ms) {
        return Found::NoData;
    }
    let Some(clear) = clear else { return Found::Clear };
    match cleared.get_or_insert_with(|| clear.evaluate(history, unix_ms)) {
        Ok(samples) if samples.iter().any(|s| s.labels.agrees_with(series)) => Found::Clear,
        Ok(_) => Found::Between,
        Err(_) => Found::NoData,
    }
}

fn ask(jobs: &[ClosureJob], metrics: &Metrics) -> Vec<Answer> {
    let one = |job: &ClosureJob| {
        let asked = catch_unwind(AssertUnwindSafe(|| {
            if (job.condition)(metrics) {
                return Found::Active;
            }
            match &job.clear {
                Some(clear) if !clear(metrics) => Found::Between,
                _ => Found::Clear,
            }
        }));
        (job.rule, asked.map_err(|panic| said(&*panic)))
    };
    jobs.iter().map(one).collect()
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("its closure panicked: {}", text.unwrap_or("without a text"))
}
