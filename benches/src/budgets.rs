//! The limits that `budgets.toml` sets.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What one row may cost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    /// The work of one operation, in words.
    pub(crate) what: String,
    /// What it is measured beside.
    pub(crate) control: Option<String>,
    /// The limited measures that are dependable on any machine, however busy: `--gates` runs the
    /// rows that have some, and holds these alone.
    #[serde(default)]
    pub(crate) gate: Vec<String>,
    /// The highest allowed median of a measure, by the measure's name.
    #[serde(default)]
    max: BTreeMap<String, f64>,
    /// The lowest allowed median of a measure.
    #[serde(default)]
    min: BTreeMap<String, f64>,
}

/// One bound of a measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Limit {
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Limit::AtMost(limit) => value <= limit,
            Limit::AtLeast(limit) => value >= limit,
        }
    }
}

impl Budget {
    pub(crate) fn limit(&self, measure: &str) -> Option<Limit> {
        let most = self.max.get(measure).copied().map(Limit::AtMost);
        most.or_else(|| self.min.get(measure).copied().map(Limit::AtLeast))
    }

    /// Every measure that has a limit.
    pub(crate) fn limited(&self) -> impl Iterator<Item = &str> {
        self.max.keys().chain(self.min.keys()).map(String::as_str)
    }
}

/// All budgets, by the id of their row.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Budgets(BTreeMap<String, Budget>);

impl Budgets {
    /// Those of `benches/budgets.toml`, as they were when this binary was built.
    pub(crate) fn built_in() -> Result<Budgets, String> {
        toml::from_str(include_str!("../budgets.toml"))
            .map_err(|cause| format!("benches/budgets.toml: {cause}"))
    }

    pub(crate) fn get(&self, row: &str) -> Option<&Budget> {
        self.0.get(row)
    }

    #[cfg(test)]
    fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::ROWS;

    #[test]
    fn every_row_has_a_budget_and_every_budget_a_row() {
        let budgets = Budgets::built_in().unwrap();
        let mut rows: Vec<&str> = ROWS.iter().map(|row| row.id).collect();
        rows.sort_unstable();
        assert_eq!(budgets.ids().collect::<Vec<_>>(), rows);
    }

    #[test]
    fn every_budget_limits_something() {
        let budgets = Budgets::built_in().unwrap();
        for id in budgets.ids() {
            assert!(budgets.get(id).unwrap().limited().count() > 0, "{id}");
        }
    }

    #[test]
    fn every_gate_is_a_limit_of_its_row() {
        let budgets = Budgets::built_in().unwrap();
        for budget in budgets.0.values() {
            for gate in &budget.gate {
                assert!(budget.limit(gate).is_some(), "{}: {gate}", budget.what);
            }
        }
    }

    #[test]
    fn a_number_that_is_none_keeps_no_limit() {
        assert!(!Limit::AtMost(1.0).holds(f64::NAN));
        assert!(!Limit::AtLeast(1.0).holds(f64::NAN));
    }
}
