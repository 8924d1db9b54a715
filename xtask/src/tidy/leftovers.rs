//! Nothing unfinished, local or heavy is committed.

use super::Finding;

/// Written in parts, since this file is checked too.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[ig", "nore"),
];

/// Directories of one machine; a path that goes on below them was pasted from there.
const LOCAL: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/t", "mp/"), concat!("/ho", "me/"), concat!("/ro", "ot/")];

const MAX_BINARY_BYTES: u64 = 500 * 1024;

/// `text` is `None` for a binary file.
pub(super) fn check(path: &str, text: Option<&str>, bytes: u64) -> Vec<Finding> {
    match text {
        Some(text) => text
            .lines()
            .enumerate()
            .flat_map(|(index, line)| in_line(path, index + 1, line))
            .collect(),
        None if bytes > MAX_BINARY_BYTES && !is_image_of_the_docs(path) => {
            vec![format!(
                "{path}: a binary of {bytes} bytes; what can be made or fetched is not committed"
            )]
        }
        None => Vec::new(),
    }
}

fn in_line(path: &str, number: usize, line: &str) -> Vec<Finding> {
    let unfinished = UNFINISHED.iter().filter(|word| has_word(line, word));
    let mut findings: Vec<Finding> =
        unfinished.map(|word| format!("{path}:{number}: unfinished: `{word}`")).collect();
    if !is_fixture(path) {
        let local = LOCAL.iter().filter(|place| has_path(line, place));
        findings.extend(
            local.map(|place| format!("{path}:{number}: a path of one machine: `{place}`")),
        );
    }
    findings
}

/// Not as a part of a longer identifier.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let next = line[at + word.len()..].chars().next();
        !line[..at].ends_with(is_word) && (!word.ends_with(is_word) || !next.is_some_and(is_word))
    })
}

/// Only where a path begins: `/api/tmp/` and `{root}/tmp/` are no such place.
fn has_path(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before
            .is_none_or(|c| !(is_word(c) || "}])/.-*:~".contains(c)) || line[..at].ends_with("://"))
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What a kernel printed stays as it printed it.
fn is_fixture(path: &str) -> bool {
    path.split('/').any(|part| part == "fixtures")
}

fn is_image_of_the_docs(path: &str) -> bool {
    path.starts_with("docs/")
        && [".png", ".jpg", ".webp", ".gif"].iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(path: &str, text: &str) -> bool {
        !check(path, Some(text), text.len() as u64).is_empty()
    }

    #[test]
    fn unfinished_words_are_found_with_their_line() {
        for word in UNFINISHED {
            let found = check("src/a.rs", Some(&format!("fine\n    {word} later)")), 0);
            assert_eq!(found, [format!("src/a.rs:2: unfinished: `{word}`")]);
        }
        assert!(!finds("src/a.rs", &format!("const {}_LIST: u8 = 0;", UNFINISHED[0])));
    }

    #[test]
    fn paths_of_one_machine_are_found_and_others_are_not() {
        for place in LOCAL {
            assert!(finds("README.md", &format!("see `{place}x`")));
            assert!(finds("README.md", &format!("file://{place}x")));
            assert!(!finds("README.md", &format!("see `/api{place}x` and {{dir}}{place}x")));
            assert!(!finds(
                "crates/host/tests/fixtures/proc/self/mountinfo",
                &format!("1 2 {place}x")
            ));
        }
    }

    #[test]
    fn a_big_binary_is_found_unless_it_is_a_picture_of_the_docs() {
        let finds = |path: &str, bytes| !check(path, None, bytes).is_empty();
        assert!(finds("data.bin", MAX_BINARY_BYTES + 1));
        assert!(!finds("data.bin", MAX_BINARY_BYTES));
        assert!(!finds("docs/page.png", MAX_BINARY_BYTES + 1));
    }
}
