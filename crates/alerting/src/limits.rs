//! How much of everything there may be.

use std::time::Duration;

/// The bounds of an [`AlertManager`](crate::AlertManager). What goes past one is refused and counted
/// in [`AlertStats`](crate::AlertStats).
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Rules, of closures and files together: 10,000.
    pub rules: usize,
    /// Alerts of one rule, one for each set of labels: 100.
    pub alerts_per_rule: usize,
    /// Silences: 1,000. Those that have ended are taken away first.
    pub silences: usize,
    /// Entries of the history of what was sent: 1,000, at 40 bytes each on the average, of which most
    /// need a third. The oldest goes.
    pub history: usize,
    /// Notifications that wait, over all receivers: 1,000. The oldest of the receiver with most
    /// waiting is given up.
    pub waiting: usize,
    /// Alerts in one notification: 64. More come in several.
    pub alerts_per_notification: usize,
    /// Bytes of the outbox's file past which it is written anew: 1 MiB.
    pub file_bytes: u64,
    /// Bytes of one rule file: 1 MiB.
    pub rule_file_bytes: usize,
    /// How long a notification is tried before it is given up: 24 hours.
    pub age: Duration,
    /// The longest gap between two looks that counts as watched: a minute.
    pub gap: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            rules: 10_000,
            alerts_per_rule: 100,
            silences: 1_000,
            history: 1_000,
            waiting: 1_000,
            alerts_per_notification: 64,
            file_bytes: 1024 * 1024,
            rule_file_bytes: 1024 * 1024,
            age: Duration::from_secs(24 * 3_600),
            gap: Duration::from_secs(60),
        }
    }
}
