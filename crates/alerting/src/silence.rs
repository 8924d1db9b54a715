//! Silences: alerts that nobody wants to hear of for a while.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::labels::Labels;
use crate::matcher::Matcher;

/// Matchers of one silence, at most.
const MOST_MATCHERS: usize = 32;

/// Bytes of a name or a comment, at most.
const LONGEST_TEXT: usize = 1_024;

/// Mutes alerts whose labels match all of its matchers, until its end; who asked for it, and why.
///
/// What it mutes still fires and is shown. An alert that somebody was told of before it was silenced
/// still has its resolve sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its number, as text.
    pub id: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// When it begins, in milliseconds since the Unix epoch.
    pub starts_unix_ms: i64,
    /// When it ends.
    pub ends_unix_ms: i64,
    /// Who asked for it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

impl Silence {
    /// Whether it is in force at a time of day.
    pub fn is_active(&self, unix_ms: i64) -> bool {
        self.starts_unix_ms <= unix_ms && unix_ms < self.ends_unix_ms
    }

    /// Whether it is about alerts of these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    /// What it takes with what it holds, in bytes; of regular expressions some.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.id.len() + self.created_by.len() + self.comment.len();
        let matchers: usize = self.matchers.iter().map(Matcher::bytes).sum();
        size_of::<Silence>() + texts + matchers
    }

    /// What is wrong with it as one to be added at `now_unix_ms`.
    pub(crate) fn check(&self, now_unix_ms: i64) -> Result<(), Error> {
        let wrong = |why: &str| Err(Error::options(format!("the silence cannot be: {why}")));
        if self.matchers.is_empty() || self.matchers.iter().all(Matcher::matches_nothing) {
            return wrong("give a matcher that does not match everything, such as alertname=\"x\"");
        }
        if self.matchers.len() > MOST_MATCHERS {
            return wrong("it has more than 32 matchers, make two");
        }
        if self.ends_unix_ms <= now_unix_ms.max(self.starts_unix_ms) {
            return wrong("its end is not after its start and now, give a later one");
        }
        if self.created_by.trim().is_empty() || self.comment.trim().is_empty() {
            return wrong("say in createdBy who asks for it and in comment why");
        }
        if self.created_by.len() > LONGEST_TEXT || self.comment.len() > LONGEST_TEXT {
            return wrong("createdBy and comment have at most 1024 bytes");
        }
        Ok(())
    }
}
