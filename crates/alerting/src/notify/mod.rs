//! Ways to tell somebody.

mod alertmanager;
#[cfg(feature = "command")]
mod command;
mod discord;
#[cfg(feature = "email")]
mod email;
mod function;
mod http;
mod log;
mod ntfy;
mod pagerduty;
mod secret;
mod slack;
mod webhook;

use std::time::Duration;

use perf_monitor_http::BoxFuture;

use crate::notification::Notification;

pub use alertmanager::Alertmanager;
#[cfg(feature = "command")]
pub use command::CommandNotifier;
pub use discord::Discord;
#[cfg(feature = "email")]
pub use email::{Email, SmtpSecurity};
pub use function::{FnNotifier, notify_fn};
pub use log::Log;
pub use ntfy::Ntfy;
pub use pagerduty::PagerDuty;
pub use secret::Secret;
pub use slack::Slack;
pub use webhook::Webhook;

/// Tells somebody of alerts.
///
/// Each runs alone: what one waits for delays no other. It is dropped when its time is over, and tried
/// again; a panic counts as a failure. The same notification may come twice, with the same
/// [`id`](Notification::id).
pub trait Notifier: Send + Sync + 'static {
    /// What its route is called unless it is [named](crate::Route::named).
    fn name(&self) -> &str;

    /// Makes one attempt.
    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt>;

    /// The labels by which its alerts are grouped unless the route says otherwise; `None` for each
    /// alert alone.
    fn group_by(&self) -> Option<&'static [&'static str]> {
        Some(&["alertname"])
    }

    /// How often it has to be told again of what fires, lest it forgets; `None` for never.
    fn refresh(&self) -> Option<Duration> {
        None
    }
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Attempt {
    /// It arrived; what the receiver answered.
    Delivered(String),
    /// It may yet arrive: why not now, and how long the receiver wants to be left alone.
    Later(String, Option<Duration>),
    /// It never will: why.
    Never(String),
}
