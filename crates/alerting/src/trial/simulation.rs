//! The manager's own parts, driven through a time that is over or was made up.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_history::Storage;

use crate::book::{Book, Receiver, Record, Rule};
use crate::labels::Labels;
use crate::limits::Limits;
use crate::look::{Job, Showing};
use crate::machine::Moment;
use crate::notification::Notification;
use crate::notify::{Attempt, notify_fn};
use crate::route::Route;

/// Rules, looked at over stored series at moments that the caller gives.
pub(super) struct Simulation<'a> {
    pub(super) book: Book,
    storage: &'a dyn Storage,
}

impl<'a> Simulation<'a> {
    /// Each look is as good as watched, however far it is from the one before.
    pub(super) fn new(rules: Vec<Rule>, routes: Vec<Route>, storage: &'a dyn Storage) -> Self {
        let limits = Limits { gap: Duration::MAX, alerts_per_rule: 10_000, ..Limits::default() };
        let receivers = routes.into_iter().map(Receiver::new).collect();
        let mut book = Book::new(limits, receivers, 0);
        for rule in rules {
            // Ids are told apart by whoever made the rules.
            let _ = book.add_rule(rule);
        }
        book.shows_alerts = book.rules.iter().any(Rule::looks_at_alerts);
        Simulation { book, storage }
    }

    /// Looks at all rules; what changed, and what was sent.
    pub(super) fn look(&mut self, unix_ms: i64) -> (Vec<Record>, Vec<Arc<Notification>>) {
        let now: Moment = self.book.timeline.look(unix_ms, unix_ms);
        let rules = self.book.rules.iter().enumerate();
        let jobs: Vec<Job> = rules.filter_map(|(at, rule)| Job::of(at, rule)).collect();
        let mut records = Vec::new();
        for job in &jobs {
            let looked = job.run(Some(self.storage), now);
            let rule = looked.rule();
            records.extend(looked.take_in(&mut self.book, now));
            if let Some(showing) = Showing::of(rule, &self.book) {
                showing.run(self.storage, now).take_in(&mut self.book);
            }
        }
        records.iter().for_each(|record| self.book.apply(record));
        self.book.dispatch(true);
        (records, self.sent())
    }

    fn sent(&mut self) -> Vec<Arc<Notification>> {
        let waiting = self.book.receivers.iter_mut().flat_map(|r| std::mem::take(&mut r.waiting));
        waiting.map(|waiting| waiting.notification).collect()
    }

    /// The value of the alert with these labels, at the last look.
    pub(super) fn value_of(&self, labels: &Labels) -> Option<f64> {
        let mut rules = self.book.rules.iter();
        rules.find_map(|rule| rule.state.alerts.get(labels))?.value
    }

    /// Why a rule could not be looked at.
    pub(super) fn troubles(&self) -> Vec<String> {
        let rules = self.book.rules.iter();
        let troubled = rules.filter_map(|rule| Some((&rule.id, rule.state.trouble()?)));
        troubled.map(|(id, why)| format!("{id}: {why}")).collect()
    }
}

/// A receiver that is only there to be sent to.
pub(super) fn nobody(name: &str) -> Route {
    fn taken(_: Notification) -> std::future::Ready<Attempt> {
        ready(Attempt::Delivered(String::new()))
    }
    Route::to(notify_fn(name, taken))
}
