//! Unit tests of rules, run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use perf_monitor_history::show_duration;

use super::series::MadeUp;
use super::simulation::{Simulation, nobody};
use super::test_file::{
    AlertTest, Case, Expected, ExprTest, NotificationTest, ReceiverSpec, TestFile,
};
use crate::book::Rule;
use crate::error::{Error, ErrorKind};
use crate::expression::Expr;
use crate::labels::Labels;
use crate::machine::{Phase, millis};
use crate::manager::of_file;
use crate::notification::{Notification, Status};
use crate::route::Route;
use crate::rules::{read_and_check, read_bounded};
use crate::severity::AlertSeverity;

/// Bytes of a test file, at most.
const LONGEST: usize = 4 * 1024 * 1024;

/// Looks of one test, at most: a year of minutes.
const MOST_LOOKS: i64 = 600_000;

/// What came of a file of tests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestReport {
    /// The file.
    pub file: String,
    /// Its tests, in order.
    pub cases: Vec<CaseReport>,
}

/// What came of one test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaseReport {
    /// Its name, or its number.
    pub name: String,
    /// The line where it begins, from 1.
    pub line: u32,
    /// Expectations that were looked at.
    pub checked: usize,
    /// What is not as it should be.
    pub mismatches: Vec<Mismatch>,
}

/// Something that is not as a test expects it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The line of the expectation, from 1.
    pub line: u32,
    /// What it is about, such as `alert HighCpu at 3m`.
    pub what: String,
    /// What was expected, a line each.
    pub expected: Vec<String>,
    /// What there was, a line each.
    pub got: Vec<String>,
}

impl TestReport {
    /// Whether everything is as expected.
    pub fn is_ok(&self) -> bool {
        self.cases.iter().all(|case| case.mismatches.is_empty())
    }
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            for Mismatch { line, what, expected, got } in &case.mismatches {
                writeln!(f, "{}:{line}: {}: {what}", self.file, case.name)?;
                let none = || vec!["nothing".to_owned()];
                for (title, lines) in [("expected", expected), ("got", got)] {
                    let lines = if lines.is_empty() { &none() } else { lines };
                    lines.iter().try_for_each(|line| writeln!(f, "  {title} {line}"))?;
                }
            }
        }
        let (cases, checked) =
            (self.cases.len(), self.cases.iter().map(|c| c.checked).sum::<usize>());
        let state = if self.is_ok() { "ok" } else { "failed" };
        write!(f, "{}: {state}, {cases} tests, {checked} expectations", self.file)
    }
}

/// Runs a file of unit tests in the form of `promtool test rules`: `rule_files`, `evaluation_interval`,
/// `tests` with `input_series`, `alert_rule_test` and `promql_expr_test`.
///
/// Beyond that form, a test may expect notifications:
///
/// ```yaml
/// receivers:                # without any there is `default`, which is told everything at once
///   - { name: team, group_by: [alertname], group_wait: 30s, severity: warning }
/// notification_test:
///   - eval_time: 10m        # all notifications until then
///     exp_notifications:
///       - { at: 3m, receiver: team, status: firing, alerts: [HighCpu] }
///       - { at: 7m, receiver: team, status: resolved, alerts: [HighCpu] }
/// ```
///
/// # Errors
/// [`is_rules`](Error::is_rules): the file or a rule file of it cannot be read or is not as it should
/// be; the text has file and line.
pub fn test_rules(path: &Path) -> Result<TestReport, Error> {
    let name = path.display().to_string();
    let wrong =
        |line: u32, what: &str| Error::new(ErrorKind::Rules, format!("{name}:{line}: {what}"));
    let text = read(path)?;
    let file = TestFile::read(&text).map_err(|w| wrong(w.line, &w.what))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut sources = Vec::new();
    for pattern in &file.rule_files {
        for path in matching(&directory.join(pattern))? {
            let name = path.display().to_string();
            let (rules, report) = read_and_check(&name, &read(&path)?);
            let rules = rules.ok_or_else(|| Error::new(ErrorKind::Rules, report.to_string()))?;
            sources.push((name, rules));
        }
    }
    let mut report = TestReport { file: name.clone(), cases: Vec::new() };
    for (number, case) in file.tests.iter().enumerate() {
        let rules = sources.iter().flat_map(|(name, file)| of_file(name, file.clone()));
        let mut rules: Vec<Rule> = rules.collect();
        let place = |rule: &Rule| {
            let group = rule.origin.as_ref().map(|origin| &*origin.group);
            file.group_order.iter().position(|name| Some(name.as_str()) == group)
        };
        rules.sort_by_key(|rule| place(rule).unwrap_or(usize::MAX));
        let ran = run(case, number, rules, file.evaluation_interval);
        report.cases.push(ran.map_err(|what| wrong(case.line, &what))?);
    }
    Ok(report)
}

