//! What a receiver is sent.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::labels::Labels;
use crate::machine::Reason;
use crate::severity::AlertSeverity;

/// A message to one receiver about the alerts of one group.
///
/// It may arrive twice, after a crash or when an answer was lost; it then has the same `id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Unique over all restarts: sixteen hexadecimal digits for the outbox, then a number.
    pub id: String,
    /// The receiver's name.
    pub receiver: Arc<str>,
    /// The labels that all alerts of the group share by the receiver's grouping.
    pub group: Labels,
    /// Whether any of its alerts fires.
    pub status: Status,
    /// Why it is sent.
    pub why: Why,
    /// The alerts: those that fire first.
    pub alerts: Vec<Arc<Notice>>,
    /// When it was written, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
}

/// Firing or resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It fires.
    Firing,
    /// It fired, and does no more.
    Resolved,
}

/// Why a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The first alert of a group.
    First,
    /// More alerts fire.
    More,
    /// Some alerts of the group resolved.
    SomeResolved,
    /// All did.
    AllResolved,
    /// Nothing is new, and the repeat interval is over.
    Repeat,
    /// The receiver forgets what it is not told again.
    Refresh,
    /// A sign of life.
    Heartbeat,
    /// Somebody tries the receiver out.
    Test,
}

/// One alert as receivers are told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is told by, `alertname` and `severity` among them.
    pub labels: Labels,
    /// Texts for people: `summary`, `description`, `runbook_url` …
    pub annotations: Labels,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// When it fired, in milliseconds since the Unix epoch.
    pub starts_unix_ms: i64,
    /// When it resolved; `None` while it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_unix_ms: Option<i64>,
    /// Why it resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The value of its expression when this was written; `None` for a closure, and for what JSON
    /// cannot say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Whether it comes and goes so often that its resolve waits for calm.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flapping: bool,
}

impl Notice {
    /// The label `alertname`.
    pub fn name(&self) -> &str {
        self.labels.get("alertname").unwrap_or("alert")
    }

    /// Firing or resolved.
    pub fn status(&self) -> Status {
        if self.ends_unix_ms.is_some() { Status::Resolved } else { Status::Firing }
    }

    /// A sentence for people: `summary`, else `description`, else the name and the labels.
    pub fn sentence(&self) -> String {
        let text = ["summary", "description", "message"];
        match text.iter().find_map(|name| self.annotations.get(name)) {
            Some(text) => text.to_owned(),
            None => format!("{} {}", self.name(), self.labels.filtered(|n| n != "alertname")),
        }
    }

    /// What it takes on the heap, in bytes, in an `Arc`; its labels are those of its alert.
    pub(crate) fn bytes(&self) -> usize {
        2 * size_of::<usize>() + size_of::<Notice>() + self.annotations.bytes()
    }

    /// The hexadecimal fingerprint, as Alertmanager shows it.
    pub fn fingerprint(&self) -> String {
        format!("{:016x}", self.labels.fingerprint())
    }
}

impl Notification {
    /// What it takes on the heap, in bytes, in an `Arc`; alerts that others hold too are theirs.
    pub(crate) fn bytes(&self) -> usize {
        let own = self.alerts.iter().filter(|alert| Arc::strong_count(alert) == 1);
        let own: usize = own.map(|alert| alert.bytes()).sum();
        let places = self.alerts.capacity() * size_of::<Arc<Notice>>();
        2 * size_of::<usize>() + size_of::<Notification>() + self.id.len() + places + own
    }

    /// The worst severity of its alerts, of those that fire if any does.
    pub fn severity(&self) -> AlertSeverity {
        let of = |status| {
            self.alerts.iter().filter(move |a| a.status() == status).map(|a| a.severity).max()
        };
        of(Status::Firing).or_else(|| of(Status::Resolved)).unwrap_or_default()
    }

    /// One line for people, such as `[FIRING:2] Slow (api)`.
    pub fn title(&self) -> String {
        let firing = self.alerts.iter().filter(|a| a.status() == Status::Firing).count();
        let state = match self.status {
            Status::Firing => format!("FIRING:{firing}"),
            Status::Resolved => "RESOLVED".to_owned(),
        };
        let name = self.group.get("alertname").or(self.alerts.first().map(|a| a.name()));
        let name = name.unwrap_or("alerts");
        let rest: Vec<&str> =
            self.group.iter().filter(|(n, _)| *n != "alertname").map(|(_, v)| v).collect();
        match rest.is_empty() {
            true => format!("[{state}] {name}"),
            false => format!("[{state}] {name} ({})", rest.join(" ")),
        }
    }

    /// The pairs that all alerts have, by `of` (their labels or annotations).
    pub fn common(&self, of: impl Fn(&Notice) -> &Labels) -> Labels {
        let Some((first, rest)) = self.alerts.split_first() else {
            return Labels::default();
        };
        let everywhere =
            |name: &str, value: &str| rest.iter().all(|a| of(a).get(name) == Some(value));
        let first = of(first);
        Labels::new(first.iter().filter(|(name, value)| everywhere(name, value)))
    }
}
