//! What rules look at, for whoever provides it.

use std::collections::HashSet;

use perf_monitor_history::Selector;

use super::AlertManager;
use crate::book::{Kind, Rule};

impl AlertManager {
    /// The series that the expressions of all rules look at, each selector once: what a history has to
    /// keep for them.
    ///
    /// # Cost
    /// A copy of each selector. Ask again when [`rules_version`](Self::rules_version) is another.
    pub fn selectors(&self) -> Vec<Selector> {
        let book = self.inner.book.lock();
        let all = book.rules.iter().flat_map(Rule::expressions).flat_map(|expr| expr.selectors());
        let mut seen = HashSet::new();
        all.filter(|selector| seen.insert(selector.to_string())).cloned().collect()
    }

    /// A number that is another whenever rules came, went or were read again.
    pub fn rules_version(&self) -> u64 {
        self.inner.book.lock().rules_version
    }

    /// Whether a rule is a closure; without one nobody looks at the figures that
    /// [`check_alerts`](Self::check_alerts) is given.
    pub fn has_closures(&self) -> bool {
        let is_closure = |rule: &Rule| matches!(rule.kind, Kind::Closure(_));
        self.inner.book.lock().rules.iter().any(is_closure)
    }
}
