//! What the API shows, as plain data.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::book::{Ack, Book, Fate, Health, Kind, Live, Rule, Tracked};
use crate::labels::Labels;
use crate::machine::{Phase, millis};
use crate::manager::AlertManager;
use crate::notification::{Status, Why};
use crate::severity::AlertSeverity;

/// An alert that is pending or firing. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertView {
    /// What it is acknowledged by.
    pub fingerprint: String,
    /// The rule's name.
    pub name: String,
    /// The rule's id.
    pub rule: String,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// `pending` or `firing`.
    pub state: &'static str,
    /// A sentence for people.
    pub summary: String,
    /// What it is told by.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// The value at the last look; `None` for a closure, and for what JSON cannot say.
    pub value: Option<f64>,
    /// When its condition came to hold.
    pub began_unix_ms: i64,
    /// When it fired.
    pub fired_unix_ms: Option<i64>,
    /// Whether its data is gone, so that it stays as it was.
    pub no_data: bool,
    /// Whether it comes and goes so often that its resolve waits for calm.
    pub flapping: bool,
    /// The silence that mutes it.
    pub silenced_by: Option<String>,
    /// Whether a worse alert about the same thing mutes it.
    pub inhibited: bool,
    /// Who takes care of it.
    pub acknowledged: Option<Ack>,
    /// Where the CPU profile that it asked for stands: `asked`, `taken` or `failed`.
    pub profile: Option<&'static str>,
    /// Why that could not be taken.
    pub profile_trouble: Option<String>,
}

/// A rule and how it fares.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleView {
    /// What it is known by.
    pub id: String,
    /// The name of its alerts, or of the series that it records.
    pub name: String,
    /// `alerting` or `recording`.
    pub kind: &'static str,
    /// The file, or `None` for a rule of the program's own code.
    pub file: Option<String>,
    /// The group in that file.
    pub group: Option<String>,
    /// The line in that file, from 1.
    pub line: Option<u32>,
    /// Its expression; `None` for a closure.
    pub expr: Option<String>,
    /// The expression that clears it.
    pub clear: Option<String>,
    /// `for`, in milliseconds.
    pub for_ms: i64,
    /// `keep_firing_for`, in milliseconds.
    pub keep_firing_ms: i64,
    /// The least time between two firings, in milliseconds.
    pub cooldown_ms: i64,
    /// Its labels, as they were written.
    pub labels: BTreeMap<String, String>,
    /// How the last look went.
    pub health: Health,
    /// Why, if not well.
    pub trouble: Option<String>,
    /// Alerts that are pending.
    pub pending: usize,
    /// Alerts that fire.
    pub firing: usize,
    /// Series that it records.
    pub series: usize,
    /// Alerts, or series, that found no room.
    pub refused: u64,
}

/// A receiver and how it fares.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiverView {
    /// Its name.
    pub name: String,
    /// Notifications that wait for it.
    pub waiting: usize,
    /// When the oldest of those was written, in milliseconds since the Unix epoch.
    pub oldest_unix_ms: Option<i64>,
    /// Notifications that it took.
    pub delivered: u64,
    /// Notifications that were given up.
    pub given_up: u64,
    /// Attempts that failed and are made again.
    pub attempts_failed: u64,
    /// When it last took something.
    pub last_delivered_unix_ms: Option<i64>,
    /// Since when it takes nothing.
    pub failing_since_unix_ms: Option<i64>,
    /// What it last said to that.
    pub trouble: Option<String>,
}

/// A notification that is done with.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryView {
    /// Its id, as the receiver got it.
    pub id: String,
    /// Whom it was for.
    pub receiver: String,
    /// What it was about.
    pub title: String,
    /// Firing or resolved.
    pub status: Status,
    /// Why it was sent.
    pub why: Why,
    /// How many alerts were in it.
    pub alerts: u16,
    /// What became of it.
    pub fate: Fate,
    /// When, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// How often it was tried.
    pub attempts: u16,
    /// How long the last attempt took, in milliseconds.
    pub took_ms: u32,
    /// What was answered; of the last 64 alone.
    pub answer: Option<String>,
}

impl AlertManager {
    /// Alerts that are pending or firing, the worst first.
    pub fn alert_views(&self) -> Vec<AlertView> {
        let book = self.inner.book.lock();
        let live = book.live();
        let mut views: Vec<AlertView> =
            book.active().map(|(rule, tracked)| alert(&book, &live, rule, tracked)).collect();
        drop(book);
        let captures = self.inner.captures.lock();
        for view in &mut views {
            let Some((stand, why)) = captures.stand(&view.fingerprint) else { continue };
            (view.profile, view.profile_trouble) = (Some(stand), why.map(str::to_owned));
        }
        let key = |view: &AlertView| {
            (std::cmp::Reverse((view.state == "firing", view.severity)), view.fired_unix_ms)
        };
        views.sort_by_key(key);
        views
    }

