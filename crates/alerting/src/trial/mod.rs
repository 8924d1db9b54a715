//! Rules tried out: over series that a test gives, or over those that are stored.

mod backtest;
mod notation;
mod run;
mod series;
mod simulation;
mod test_file;

pub use backtest::{Backtest, Firing, backtest};
pub use run::{CaseReport, Mismatch, TestReport, test_rules};