fn read(path: &Path) -> Result<String, Error> {
    read_bounded(path, LONGEST).map_err(|cause| {
        Error::new(ErrorKind::Rules, format!("{}: {cause}", path.display())).because(cause)
    })
}

/// Files by a path whose last part may have one star, as promtool takes them.
fn matching(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((before, after)) = name.split_once('*') else { return Ok(vec![path.to_owned()]) };
    let directory = path.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(directory).map_err(|cause| {
        Error::new(ErrorKind::Rules, format!("{}: {cause}", directory.display())).because(cause)
    })?;
    let fits = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.len() >= before.len() + after.len()
            && name.starts_with(before)
            && name.ends_with(after)
    };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(fits).collect();
    found.sort();
    Ok(found)
}

fn run(
    case: &Case,
    number: usize,
    rules: Vec<Rule>,
    evaluation_interval: Duration,
) -> Result<CaseReport, String> {
    let interval = millis(case.interval.unwrap_or(evaluation_interval));
    let storage = MadeUp::default();
    for (labels, points) in &case.series {
        storage.add(labels.clone(), points, interval);
    }
    let name = match case.name.is_empty() {
        true => format!("test {}", number + 1),
        false => case.name.clone(),
    };
    let mut report = CaseReport { name, line: case.line, ..CaseReport::default() };

    let every = millis(evaluation_interval);
    let ends = case.alerts.iter().map(|t| t.at).chain(case.notifications.iter().map(|t| t.at));
    let ends = ends.chain(case.exprs.iter().map(|t| t.at));
    let last = millis(ends.max().unwrap_or_default());
    if last / every > MOST_LOOKS {
        return Err(format!("more than {MOST_LOOKS} looks: take a longer interval"));
    }
    let routes = routes(&case.receivers);
    let mut simulation = Simulation::new(rules, routes, &storage);
    // An expression may look at them as well as a rule.
    simulation.book.shows_alerts |= case.exprs.iter().any(|test| test.expr.contains("ALERTS"));
    let mut sent: Vec<(i64, Expected)> = Vec::new();
    let has_rules = !simulation.book.rules.is_empty();
    let mut now = 0;
    while has_rules && now <= last {
        let (_, notifications) = simulation.look(now);
        sent.extend(notifications.iter().map(|n| (now, as_expected(n, now))));
        let until = now + every;
        let due = case.alerts.iter().filter(|t| (now..until).contains(&millis(t.at)));
        due.for_each(|test| report.take(alerts(test, &simulation)));
        now = until;
    }
    case.notifications.iter().for_each(|test| report.take(notifications(test, &sent)));
    case.exprs.iter().for_each(|test| report.take(expression(test, &storage)));
    Ok(report)
}

impl CaseReport {
    fn take(&mut self, mismatch: Option<Mismatch>) {
        self.checked += 1;
        self.mismatches.extend(mismatch);
    }
}

fn routes(specs: &[ReceiverSpec]) -> Vec<Route> {
    if specs.is_empty() {
        return vec![nobody("default")];
    }
    let route = |spec: &ReceiverSpec| {
        let mut route = nobody(&spec.name).group_wait(spec.wait).group_interval(spec.interval);
        if let Some(by) = &spec.group_by {
            route = route.group_by(&by.iter().map(String::as_str).collect::<Vec<_>>());
        }
        if let Some(repeat) = spec.repeat {
            route = route.repeat(repeat);
        }
        if let Some(severity) = &spec.severity {
            route = route.at_least(AlertSeverity::of_label(severity));
        }
        route
    };
    specs.iter().map(route).collect()
}

