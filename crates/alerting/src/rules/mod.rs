//! Rule files as Prometheus has them.

mod annotation;
mod check;
mod file;
mod watch;
mod yaml;

pub use annotation::Extras;
pub use check::{CheckReport, Problem, check_rules};
pub use file::{AlertingRule, FileRule, RecordingRule, RuleFile, RuleGroup};

pub(crate) use check::read_and_check;
pub(crate) use watch::{Watched, read_bounded};
pub(crate) use yaml::{Node, Wrong};
