//! Rules that become alerts, and alerts that reach somebody, once.
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
pub use manager::{AlertManager, AlertManagerBuilder, AlertStats, Capture, DEFAULT_RULES, FileStatus};
pub use matcher::Matcher;
pub use metrics::Metrics;
pub use notification::{Notice, Notification, Status, Why};
pub use notify::{
    Alertmanager, Attempt, Discord, FnNotifier, Log, Notifier, Ntfy, PagerDuty, Secret, Slack,
    Webhook, notify_fn,
};
#[cfg(feature = "command")]
pub use notify::CommandNotifier;
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
pub use trial::{
    Backtest, CaseReport, Firing, Mismatch, TestReport, backtest, test_rules,
};
