//! Alerts, silences and rules as JSON, and what may be done with them.

mod backtest;
mod handlers;
mod views;

pub use views::{AlertView, HistoryView, ReceiverView, RuleView};
