//! What a file of unit tests says: promtool's form, and expected notifications.

use std::time::Duration;

use perf_monitor_history::{Labels as Stored, parse_duration};

use super::notation::{self, Point};
use crate::labels::Labels;
use crate::rules::{Node, Wrong};

#[derive(Debug)]
pub(super) struct TestFile {
    pub(super) rule_files: Vec<String>,
    pub(super) evaluation_interval: Duration,
    /// Groups that are looked at before all others, in this order.
    pub(super) group_order: Vec<String>,
    pub(super) tests: Vec<Case>,
}

#[derive(Debug, Default)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) line: u32,
    pub(super) interval: Option<Duration>,
    pub(super) series: Vec<(Stored, Vec<Point>)>,
    pub(super) alerts: Vec<AlertTest>,
    pub(super) exprs: Vec<ExprTest>,
    pub(super) receivers: Vec<ReceiverSpec>,
    pub(super) notifications: Vec<NotificationTest>,
}

#[derive(Debug, Default)]
pub(super) struct AlertTest {
    pub(super) line: u32,
    pub(super) at: Duration,
    pub(super) name: String,
    pub(super) expected: Vec<(Labels, Labels)>,
}

#[derive(Debug, Default)]
pub(super) struct ExprTest {
    pub(super) line: u32,
    pub(super) at: Duration,
    pub(super) expr: String,
    pub(super) expected: Vec<(Stored, f64)>,
}

/// A receiver of a test; without any there is one, `default`, which is told of everything at once.
#[derive(Debug, Default)]
pub(super) struct ReceiverSpec {
    pub(super) name: String,
    pub(super) group_by: Option<Vec<String>>,
    pub(super) wait: Duration,
    pub(super) interval: Duration,
    pub(super) repeat: Option<Duration>,
    pub(super) severity: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct NotificationTest {
    pub(super) line: u32,
    pub(super) at: Duration,
    pub(super) expected: Vec<Expected>,
}

/// One notification, as `at 3m to default: firing HighCpu`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) at: Duration,
    pub(super) receiver: String,
    pub(super) status: String,
    pub(super) alerts: Vec<String>,
}

impl TestFile {
    pub(super) fn read(text: &str) -> Result<TestFile, Wrong> {
        let mut file = TestFile {
            rule_files: Vec::new(),
            evaluation_interval: Duration::from_secs(60),
            group_order: Vec::new(),
            tests: Vec::new(),
        };
        let Some(root) = Node::parse(text)? else { return Ok(file) };
        for (name, key, value) in root.mapping()? {
            match name {
                "rule_files" => file.rule_files = texts(value)?,
                "evaluation_interval" => file.evaluation_interval = positive(value)?,
                "tests" => file.tests = each(value, case)?,
                "group_eval_order" => file.group_order = texts(value)?,
                "fuzzy_compare" => {}
                other => return Err(unknown(key, other)),
            }
        }
        Ok(file)
    }
}

fn unknown(key: &Node, name: &str) -> Wrong {
    key.wrong(format!("{name:?} is not known here"))
}

fn each<T>(node: &Node, read: fn(&Node) -> Result<T, Wrong>) -> Result<Vec<T>, Wrong> {
    node.sequence()?.iter().map(read).collect()
}

fn texts(node: &Node) -> Result<Vec<String>, Wrong> {
    each(node, |node| node.text().map(str::to_owned))
}

fn duration(node: &Node) -> Result<Duration, Wrong> {
    parse_duration(node.text()?).map_err(|what| node.wrong(what))
}

fn positive(node: &Node) -> Result<Duration, Wrong> {
    let time = duration(node)?;
    if time.is_zero() { Err(node.wrong("this must not be 0")) } else { Ok(time) }
}

fn case(node: &Node) -> Result<Case, Wrong> {
    let mut case = Case { line: node.line, ..Case::default() };
    for (name, key, value) in node.mapping()? {
        match name {
            "name" => case.name = value.text()?.to_owned(),
            "interval" => case.interval = Some(positive(value)?),
            "input_series" => case.series = each(value, series)?,
            "alert_rule_test" => case.alerts = each(value, alert_test)?,
            "promql_expr_test" => case.exprs = each(value, expr_test)?,
            "receivers" => case.receivers = each(value, receiver)?,
            "notification_test" => case.notifications = each(value, notification_test)?,
            "external_labels" | "external_url" => {}
            other => return Err(unknown(key, other)),
        }
    }
    Ok(case)
}

