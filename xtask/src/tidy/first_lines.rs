//! Every module opens with its one `//!` sentence.

use super::Finding;

const CODE: [&str; 4] = ["crates/", "browser/", "xtask/", "benches/"];

pub(super) fn check(path: &str, text: &str) -> Option<Finding> {
    let is_module = path.ends_with(".rs") && CODE.iter().any(|place| path.starts_with(place));
    let opens_well = text.strip_prefix("//! ").is_some_and(|rest| !rest.trim_start().is_empty());
    (is_module && !opens_well)
        .then(|| format!("{path}:1: the module does not open with a `//!` sentence"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_has_to_open_with_its_sentence() {
        assert_eq!(check("crates/core/src/unit.rs", "//! Units of recorded numbers.\n"), None);
        assert!(check("crates/core/src/unit.rs", "use std::fmt;\n//! Too late.\n").is_some());
        assert!(check("crates/core/tests/exact.rs", "//! \n").is_some());
        assert!(check("xtask/src/main.rs", "").is_some());
    }

    #[test]
    fn other_files_are_left_alone() {
        assert_eq!(check("docs/example.rs", "fn main() {}\n"), None);
        assert_eq!(check("crates/core/Cargo.toml", "[package]\n"), None);
    }
}