    /// All rules, in their order.
    pub fn rule_views(&self) -> Vec<RuleView> {
        self.inner.book.lock().rules.iter().map(rule).collect()
    }

    /// All receivers, in their order.
    pub fn receiver_views(&self) -> Vec<ReceiverView> {
        let book = self.inner.book.lock();
        let view = |receiver: &crate::book::Receiver| ReceiverView {
            name: receiver.route.name.to_string(),
            waiting: receiver.waiting.len(),
            oldest_unix_ms: receiver.waiting.front().map(|w| w.notification.unix_ms),
            delivered: receiver.fares.delivered,
            given_up: receiver.fares.given_up,
            attempts_failed: receiver.fares.attempts_failed,
            last_delivered_unix_ms: receiver.fares.last_unix_ms,
            failing_since_unix_ms: receiver.fares.failing_since_unix_ms,
            trouble: receiver.fares.trouble.as_deref().map(str::to_owned),
        };
        book.receivers.iter().map(view).collect()
    }

    /// What was sent, to whom, when, with what answer: the newest first, at most `limit`.
    pub fn history(&self, limit: usize) -> Vec<HistoryView> {
        let book = self.inner.book.lock();
        let view = |(entry, text): (crate::book::Entry, Option<&str>)| HistoryView {
            id: book.id_of(entry.number),
            receiver: match book.receiver_names.get(usize::from(entry.receiver)) {
                Some(name) => name.to_string(),
                None => "unknown".to_owned(),
            },
            title: entry.title.to_string(),
            status: entry.status,
            why: entry.why,
            alerts: entry.alerts,
            fate: entry.fate,
            unix_ms: entry.unix_ms,
            attempts: entry.attempts,
            took_ms: entry.took_ms,
            answer: text.map(str::to_owned),
        };
        book.history.newest(limit).into_iter().rev().map(view).collect()
    }
}

fn alert(book: &Book, live: &[Live], rule: &Rule, tracked: &Tracked) -> AlertView {
    let labels = &tracked.labels;
    let now = book.now();
    let notice = rule.notice(tracked, now);
    let firing = tracked.state.phase() == Phase::Firing;
    let silenced_by = book.silenced_by(labels, now.unix_ms).map(str::to_owned);
    let is_muted = live.iter().any(|alert| alert.notice.labels == *labels && alert.is_muted);
    AlertView {
        fingerprint: notice.fingerprint(),
        name: rule.name().to_owned(),
        rule: rule.id.to_string(),
        severity: notice.severity,
        state: if firing { "firing" } else { "pending" },
        summary: notice.sentence(),
        labels: labels.clone(),
        annotations: notice.annotations.clone(),
        value: notice.value,
        began_unix_ms: tracked.began_unix_ms,
        fired_unix_ms: tracked.fired.is_some().then_some(notice.starts_unix_ms),
        no_data: tracked.state.is_missing(),
        flapping: tracked.state.is_flapping(&rule.timing, now),
        inhibited: is_muted && silenced_by.is_none(),
        silenced_by,
        acknowledged: tracked.fired.as_ref().and_then(|fired| fired.ack.as_deref().cloned()),
        profile: None,
        profile_trouble: None,
    }
}

fn rule(rule: &Rule) -> RuleView {
    let (expr, clear) = match &rule.kind {
        Kind::Closure(_) => (None, None),
        Kind::Expression { expr, clear } => (Some(&**expr), clear.as_deref()),
        Kind::Recording(recording) => (Some(&recording.expr), None),
    };
    let (kind, labels) = match &rule.kind {
        Kind::Recording(recording) => ("recording", &recording.labels),
        _ => ("alerting", &rule.labels),
    };
    let origin = rule.origin.as_ref();
    let alerts = rule.state.alerts.iter();
    let in_phase = |phase| alerts.clone().filter(|t| t.state.phase() == phase).count();
    RuleView {
        id: rule.id.to_string(),
        name: rule.name().to_owned(),
        kind,
        file: origin.map(|origin| origin.file.to_string()),
        group: origin.map(|origin| origin.group.to_string()),
        line: origin.map(|_| rule.line),
        expr: expr.map(|expr| expr.text().to_owned()),
        clear: clear.map(|clear| clear.text().to_owned()),
        for_ms: millis(rule.timing.hold),
        keep_firing_ms: millis(rule.timing.keep_firing),
        cooldown_ms: millis(rule.timing.cooldown),
        labels: labels.iter().map(|(n, t)| (n.to_owned(), t.to_owned())).collect(),
        health: rule.state.health,
        trouble: rule.state.trouble().map(str::to_owned),
        pending: in_phase(Phase::Pending),
        firing: in_phase(Phase::Firing),
        series: rule.state.recorded().len(),
        refused: rule.state.refused(),
    }
}