fn series(node: &Node) -> Result<(Stored, Vec<Point>), Wrong> {
    let (mut labels, mut points) = (Stored::none(), Vec::new());
    for (name, key, value) in node.mapping()? {
        let wrong = |what| value.wrong(what);
        match name {
            "series" => labels = notation::labels(value.text()?).map_err(wrong)?,
            "values" => points = notation::values(value.text()?).map_err(wrong)?,
            other => return Err(unknown(key, other)),
        }
    }
    Ok((labels, points))
}

fn alert_test(node: &Node) -> Result<AlertTest, Wrong> {
    let mut test = AlertTest { line: node.line, ..AlertTest::default() };
    for (name, key, value) in node.mapping()? {
        match name {
            "eval_time" => test.at = duration(value)?,
            "alertname" => test.name = value.text()?.to_owned(),
            "exp_alerts" => test.expected = each(value, alert)?,
            other => return Err(unknown(key, other)),
        }
    }
    Ok(test)
}

fn alert(node: &Node) -> Result<(Labels, Labels), Wrong> {
    let mut alert = (Labels::default(), Labels::default());
    for (name, key, value) in node.mapping()? {
        match name {
            "exp_labels" => alert.0 = pairs(value)?,
            // Those that say what Prometheus has no words for are no texts for people.
            "exp_annotations" => {
                alert.1 = pairs(value)?.filtered(|name| !name.starts_with("perf_monitor_"));
            }
            other => return Err(unknown(key, other)),
        }
    }
    Ok(alert)
}

fn pairs(node: &Node) -> Result<Labels, Wrong> {
    let mut pairs = Vec::new();
    for (name, _, value) in node.mapping()? {
        pairs.push((name.to_owned(), value.text()?.to_owned()));
    }
    Ok(Labels::new(pairs))
}

fn expr_test(node: &Node) -> Result<ExprTest, Wrong> {
    let mut test = ExprTest { line: node.line, ..ExprTest::default() };
    for (name, key, value) in node.mapping()? {
        match name {
            "eval_time" => test.at = duration(value)?,
            "expr" => test.expr = value.text()?.to_owned(),
            "exp_samples" => test.expected = each(value, sample)?,
            other => return Err(unknown(key, other)),
        }
    }
    Ok(test)
}

fn sample(node: &Node) -> Result<(Stored, f64), Wrong> {
    let mut sample = (Stored::none(), 0.0);
    for (name, key, value) in node.mapping()? {
        match name {
            "labels" if value.text()?.is_empty() => {}
            "labels" => {
                sample.0 = notation::labels(value.text()?).map_err(|what| value.wrong(what))?;
            }
            "value" => sample.1 = value.number()?,
            other => return Err(unknown(key, other)),
        }
    }
    Ok(sample)
}

fn receiver(node: &Node) -> Result<ReceiverSpec, Wrong> {
    let mut receiver = ReceiverSpec::default();
    for (name, key, value) in node.mapping()? {
        match name {
            "name" => receiver.name = value.text()?.to_owned(),
            "group_by" => receiver.group_by = Some(texts(value)?),
            "group_wait" => receiver.wait = duration(value)?,
            "group_interval" => receiver.interval = duration(value)?,
            "repeat_interval" => receiver.repeat = Some(positive(value)?),
            "severity" => receiver.severity = Some(value.text()?.to_owned()),
            other => return Err(unknown(key, other)),
        }
    }
    Ok(receiver)
}

fn notification_test(node: &Node) -> Result<NotificationTest, Wrong> {
    let mut test = NotificationTest { line: node.line, ..NotificationTest::default() };
    for (name, key, value) in node.mapping()? {
        match name {
            "eval_time" => test.at = duration(value)?,
            "exp_notifications" => test.expected = each(value, expected)?,
            other => return Err(unknown(key, other)),
        }
    }
    Ok(test)
}

fn expected(node: &Node) -> Result<Expected, Wrong> {
    let mut expected = Expected { receiver: "default".into(), ..Expected::default() };
    for (name, key, value) in node.mapping()? {
        match name {
            "at" => expected.at = duration(value)?,
            "receiver" => expected.receiver = value.text()?.to_owned(),
            "status" => match value.text()? {
                status @ ("firing" | "resolved") => expected.status = status.to_owned(),
                _ => return Err(value.wrong("a status is firing or resolved")),
            },
            "alerts" => expected.alerts = texts(value)?,
            other => return Err(unknown(key, other)),
        }
    }
    expected.alerts.sort();
    Ok(expected)
}
