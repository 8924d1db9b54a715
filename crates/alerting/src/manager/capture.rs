//! Evidence that is asked for when an alert fires.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{AlertManager, Inner};
use crate::book::Record;

/// Requests that are remembered, at most.
const MOST: usize = 16;

/// The least time between two profiles of one rule.
const EVERY_MS: i64 = 3_600_000;

/// A CPU profile that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The rule.
    pub rule: String,
    /// The alert's fingerprint, to keep the profile with it.
    pub fingerprint: String,
}

/// Where a profile that an alert asked for stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stand {
    /// Nobody has asked for it yet.
    Wanted,
    Asked,
    Taken,
    /// It could not be taken: why.
    Failed(String),
}

/// What has been asked for.
#[derive(Debug, Default)]
pub(crate) struct Captures {
    /// The newest, with what became of them.
    asked: VecDeque<(Capture, Stand)>,
    /// By the rule's id, when a profile was last asked for; in the last hour.
    asked_ms: HashMap<Arc<str>, i64>,
}

impl Captures {
    fn ask(&mut self, rule: &Arc<str>, fingerprint: String, steady_ms: i64) {
        self.asked_ms.retain(|_, at| steady_ms - *at < EVERY_MS);
        if self.asked_ms.contains_key(rule) {
            return;
        }
        self.asked_ms.insert(rule.clone(), steady_ms);
        if self.asked.len() == MOST {
            self.asked.pop_front();
        }
        let capture = Capture { rule: rule.to_string(), fingerprint };
        self.asked.push_back((capture, Stand::Wanted));
    }

    /// Where the profile of an alert stands, in a word, and why it could not be taken.
    pub(crate) fn stand(&self, fingerprint: &str) -> Option<(&'static str, Option<&str>)> {
        let mut newest = self.asked.iter().rev();
        let (_, stand) = newest.find(|(capture, _)| capture.fingerprint == fingerprint)?;
        Some(match stand {
            Stand::Wanted | Stand::Asked => ("asked", None),
            Stand::Taken => ("taken", None),
            Stand::Failed(why) => ("failed", Some(why)),
        })
    }
}

impl AlertManager {
    /// CPU profiles that are asked for, since the last call: one for a rule and an hour at most. Say by
    /// [`captured`](Self::captured) what became of each.
    pub fn take_captures(&self) -> Vec<Capture> {
        let mut captures = self.inner.captures.lock();
        let wanted = captures.asked.iter_mut().filter(|(_, stand)| *stand == Stand::Wanted);
        let taken = wanted.map(|(capture, stand)| {
            *stand = Stand::Asked;
            capture.clone()
        });
        taken.collect()
    }

    /// Takes in that a profile was taken, or why it was not: the alert shows it. After one that was not, the
    /// rule's next firing asks again.
    pub fn captured(&self, capture: &Capture, outcome: Result<(), String>) {
        let mut captures = self.inner.captures.lock();
        if outcome.is_err() {
            captures.asked_ms.remove(capture.rule.as_str());
        }
        let mut newest = captures.asked.iter_mut().rev();
        if let Some((_, stand)) = newest.find(|(asked, _)| asked == capture) {
            *stand = outcome.map_or_else(Stand::Failed, |()| Stand::Taken);
        }
    }
}

impl Inner {
    /// Asks for profiles of what fires by `records`.
    pub(super) fn capture(&self, records: &[Record], steady_ms: i64) {
        for record in records {
            let Record::Fired { rule, notice, .. } = record else { continue };
            if self.book.lock().rule(rule).is_some_and(|rule| rule.captures_cpu) {
                self.captures.lock().ask(rule, notice.fingerprint(), steady_ms);
            }
        }
    }
}
