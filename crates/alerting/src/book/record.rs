//! What is written down: the changes that a restart must know of.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::history::Entry;
use crate::labels::Labels;
use crate::machine::Reason;
use crate::notification::{Notice, Notification};
use crate::silence::Silence;

/// One change. Each can be taken in twice with the same result, since a file that is written anew may
/// hold a change and have it appended as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// An alert fires.
    Fired { rule: Arc<str>, series: Labels, notice: Arc<Notice> },
    /// An alert fires no more.
    Resolved { rule: Arc<str>, labels: Labels, unix_ms: i64, reason: Reason },
    /// Alerts that are pending, for rules with a long `for`.
    Held { rule: Arc<str>, series: Labels, labels: Labels, held_ms: i64 },
    /// A notification is to be sent.
    Queued { number: u64, notification: Arc<Notification> },
    /// It was, or was given up.
    Done { number: u64, entry: Entry, text: Option<String> },
    /// A silence begins, or is another than before.
    Silenced { number: u64, silence: Silence },
    /// A silence ends.
    Unsilenced { id: String },
    /// Somebody takes care of an alert.
    Acknowledged { rule: Arc<str>, labels: Labels, ack: Ack },
}

/// Somebody takes care of an alert: nobody is told of it again until it resolves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    /// Who.
    pub by: String,
    /// What they say; may be empty.
    #[serde(default)]
    pub comment: String,
    /// When, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
}

/// What a file that is written anew begins with: everything that its records would have led to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) instance: u64,
    pub(crate) next_number: u64,
    pub(crate) next_silence: u64,
    pub(crate) alerts: Vec<SavedAlert>,
    pub(crate) held: Vec<Record>,
    pub(crate) silences: Vec<Silence>,
    pub(crate) told: Vec<SavedTold>,
    pub(crate) waiting: Vec<(u64, Arc<Notification>)>,
    pub(crate) history: Vec<(Entry, Option<String>)>,
    pub(crate) receivers: Vec<Arc<str>>,
}

/// An alert that fires, or that has fired and may not yet again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedAlert {
    pub(crate) rule: Arc<str>,
    pub(crate) series: Labels,
    pub(crate) notice: Arc<Notice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ack: Option<Ack>,
}

/// What a receiver was told of and not yet told the end of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedTold {
    pub(crate) receiver: Arc<str>,
    pub(crate) group: Labels,
    pub(crate) notice: Arc<Notice>,
    pub(crate) unix_ms: i64,
}
