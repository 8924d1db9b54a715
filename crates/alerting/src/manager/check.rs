//! One look at all rules.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use tokio::time::timeout;

use super::{AlertManager, Inner};
use crate::book::{Conditions, Health, Kind, Observed, Record};
use crate::look::{Job, Looked, Showing};
use crate::machine::{Found, Moment};
use crate::metrics::Metrics;

/// What is to be looked at, taken out of the book so that nothing foreign runs under its lock.
#[derive(Default)]
struct Jobs {
    closures: Vec<ClosureJob>,
    expressions: Vec<Job>,
}

struct ClosureJob {
    rule: usize,
    conditions: Conditions,
}

pub(super) type Answer = (usize, Result<Found, Why>);

/// Why a closure did not answer.
#[derive(Clone)]
pub(super) enum Why {
    Panicked(String),
    Slow,
}

/// How long all closures together may take.
const CLOSURES_TIME: Duration = Duration::from_secs(5);

impl AlertManager {
    /// Looks at every rule: closures at `metrics`, those of files at the history. What fires or
    /// resolves is on the disk when this returns, and on its way to the receivers.
    ///
    /// Closures run on the runtime's blocking pool, as they are somebody else's; those that have not
    /// come back after five seconds fail, and are left out until they do. Files that changed are read
    /// again there too. Delivery is started on this runtime unless [`deliver`](Self::deliver)
    /// runs.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn check_alerts(&self, metrics: &Metrics) {
        let _turn = self.inner.turn.lock().await;
        let mut records = self.inner.reload().await;
        let jobs = self.inner.jobs();
        let answers = self.inner.ask_elsewhere(jobs.closures, metrics).await;
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
    /// What the closures say, or that they have not come back.
    async fn ask_elsewhere(&self, jobs: Vec<ClosureJob>, metrics: &Metrics) -> Vec<Answer> {
        if jobs.is_empty() {
            return Vec::new();
        }
        let slow: Vec<Answer> = jobs.iter().map(|job| (job.rule, Err(Why::Slow))).collect();
        if self.is_stuck() {
            return slow;
        }
        let metrics = metrics.clone();
        let mut asked = tokio::task::spawn_blocking(move || ask(&jobs, &metrics));
        match timeout(CLOSURES_TIME, &mut asked).await {
            Ok(answers) => answers.unwrap_or_default(),
            Err(_) => {
                *self.stuck.lock() = Some(asked);
                slow
            }
        }
    }

    /// Whether closures of an earlier look are still under way.
    fn is_stuck(&self) -> bool {
        let mut stuck = self.stuck.lock();
        stuck.take_if(|asked| asked.is_finished());
        stuck.is_some()
    }

    fn jobs(&self) -> Jobs {
        let mut book = self.book.lock();
        let now = self.look_at_clock(&mut book);
        let mut jobs = Jobs::default();
        for (at, rule) in book.rules.iter().enumerate() {
            if rule.state.health == Health::Disabled || !rule.is_due(now) {
                continue;
            }
            if let Kind::Closure(conditions) = &rule.kind {
                let conditions = (**conditions).clone();
                jobs.closures.push(ClosureJob { rule: at, conditions });
            }
            jobs.expressions.extend(Job::of(at, rule));
        }
        jobs
    }

    fn look(&self, jobs: &[Job], answers: Vec<Answer>, metrics: &Metrics) -> Vec<Record> {
        let now = self.book.lock().now();
        let mut records = Vec::new();
        let mut book = self.book.lock();
        for (rule, answer) in answers {
            let seen = match answer {
                Ok(found) => Observed::Closure(found, metrics),
                Err(Why::Panicked(why)) => Observed::Panicked(why),
                Err(Why::Slow) => Observed::Failed("the closures have not come back".into()),
            };
            records.extend(book.observe(rule, now, seen));
        }
        drop(book);
        for job in jobs {
            let looked = job.run(self.history.as_deref(), now);
            records.extend(self.take_in(looked, now));
        }
        let mut book = self.book.lock();
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

    /// Takes in what a look found, and shows its alerts in the history before the next is made.
    fn take_in(&self, looked: Looked, now: Moment) -> Vec<Record> {
        let rule = looked.rule();
        let mut book = self.book.lock();
        let records = looked.take_in(&mut book, now);
        let showing = Showing::of(rule, &book);
        drop(book);
        if let (Some(showing), Some(history)) = (showing, self.history.as_deref()) {
            let shown = showing.run(history, now);
            shown.take_in(&mut self.book.lock());
        }
        records
    }

    /// Whether all rules have come and been looked at since the start.
    fn has_begun(&self) -> bool {
        self.has_begun.load(Acquire)
    }
}

fn ask(jobs: &[ClosureJob], metrics: &Metrics) -> Vec<Answer> {
    let one = |job: &ClosureJob| {
        let asked = catch_unwind(AssertUnwindSafe(|| {
            if (job.conditions.holds)(metrics) {
                return Found::Active;
            }
            match &job.conditions.clear {
                Some(clear) if !clear(metrics) => Found::Between,
                _ => Found::Clear,
            }
        }));
        (job.rule, asked.map_err(|panic| Why::Panicked(said(&*panic))))
    };
    jobs.iter().map(one).collect()
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("its closure panicked: {}", text.unwrap_or("without a text"))
}
