//! What libtest prints, read line by line: how many tests passed, which of them said that they skip.

/// The sums over all test programs of one run.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    /// Between `successes:` and the next section, where `--show-output` puts what passing tests printed.
    in_successes: bool,
    /// The test whose output is being read.
    speaker: Option<String>,
}

impl Transcript {
    /// Takes in one line; false when it is output of a passing test, which is read but not shown.
    pub(crate) fn read(&mut self, line: &str) -> bool {
        if line == "successes:" {
            self.in_successes = true;
            return false;
        }
        if line == "failures:" || line.starts_with("test result: ") {
            self.in_successes = false;
            self.speaker = None;
        }
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, " passed");
            self.failed += number_before(result, " failed");
        }
        if self.in_successes {
            self.listen(line);
        }
        !self.in_successes
    }

    fn listen(&mut self, line: &str) {
        if let Some(name) =
            line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            self.speaker = Some(name.to_owned());
        } else if says_that_it_skips(line)
            && let Some(name) = self.speaker.take()
        {
            self.skipped.push(name);
        }
    }

    /// One line per test that skipped itself, led by their number.
    pub(crate) fn skipped(&self) -> String {
        let mut text = format!("skipped without peers: {}\n", self.skipped.len());
        for name in &self.skipped {
            text.push_str(&format!("  {name}\n"));
        }
        text
    }

    /// The closing line; a test that skipped itself is counted apart from those that passed.
    pub(crate) fn totals(&self) -> String {
        let skipped = self.skipped.len() as u64;
        let line = format!(
            "tests: {} passed, {} failed",
            self.passed.saturating_sub(skipped),
            self.failed
        );
        if skipped == 0 { line } else { format!("{line}, {skipped} skipped") }
    }
}

fn says_that_it_skips(line: &str) -> bool {
    line.trim_start().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("skip"))
}

/// The number in front of `what`: 12 in `ok. 12 passed; 0 failed`.
fn number_before(text: &str, what: &str) -> u64 {
    let before = text.split_once(what).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_PROGRAMS: &str = "\
running 2 tests
test a ... ok
test scraped ... ok

successes:

---- a stdout ----
a skipped beat is no skip

---- scraped stdout ----
skipped: PERF_MONITOR_PEERS is not set
skipped: once is enough


successes:
    a
    scraped

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
running 1 test
test b ... FAILED

successes:

successes:

failures:

---- b stdout ----
skip me not

failures:
    b

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn totals_are_summed_and_skips_counted_apart() {
        let mut transcript = Transcript::default();
        for line in TWO_PROGRAMS.lines() {
            transcript.read(line);
        }
        assert_eq!(transcript.totals(), "tests: 1 passed, 1 failed, 1 skipped");
        assert_eq!(transcript.skipped(), "skipped without peers: 1\n  scraped\n");
    }

    #[test]
    fn output_of_passing_tests_is_not_shown_and_that_of_failing_ones_is() {
        let mut transcript = Transcript::default();
        let shown: Vec<&str> = TWO_PROGRAMS.lines().filter(|line| transcript.read(line)).collect();
        assert!(!shown.contains(&"a skipped beat is no skip"));
        assert!(shown.contains(&"skip me not") && shown.contains(&"test b ... FAILED"));
    }
}