fn as_expected(notification: &Notification, now_ms: i64) -> Expected {
    let is_resolved = notification.status == Status::Resolved;
    let mut alerts: Vec<String> =
        notification.alerts.iter().map(|alert| alert.name().to_owned()).collect();
    alerts.sort();
    Expected {
        at: Duration::from_millis(now_ms.unsigned_abs()),
        receiver: notification.receiver.to_string(),
        status: if is_resolved { "resolved" } else { "firing" }.into(),
        alerts,
    }
}

fn notifications(test: &NotificationTest, sent: &[(i64, Expected)]) -> Option<Mismatch> {
    let until = millis(test.at);
    let sent = sent.iter().filter(|(at, _)| *at <= until).map(|(_, sent)| sent);
    let mut expected: Vec<String> = test.expected.iter().map(show_notification).collect();
    let mut got: Vec<String> = sent.map(show_notification).collect();
    // Those of one moment come in no order that anybody should rely on.
    expected.sort();
    got.sort();
    let what = format!("notifications until {}", show_duration(test.at));
    (expected != got).then_some(Mismatch { line: test.line, what, expected, got })
}

fn show_notification(expected: &Expected) -> String {
    let Expected { at, receiver, status, alerts } = expected;
    format!("at {} to {receiver}: {status} {}", show_duration(*at), alerts.join(", "))
}

fn alerts(test: &AlertTest, simulation: &Simulation<'_>) -> Option<Mismatch> {
    let rules = simulation.book.rules.iter().filter(|rule| rule.name() == test.name);
    let firing = rules.flat_map(|rule| {
        let alerts = rule.state.alerts.iter();
        let firing = alerts.filter(|t| t.state.phase() == Phase::Firing);
        firing.map(|tracked| {
            let value = tracked.value.unwrap_or(1.0);
            show_alert(&tracked.labels, &rule.annotations_of(&rule.series_of(tracked), value))
        })
    });
    let mut got: Vec<String> = firing.collect();
    let named = |labels: &Labels| labels.with([("alertname", test.name.as_str())]);
    let expected = test.expected.iter().map(|(labels, texts)| show_alert(&named(labels), texts));
    let mut expected: Vec<String> = expected.collect();
    expected.sort();
    got.sort();
    if expected == got {
        return None;
    }
    got.extend(simulation.troubles());
    let what = format!("alert {} at {}", test.name, show_duration(test.at));
    Some(Mismatch { line: test.line, what, expected, got })
}

fn show_alert(labels: &Labels, annotations: &Labels) -> String {
    format!("{labels} {annotations}")
}

fn expression(test: &ExprTest, storage: &MadeUp) -> Option<Mismatch> {
    let what = format!("{} at {}", test.expr.trim(), show_duration(test.at));
    let show = |labels: &str, value: f64| format!("{labels} {}", crate::template::shortest(value));
    let expected = test.expected.iter().map(|(labels, value)| (labels.to_string(), *value));
    let mut expected: Vec<(String, f64)> = expected.collect();
    let got =
        Expr::parse(&test.expr).and_then(|expr| expr.evaluate_with_names(storage, millis(test.at)));
    let shown = |all: &[(String, f64)]| all.iter().map(|(l, v)| show(l, *v)).collect();
    let mut got: Vec<(String, f64)> = match got {
        Ok(got) => got.iter().map(|sample| (sample.labels.to_string(), sample.value)).collect(),
        Err(error) => {
            let (expected, got) = (shown(&expected), vec![error.to_string()]);
            return Some(Mismatch { line: test.line, what, expected, got });
        }
    };
    let by_labels = |a: &(String, f64), b: &(String, f64)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
    expected.sort_by(by_labels);
    got.sort_by(by_labels);
    let same = expected.len() == got.len()
        && expected.iter().zip(&got).all(|(a, b)| a.0 == b.0 && is_close(a.1, b.1));
    let mismatch =
        || Mismatch { line: test.line, what, expected: shown(&expected), got: shown(&got) };
    (!same).then(mismatch)
}

/// As promtool compares: a few of the last bits may be others.
fn is_close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).min(1.0)
}
