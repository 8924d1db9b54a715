//! Evidence that is asked for when an alert fires.

use std::collections::HashMap;
use std::sync::Arc;

use super::Inner;
use crate::book::Record;

/// Requests that nobody has taken, at most.
const MOST: usize = 16;

/// The least time between two profiles of one rule.
const EVERY_MS: i64 = 3_600_000;

/// By the rule's id, when a profile was last asked for.
pub(crate) type Last = HashMap<Arc<str>, i64>;

/// A CPU profile that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The rule.
    pub rule: String,
    /// The alert's fingerprint, to keep the profile with it.
    pub fingerprint: String,
}

impl Inner {
    /// Asks for profiles of what fires by `records`.
    pub(super) fn capture(&self, records: &[Record], steady_ms: i64) {
        for record in records {
            let Record::Fired { rule, notice, .. } = record else { continue };
            let asks = self.book.lock().rule(rule).is_some_and(|rule| rule.captures_cpu);
            if !asks {
                continue;
            }
            let mut last = self.captured_ms.lock();
            if last.get(rule).is_some_and(|at| steady_ms - at < EVERY_MS) {
                continue;
            }
            last.insert(rule.clone(), steady_ms);
            let mut captures = self.captures.lock();
            if captures.len() == MOST {
                captures.pop_front();
            }
            let fingerprint = notice.fingerprint();
            captures.push_back(Capture { rule: rule.to_string(), fingerprint });
        }
    }
}
