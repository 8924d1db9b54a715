//! The manager: rules looked at, changes written down, receivers told.

mod asked;
mod backoff;
mod builder;
mod capture;
mod check;
mod delivery;
mod files;
mod needs;
mod stats;
mod thresholds;
mod writing;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use perf_monitor_core::{Clock, Lock};
use perf_monitor_history::Storage;
use tokio::sync::Notify;

use crate::alert::Alert;
use crate::book::Book;
use crate::error::Error;
use crate::machine::Moment;
use crate::outbox::Repair;
use crate::rule::AlertRule;

pub use builder::{AlertManagerBuilder, DEFAULT_RULES};
pub use capture::Capture;
pub use files::FileStatus;
pub use stats::AlertStats;
pub use thresholds::Thresholds;

pub(crate) use files::of_file;

use files::Files;
use writing::Writing;

/// Looks at rules, keeps the state of alerts, and tells receivers, each once.
///
/// Clones are the same manager. [`check_alerts`](Self::check_alerts) is called once a tick; what it
/// finds is written down before anything is sent, and sent by [`deliver`](Self::deliver), so that no
/// receiver ever delays a tick.
///
/// ```
/// use perf_monitor_alerting::{AlertManager, AlertRule, AlertSeverity, Log, Metrics};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), perf_monitor_alerting::Error> {
/// let manager = AlertManager::builder()
///     .rule(AlertRule::new("errors", AlertSeverity::Critical, |m| m.error_rate > 0.05))
///     .notify(Log::stderr())
///     .build()?;
///
/// let metrics = Metrics { error_rate: 0.2, ..Metrics::default() };
/// manager.check_alerts(&metrics).await;
/// assert_eq!(manager.active_alerts()[0].name, "errors");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AlertManager {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) book: Lock<Book>,
    pub(crate) clock: Clock,
    /// One look, or one change by somebody, at a time: what they write down stays in their order.
    turn: tokio::sync::Mutex<()>,
    pub(crate) history: Option<Arc<dyn Storage>>,
    pub(crate) files: Lock<Files>,
    pub(crate) writing: Arc<Writing>,
    /// One for each receiver, in their order.
    wake: Vec<Arc<Notify>>,
    is_delivering: AtomicBool,
    has_begun: AtomicBool,
    /// Closures that did not come back in time, until they do.
    stuck: Lock<Option<tokio::task::JoinHandle<Vec<check::Answer>>>>,
    captures: Lock<VecDeque<Capture>>,
    captured_ms: Lock<capture::Last>,
}

impl AlertManager {
    /// Chooses rules, receivers and where to keep them.
    pub fn builder() -> AlertManagerBuilder {
        AlertManagerBuilder::default()
    }

    /// A rule more.
    ///
    /// # Errors
    /// A rule of that name is there, or as many as there may be.
    pub fn add_rule(&self, rule: AlertRule) -> Result<(), Error> {
        self.inner.book.lock().add_rule(builder::of_closure(rule)?)
    }

    /// Alerts that are pending or firing.
    pub fn active_alerts(&self) -> Vec<Alert> {
        let book = self.inner.book.lock();
        let alerts = book.active().map(|(rule, tracked)| {
            let notice = match &tracked.fired {
                Some(fired) => fired.notice.clone(),
                None => Arc::new(rule.notice(tracked, book.now())),
            };
            let unix_ms = match tracked.fired {
                Some(_) => notice.starts_unix_ms,
                None => tracked.began_unix_ms,
            };
            let metrics = tracked.fired.as_ref().and_then(|fired| fired.metrics.as_deref());
            Alert {
                name: rule.name().to_owned(),
                severity: notice.severity,
                triggered_at: time_of(unix_ms),
                message: notice.sentence(),
                metrics: metrics.cloned().unwrap_or_default(),
                labels: tracked.labels.clone(),
                phase: tracked.state.phase(),
                value: tracked.value,
            }
        });
        alerts.collect()
    }

    /// Sends what is waiting, until `closed`: run it on any runtime, as a task beside the ticks. After
    /// that it makes one last attempt at what is left; stop waiting for it whenever you like.
    ///
    /// Without it, the first [`check_alerts`](Self::check_alerts) starts it as a task of its runtime.
    pub async fn deliver(&self, closed: impl Future<Output = ()>) {
        delivery::deliver(&self.inner, closed).await;
    }

    /// Whether nothing waits to be sent.
    pub fn is_idle(&self) -> bool {
        let book = self.inner.book.lock();
        book.receivers.iter().all(|r| r.waiting.is_empty() && r.passing.is_none())
    }

    /// What has been counted, and what is held now.
    pub fn stats(&self) -> AlertStats {
        stats::stats(&self.inner)
    }

    /// What was cut off the outbox's file when it was opened; `None` if nothing had to be.
    pub fn repair(&self) -> Option<&Repair> {
        self.inner.writing.repair.as_ref()
    }

    /// Why the outbox's file could not be written the last time; what is sent meanwhile may come again
    /// after a restart.
    pub fn write_trouble(&self) -> Option<String> {
        self.inner.writing.trouble.lock().clone()
    }

    /// How each rule file fares.
    pub fn files(&self) -> Vec<FileStatus> {
        self.inner.files.lock().statuses()
    }

    /// CPU profiles that are asked for, since the last call: one for a rule and an hour at most.
    pub fn take_captures(&self) -> Vec<Capture> {
        self.inner.captures.lock().drain(..).collect()
    }
}

impl Inner {
    pub(crate) fn unix_ms(&self) -> i64 {
        i64::try_from(self.clock.unix_ns() / 1_000_000).unwrap_or(i64::MAX)
    }

    fn steady_ms(&self) -> i64 {
        i64::try_from(self.clock.now_ns() / 1_000_000).unwrap_or(i64::MAX)
    }

    fn look_at_clock(&self, book: &mut Book) -> Moment {
        book.timeline.look(self.steady_ms(), self.unix_ms())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.wake.iter().for_each(|wake| wake.notify_one());
    }
}

impl fmt::Debug for AlertManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AlertManager").field(&self.stats()).finish()
    }
}

fn time_of(unix_ms: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms.max(0).unsigned_abs())
}
