//! What the manager tells of itself.

use std::sync::atomic::Ordering::Relaxed;

use super::Inner;
use crate::book::Health;
use crate::machine::Phase;

/// Counts since the manager was built, and what it holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AlertStats {
    /// Rules.
    pub rules: usize,
    /// Rules whose last look failed, or whose closure panicked.
    pub rules_failing: usize,
    /// Looks at rules.
    pub looks: u64,
    /// Alerts that are pending.
    pub pending: usize,
    /// Alerts that fire.
    pub firing: usize,
    /// Firings.
    pub fired: u64,
    /// Resolves.
    pub resolved: u64,
    /// Notifications that wait to be sent.
    pub waiting: usize,
    /// Notifications that arrived.
    pub delivered: u64,
    /// Notifications that were given up.
    pub given_up: u64,
    /// Attempts that failed and were, or will be, made again.
    pub attempts_failed: u64,
    /// Alerts that found no room in their rule, and recorded series that found none in the history.
    pub refused_alerts: u64,
    /// Rules that found no room.
    pub refused_rules: u64,
    /// Silences that found no room.
    pub refused_silences: u64,
    /// Entries that the history had to forget.
    pub history_dropped: u64,
    /// Writes of the outbox that failed.
    pub write_failures: u64,
    /// How often a rule file was found to be wrong.
    pub file_failures: u64,
    /// How often the outbox was written anew.
    pub compactions: u64,
    /// Damaged bytes that were cut off the outbox when it was opened.
    pub damaged_bytes: u64,
    /// Bytes on the heap, reckoned: within a tenth of what they are, but for what notifiers hold and for
    /// the programs of regular expressions.
    pub bytes: usize,
}

pub(super) fn stats(inner: &Inner) -> AlertStats {
    let file_failures = inner.files.lock().failures;
    let book = inner.book.lock();
    let phases = || {
        let rules = book.rules.iter().flat_map(|rule| rule.state.alerts.iter());
        rules.map(|tracked| tracked.state.phase())
    };
    let failing = |health| matches!(health, Health::Failing | Health::Disabled);
    let fares = || book.receivers.iter().map(|receiver| &receiver.fares);
    let writing = &inner.writing;
    AlertStats {
        rules: book.rules.len(),
        rules_failing: book.rules.iter().filter(|rule| failing(rule.state.health)).count(),
        looks: book.counts.looks,
        pending: phases().filter(|phase| *phase == Phase::Pending).count(),
        firing: phases().filter(|phase| *phase == Phase::Firing).count(),
        fired: book.counts.fired,
        resolved: book.counts.resolved,
        waiting: book.receivers.iter().map(|receiver| receiver.waiting.len()).sum(),
        delivered: fares().map(|fares| fares.delivered).sum(),
        given_up: fares().map(|fares| fares.given_up).sum(),
        attempts_failed: fares().map(|fares| fares.attempts_failed).sum(),
        refused_alerts: book.rules.iter().map(|rule| rule.state.refused()).sum(),
        refused_rules: book.counts.refused_rules,
        refused_silences: book.counts.refused_silences,
        history_dropped: book.history.dropped(),
        write_failures: writing.failures.load(Relaxed),
        file_failures,
        compactions: writing.compactions.load(Relaxed),
        damaged_bytes: writing.repair.as_ref().map_or(0, |repair| repair.lost_bytes),
        bytes: book.bytes() + size_of::<Inner>(),
    }
}
