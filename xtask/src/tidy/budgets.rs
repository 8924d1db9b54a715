//! No row of the figures that were promised vanishes from `benches/budgets.toml`.

use super::Finding;

const TABLE: &str = "benches/budgets.toml";

/// Each promised figure; a row's id may go on after it (`counter/dynamic-2-labels/hit`).
const PROMISED: [&str; 17] = [
    "counter/inc",
    "counter/dynamic-2-labels",
    "latency/record",
    "request/record",
    "timer/scope",
    "reader",
    "snapshot/1000",
    "scrape/100k",
    "host/collect",
    "dashboard/fps",
    "dashboard/browser-cpu",
    "dashboard/latency",
    "dashboard/weight",
    "dashboard/soak",
    "memory/ledger",
    "memory/day",
    "cpu/idle",
];

pub(super) fn check(table: Option<&str>) -> Vec<Finding> {
    let Some(table) = table else {
        return vec![format!("{TABLE} is missing; it holds the limit of each measured figure")];
    };
    let missing = PROMISED.iter().filter(|id| !has_row(table, id));
    missing.map(|id| format!("{TABLE}: no row for the figure `{id}`")).collect()
}

/// A row's id stands between quotes, as a value or in a table's header.
fn has_row(table: &str, id: &str) -> bool {
    let code = table.lines().map(|line| line.split('#').next().unwrap_or_default());
    code.flat_map(|line| line.split('"').skip(1).step_by(2)).any(|quoted| begins_with(quoted, id))
}

/// `counter/inc` begins `counter/inc/two-threads` and `counter/inc`, but not `counter/increase`.
fn begins_with(quoted: &str, id: &str) -> bool {
    quoted
        .strip_prefix(id)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_vanished_is_named() {
        let table: String = PROMISED
            .iter()
            .filter(|id| **id != "cpu/idle")
            .map(|id| format!("[[row]]\nid = \"{id}\"\n"))
            .collect();
        assert_eq!(check(Some(&table)), ["benches/budgets.toml: no row for the figure `cpu/idle`"]);
    }

    #[test]
    fn a_row_may_say_more_after_its_figure_but_not_another_word() {
        assert!(has_row("id = \"snapshot/1000-series\"", "snapshot/1000"));
        assert!(has_row("[\"reader/60hz\"]", "reader"));
        assert!(!has_row("id = \"counter/increase\"", "counter/inc"));
    }

    #[test]
    fn a_row_in_a_comment_does_not_count() {
        assert!(!has_row("# id = \"cpu/idle\"", "cpu/idle"));
    }

    #[test]
    fn a_missing_table_is_a_finding() {
        assert_eq!(check(None).len(), 1);
    }
}
