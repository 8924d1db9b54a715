//! Whether a rule file can be used, and what is wrong with it.

use std::fmt;

use super::file::{AlertingRule, FileRule, RuleFile};
use crate::expression::Expr;
use crate::labels::Labels;
use crate::template::{Template, Values};

/// What a look at one rule file found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckReport {
    /// The file's name.
    pub file: String,
    /// What makes the file unusable; empty if it is fine.
    pub errors: Vec<Problem>,
    /// What works otherwise than one may think.
    pub warnings: Vec<Problem>,
    /// Rules that make alerts.
    pub alerting: usize,
    /// Rules that make series.
    pub recording: usize,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The line, from 1.
    pub line: u32,
    /// The sentence.
    pub what: String,
}

impl CheckReport {
    /// Whether the file can be used.
    pub fn is_ok(&self) -> bool {
        self.errors.is_empty()
    }

    fn error(&mut self, line: u32, what: impl Into<String>) {
        self.errors.push(Problem { line, what: what.into() });
    }

    fn warn(&mut self, line: u32, what: impl Into<String>) {
        self.warnings.push(Problem { line, what: what.into() });
    }
}

/// One line for each problem: `rules.yml:12: error: …`, then what there is.
impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        for Problem { line, what } in &self.errors {
            writeln!(f, "{file}:{line}: error: {what}")?;
        }
        for Problem { line, what } in &self.warnings {
            writeln!(f, "{file}:{line}: warning: {what}")?;
        }
        let state = if self.is_ok() { "ok" } else { "cannot be used" };
        write!(f, "{file}: {state}, {} alerting rules, {} recording", self.alerting, self.recording)
    }
}

/// Looks at the text of a rule file: its form, every expression, every template.
///
/// ```
/// let text = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up ==\n";
/// let report = perf_monitor_alerting::check_rules("rules.yml", text);
/// assert!(!report.is_ok());
/// assert!(report.to_string().starts_with("rules.yml:5: error: "));
/// ```
pub fn check_rules(file: &str, text: &str) -> CheckReport {
    read_and_check(file, text).1
}

/// The file too, if it can be used.
pub(crate) fn read_and_check(file: &str, text: &str) -> (Option<RuleFile>, CheckReport) {
    let mut report = CheckReport { file: file.to_owned(), ..CheckReport::default() };
    let rules = match RuleFile::read(text) {
        Ok(rules) => rules,
        Err(wrong) => {
            report.error(wrong.line, wrong.what);
            return (None, report);
        }
    };
    let mut seen: Vec<(&str, String)> = Vec::new();
    let mut recorded: Vec<(&str, String)> = Vec::new();
    for group in &rules.groups {
        if group.has_offset {
            let what = "query_offset is not heeded: series are here when rules are looked at";
            report.warn(group.line, what);
        }
        for rule in &group.rules {
            match rule {
                FileRule::Alerting(rule) => {
                    report.alerting += 1;
                    alerting(rule, &mut report);
                    let labels = format!("{:?}", rule.labels);
                    if seen.contains(&(&rule.alert, labels.clone())) {
                        let name = &rule.alert;
                        let what = format!(
                            "{name:?} with the same labels is there already: their alerts cannot be told apart where labels meet"
                        );
                        report.warn(rule.line, what);
                    }
                    seen.push((&rule.alert, labels));
                }
                FileRule::Recording(rule) => {
                    report.recording += 1;
                    expression(&rule.expr, rule.expr_line, &mut report);
                    let labels = format!("{:?}", rule.labels);
                    if recorded.contains(&(&rule.record, labels.clone())) {
                        let name = &rule.record;
                        let what = format!(
                            "{name:?} with the same labels is recorded already: of two values the first counts"
                        );
                        report.warn(rule.line, what);
                    }
                    recorded.push((&rule.record, labels));
                }
            }
        }
    }
    let usable = report.is_ok();
    (usable.then_some(rules), report)
}

fn expression(text: &str, line: u32, report: &mut CheckReport) {
    if let Err(error) = Expr::parse(text) {
        report.error(line, error.to_string());
    }
}

fn alerting(rule: &AlertingRule, report: &mut CheckReport) {
    expression(&rule.expr, rule.expr_line, report);
    if let Some((clear, line)) = &rule.extras.clear {
        expression(clear, *line, report);
    }
    let nothing = Labels::default();
    let values = Values { labels: &nothing, value: 1.0 };
    for (name, text) in rule.labels.iter().chain(&rule.annotations) {
        // A template that fails is shown as it was written: no reason to refuse the file.
        let template = Template::new(text.as_str());
        if let Err(why) = template.try_render(&values) {
            report.warn(rule.line, format!("{name} will be shown as it is written: {why}"));
        }
    }
}
