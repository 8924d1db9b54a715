//! Every test that `docs/seeds.md` cites exists.
//!
//! A citation is the path of a file from the root and a function in it, between backticks:
//! `` `crates/core/tests/exact.rs::ten_thousand_short_threads_lose_nothing` ``.

use super::Finding;

const DOCUMENT: &str = "docs/seeds.md";

/// `file` gives the text of a file of the repository, by its path from the root.
pub(super) fn check<'a>(
    document: Option<&str>,
    file: impl Fn(&str) -> Option<&'a str>,
) -> Vec<Finding> {
    let Some(document) = document else {
        return vec![format!("{DOCUMENT} is missing; it cites the test of each item of the seeds")];
    };
    let mut cited = 0;
    let mut findings = Vec::new();
    for (index, line) in document.lines().enumerate() {
        for citation in citations(line) {
            cited += 1;
            let problem = problem(citation, &file);
            findings.extend(
                problem.map(|problem| format!("{DOCUMENT}:{}: `{citation}`: {problem}", index + 1)),
            );
        }
    }
    if cited == 0 {
        findings.push(format!(
            "{DOCUMENT} cites no test; a citation reads `path/to/file.rs::function`"
        ));
    }
    findings
}

/// What stands between backticks and looks like a function in a file.
fn citations(line: &str) -> impl Iterator<Item = &str> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter(|token| token.contains(".rs::") && !token.contains(char::is_whitespace))
}

fn problem<'a>(citation: &str, file: impl Fn(&str) -> Option<&'a str>) -> Option<&'static str> {
    let Some((path, function)) = citation.split_once("::") else {
        return Some("not of the form path/to/file.rs::function");
    };
    if !path.ends_with(".rs") || function.is_empty() || !function.chars().all(is_word) {
        return Some("not of the form path/to/file.rs::function");
    }
    match file(path) {
        None => Some("no such file in the repository"),
        Some(text) if !defines(text, function) => Some("no such function in that file"),
        Some(_) => None,
    }
}

/// Only a line that begins a function counts, not a comment that names it.
fn defines(text: &str, function: &str) -> bool {
    let head = format!("fn {function}(");
    text.lines().any(|line| {
        let before = line.split_once(&head).map(|(before, _)| before.trim());
        before.is_some_and(|before| {
            before.is_empty() || before.split(' ').all(|word| ["pub", "async"].contains(&word))
        })
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(document: &str) -> Vec<Finding> {
        check(Some(document), |path| {
            (path == "crates/a/tests/b.rs")
                .then_some("    async fn holds() {}\n// fn gone() {}\nfn longer_name() {}\n")
        })
    }

    #[test]
    fn a_citation_of_a_test_that_exists_is_fine() {
        assert!(
            findings(
                "| `Counter` | `crates/a/tests/b.rs::holds`, `crates/a/tests/b.rs::longer_name` |"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_function_that_is_gone_is_found_with_its_line() {
        let found = findings("# Seeds\n`crates/a/tests/b.rs::gone`");
        assert_eq!(
            found,
            ["docs/seeds.md:2: `crates/a/tests/b.rs::gone`: no such function in that file"]
        );
        assert_eq!(findings("`crates/a/tests/b.rs::longer`").len(), 1);
    }

    #[test]
    fn a_file_that_is_gone_is_found() {
        assert!(findings("`crates/a/tests/c.rs::holds`")[0].contains("no such file"));
    }

    #[test]
    fn a_citation_of_another_form_is_found_rather_than_passed_over() {
        assert!(findings("`crates/a/tests/b.rs::tests::holds`")[0].contains("not of the form"));
    }

    #[test]
    fn a_missing_document_and_one_without_citations_are_findings() {
        assert_eq!(check(None, |_| None).len(), 1);
        assert!(findings("`Counter::inc` and `lib.rs`")[0].contains("cites no test"));
    }
}
