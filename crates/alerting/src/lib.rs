//! Rules that become alerts, and alerts that reach somebody, once.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use perf_monitor_alerting::{
//!     AlertManager, AlertRule, AlertSeverity, Alertmanager, Log, Metrics, Route,
//! };
//! use perf_monitor_core::{MetricsCollector, Registry};
//! use perf_monitor_history::{MemoryHistory, Options};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::new();
//! let requests = MetricsCollector::new(&registry)?;
//! let history = Arc::new(MemoryHistory::new(Options::default())?);
//!
//! let slow = AlertRule::new("slow", AlertSeverity::Critical, |m| m.latency.p99 > 250_000)
//!     .hold(Duration::from_secs(30))
//!     .clear_when(|m| m.latency.p99 < 200_000);
//! let alerts = AlertManager::builder()
//!     .rule(slow)
//!     .default_rules(true) // CPU, memory, disk, network, response time, as a rule file
//!     .history(history.clone()) // where the expressions of rule files look
//!     .notify(Log::stderr())
//!     .notify(Route::to(Alertmanager::new("http://127.0.0.1:9093")).at_least(AlertSeverity::Warning))
//!     .build()?;
//!
//! // Once a second, after the registry's tick:
//! registry.tick();
//! history.record(registry.clock().unix_ns() as i64 / 1_000_000, &registry);
//! alerts.check_alerts(&Metrics::of(&requests, &registry)).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - An alert that goes on is told of once; its end is told to whoever was told of it. What is to be
//!   sent is on the disk before it is ([`AlertManagerBuilder::outbox`]), so that a process that is
//!   killed at any instant loses nothing, and sends at most what was in flight a second time, with the
//!   same [`id`](Notification::id).
//! - Receivers are tried until they take it or it is given up, which shows; each in its own time and
//!   order, so that a dead one delays neither the others nor a tick.
//! - Missing data, an expression that fails and a file that is wrong resolve nothing: what fires goes on
//!   firing, and shows why.
//! - A closure that panics disables its rule, and shows it.
//! - Everything that grows has a bound in [`Limits`], and what is refused is in [`AlertStats`].
//!
//! # Rules
//!
//! As closures over [`Metrics`] ([`AlertRule`]), or as files of Prometheus
//! ([`AlertManagerBuilder::rule_file`]), which stay valid there: what Prometheus has no words for stands
//! in annotations ([`Extras`]). Files are read again when they change. [`check_rules`] says what is wrong
//! with one, [`test_rules`] runs its unit tests, [`backtest`] says when it would have fired.
//!
//! # Many instances
//!
//! Each process tells for itself: twenty of them send twenty messages. For a fleet, tell an
//! [`Alertmanager`], which makes one of alerts with the same labels.
//!
//! # Features
//! `tls` for https to receivers, `email` for mail, `command` for programs that an agent runs.

#![forbid(unsafe_code)]

mod alert;
mod api;
mod book;
mod error;
mod expression;
mod labels;
mod limits;
mod look;
mod machine;
mod manager;
mod matcher;
mod metrics;
mod notification;
mod notify;
mod outbox;
mod packed;
mod route;
mod rule;
mod rules;
mod severity;
mod silence;
mod template;
mod time;
mod trial;

pub use alert::Alert;
pub use api::{AlertView, HistoryView, ReceiverView, RuleView};
pub use book::{Ack, Fate, Health, Inhibition};
pub use error::Error;
pub use expression::{Expr, Sample};
pub use labels::Labels;
pub use limits::Limits;
pub use machine::{
    AlertState, Change, Flapping, Found, Moment, NoData, Phase, Reason, Timeline, Timing,
};
pub use manager::{
    AlertManager, AlertManagerBuilder, AlertStats, Capture, DEFAULT_RULES, FileStatus, Thresholds,
};
pub use matcher::Matcher;
pub use metrics::Metrics;
pub use notification::{Notice, Notification, Status, Why};
#[cfg(feature = "command")]
pub use notify::CommandNotifier;
pub use notify::{
    Alertmanager, Attempt, Discord, FnNotifier, Log, Notifier, Ntfy, PagerDuty, Secret, Slack,
    Webhook, notify_fn,
};
#[cfg(feature = "email")]
pub use notify::{Email, SmtpSecurity};
pub use outbox::Repair;
pub use route::Route;
pub use rule::{AlertRule, Condition};
pub use rules::{
    AlertingRule, CheckReport, Extras, FileRule, Problem, RecordingRule, RuleFile, RuleGroup,
    check_rules, parse_duration,
};
pub use severity::AlertSeverity;
pub use silence::Silence;
pub use template::{Template, Values};
pub use trial::{Backtest, CaseReport, Firing, Mismatch, TestReport, backtest, test_rules};
