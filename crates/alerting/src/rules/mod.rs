//! Rule files as Prometheus has them.

mod annotation;
mod check;
mod duration;
mod file;
mod watch;
mod yaml;

pub use annotation::Extras;
pub use check::{CheckReport, Problem, check_rules};
pub use duration::parse_duration;
pub use file::{AlertingRule, FileRule, RecordingRule, RuleFile, RuleGroup};

pub(crate) use check::read_and_check;
pub(crate) use duration::show_duration;
pub(crate) use watch::{Watched, read_bounded};
pub(crate) use yaml::{Node, Wrong};
