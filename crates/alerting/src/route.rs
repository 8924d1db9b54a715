//! Which alerts a receiver is told of, together with which, and how often.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::notify::Notifier;
use crate::severity::AlertSeverity;

/// A notifier and what it is told of.
///
/// By default: every alert, grouped by name, at once, once.
#[derive(Clone)]
pub struct Route {
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) name: Arc<str>,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) least: AlertSeverity,
    pub(crate) group_by: Option<Vec<Box<str>>>,
    pub(crate) wait: Duration,
    pub(crate) interval: Duration,
    pub(crate) repeat: Option<Duration>,
    pub(crate) send_resolved: bool,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) timeout: Duration,
    pub(crate) retry: (Duration, Duration),
}

impl Route {
    /// Everything to `notifier`, under the notifier's own name.
    pub fn to(notifier: impl Notifier) -> Route {
        let name = notifier.name().into();
        let group_by = notifier.group_by();
        Route {
            notifier: Arc::new(notifier),
            name,
            matchers: Vec::new(),
            least: AlertSeverity::Info,
            group_by: group_by.map(|by| by.iter().map(|name| (*name).into()).collect()),
            wait: Duration::ZERO,
            interval: Duration::ZERO,
            repeat: None,
            send_resolved: true,
            heartbeat: None,
            timeout: Duration::from_secs(10),
            retry: (Duration::from_secs(1), Duration::from_secs(300)),
        }
    }

    /// Another name, which no other route has: two Slack channels need two.
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Only alerts that match; several must all match.
    pub fn only(mut self, matcher: Matcher) -> Self {
        self.matchers.push(matcher);
        self
    }

    /// Only alerts of this severity or worse.
    pub fn at_least(mut self, severity: AlertSeverity) -> Self {
        self.least = severity;
        self
    }

    /// Alerts that share the values of these labels come in one notification; with none, all do.
    pub fn group_by(mut self, labels: &[&str]) -> Self {
        self.group_by = Some(labels.iter().map(|name| (*name).into()).collect());
        self
    }

    /// Each alert comes alone.
    pub fn ungrouped(mut self) -> Self {
        self.group_by = None;
        self
    }

    /// How long the first notification of a group waits for more of it.
    pub fn group_wait(mut self, time: Duration) -> Self {
        self.wait = time;
        self
    }

    /// The least time between two notifications of a group.
    pub fn group_interval(mut self, time: Duration) -> Self {
        self.interval = time;
        self
    }

    /// Sends again what still fires after this time, unless somebody has acknowledged it.
    pub fn repeat(mut self, every: Duration) -> Self {
        self.repeat = Some(every);
        self
    }

    /// Whether it is told when an alert resolves; it is, by default.
    pub fn send_resolved(mut self, yes: bool) -> Self {
        self.send_resolved = yes;
        self
    }

    /// Makes it a dead man's switch: it is told of no alerts but that all is well, this often, as
    /// long as rules are evaluated and the outbox can be written. Whoever receives it should raise
    /// the alarm when it stays away.
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = Some(every);
        self
    }

    /// How long one attempt may take: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// How long the first wait after a failure is at most, and how long any wait of our own: 1 s, then
    /// twice as long each time, up to 5 minutes. How much of it is waited is chance.
    pub fn retry(mut self, first: Duration, longest: Duration) -> Self {
        self.retry = (first, longest.max(first));
        self
    }

    pub(crate) fn takes(&self, labels: &Labels, severity: AlertSeverity) -> bool {
        self.heartbeat.is_none()
            && severity >= self.least
            && self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    pub(crate) fn group_of(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            Some(by) => labels.filtered(|name| by.iter().any(|b| **b == *name)),
            None => labels.clone(),
        }
    }
}

impl<N: Notifier> From<N> for Route {
    fn from(notifier: N) -> Route {
        Route::to(notifier)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("name", &self.name)
            .field("matchers", &self.matchers)
            .field("least", &self.least)
            .field("group_by", &self.group_by)
            .finish_non_exhaustive()
    }
}
