//! What a rule file says.

use std::time::Duration;

use perf_monitor_history::parse_duration;

use super::annotation::Extras;
use super::yaml::{Node, Wrong};

/// A rule file, read and well-formed; its expressions and templates are looked at by
/// [`check_rules`](super::check_rules).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFile {
    /// Its groups, in order.
    pub groups: Vec<RuleGroup>,
}

/// Rules that are looked at together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleGroup {
    /// Its name, which no other group of the file has.
    pub name: String,
    /// How often it is looked at; `None` for each tick.
    pub interval: Option<Duration>,
    /// The most series that the expression of one of its rules may give, else the rule fails; 0 for no limit
    /// of its own.
    pub limit: usize,
    /// Whether it says `query_offset`, which nothing needs where rules are looked at beside the series.
    pub has_offset: bool,
    /// Its rules, in order.
    pub rules: Vec<FileRule>,
    /// Its line in the file, from 1.
    pub line: u32,
}

/// A rule of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum FileRule {
    /// One that makes alerts.
    Alerting(AlertingRule),
    /// One that makes series.
    Recording(RecordingRule),
}

/// A rule that makes alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertingRule {
    /// The alerts' name.
    pub alert: String,
    /// Its expression.
    pub expr: String,
    /// `for`.
    pub hold: Duration,
    /// `keep_firing_for`.
    pub keep_firing: Duration,
    /// Labels, which may be templates.
    pub labels: Vec<(String, String)>,
    /// Annotations, which may be templates; those that begin with `perf_monitor_` are taken out.
    pub annotations: Vec<(String, String)>,
    /// What those say.
    pub extras: Extras,
    /// Its line in the file, from 1.
    pub line: u32,
    /// The line of its expression.
    pub expr_line: u32,
}

/// A rule that makes series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordingRule {
    /// The series' name.
    pub record: String,
    /// Its expression.
    pub expr: String,
    /// Labels that are put onto the series, as they are written; an empty one takes a label away.
    pub labels: Vec<(String, String)>,
    /// Its line in the file, from 1.
    pub line: u32,
    /// The line of its expression.
    pub expr_line: u32,
}

impl RuleFile {
    /// Reads what `text` says, up to the first thing that is wrong.
    pub(crate) fn read(text: &str) -> Result<RuleFile, Wrong> {
        let Some(root) = Node::parse(text)? else { return Ok(RuleFile::default()) };
        let mut file = RuleFile::default();
        for (name, key, value) in root.mapping()? {
            match name {
                "groups" => {
                    for node in value.sequence()? {
                        let group = group(node)?;
                        if file.groups.iter().any(|other| other.name == group.name) {
                            let name = &group.name;
                            return Err(node.wrong(format!("a second group {name:?}: rename it")));
                        }
                        file.groups.push(group);
                    }
                }
                other => return Err(unknown(key, other, "groups")),
            }
        }
        Ok(file)
    }
}

impl FileRule {
    /// Those of the group, where the rule says nothing itself.
    fn take_labels(&mut self, shared: &[(String, String)]) {
        let own = match self {
            FileRule::Alerting(rule) => &mut rule.labels,
            FileRule::Recording(rule) => &mut rule.labels,
        };
        let new = shared.iter().filter(|(name, _)| own.iter().all(|(other, _)| other != name));
        let new: Vec<_> = new.cloned().collect();
        own.extend(new);
    }
}

fn unknown(key: &Node, name: &str, known: &str) -> Wrong {
    key.wrong(format!("{name:?} is not known here: there is {known}"))
}

fn group(node: &Node) -> Result<RuleGroup, Wrong> {
    let mut group = RuleGroup { line: node.line, ..RuleGroup::default() };
    let mut shared = Vec::new();
    for (name, key, value) in node.mapping()? {
        match name {
            "name" => group.name = value.text()?.to_owned(),
            "interval" => group.interval = Some(duration(value)?).filter(|d| !d.is_zero()),
            "query_offset" => group.has_offset = !duration(value)?.is_zero(),
            "limit" => group.limit = value.number()?.max(0.0) as usize,
            "rules" => {
                let rules = value.sequence()?.iter().map(rule);
                group.rules = rules.collect::<Result<_, _>>()?;
            }
            "labels" => shared = texts(value, is_label_name, "label")?.0,
            "partial_response_strategy" => {}
            other => {
                let known = "name, interval, limit, query_offset, labels and rules";
                return Err(unknown(key, other, known));
            }
        }
    }
    group.rules.iter_mut().for_each(|rule| rule.take_labels(&shared));
    if group.name.is_empty() {
        return Err(node.wrong("a group without a name: give it one"));
    }
    Ok(group)
}

fn duration(node: &Node) -> Result<Duration, Wrong> {
    let text = node.text()?;
    if text.is_empty() {
        return Ok(Duration::ZERO);
    }
    parse_duration(text).map_err(|what| node.wrong(what))
}

#[derive(Default)]
struct Fields<'a> {
    record: Option<&'a Node>,
    alert: Option<&'a Node>,
    expr: Option<&'a Node>,
    hold: Option<&'a Node>,
    keep: Option<&'a Node>,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    annotation_lines: Vec<u32>,
}

fn rule(node: &Node) -> Result<FileRule, Wrong> {
    let mut fields = Fields::default();
    for (name, key, value) in node.mapping()? {
        match name {
            "record" => fields.record = Some(value),
            "alert" => fields.alert = Some(value),
            "expr" => fields.expr = Some(value),
            "for" => fields.hold = Some(value),
            "keep_firing_for" => fields.keep = Some(value),
            "labels" => fields.labels = texts(value, is_label_name, "label")?.0,
            "annotations" => {
                let read = texts(value, is_label_name, "annotation")?;
                (fields.annotations, fields.annotation_lines) = read;
            }
            other => {
                let known = "alert, record, expr, for, keep_firing_for, labels and annotations";
                return Err(unknown(key, other, known));
            }
        }
    }
    let expr = fields.expr.filter(|expr| expr.text().is_ok_and(|text| !text.trim().is_empty()));
    let expr = expr.ok_or_else(|| node.wrong("a rule without expr: say what it looks at"))?;
    match (fields.record, fields.alert) {
        (Some(_), Some(_)) => Err(node.wrong("a rule with both record and alert: make two")),
        (None, None) => Err(node.wrong("a rule without alert: give it a name")),
        (Some(record), None) => recording(node, &fields, record, expr),
        (None, Some(alert)) => alerting(node, fields, alert, expr),
    }
}

fn recording(
    node: &Node,
    fields: &Fields<'_>,
    record: &Node,
    expr: &Node,
) -> Result<FileRule, Wrong> {
    let name = record.text()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if name.is_empty()
        || !name.chars().all(is_name)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(record.wrong(format!("{name:?} is no name of a metric")));
    }
    let extra = [fields.hold, fields.keep].into_iter().flatten().next();
    if let Some(extra) = extra {
        return Err(extra.wrong("a recording rule has no for and no keep_firing_for"));
    }
    if !fields.annotations.is_empty() {
        return Err(node.wrong("a recording rule has no annotations"));
    }
    Ok(FileRule::Recording(RecordingRule {
        record: name.to_owned(),
        expr: expr.text()?.to_owned(),
        labels: fields.labels.clone(),
        line: node.line,
        expr_line: expr.line,
    }))
}

fn alerting(node: &Node, fields: Fields<'_>, alert: &Node, expr: &Node) -> Result<FileRule, Wrong> {
    let name = alert.text()?;
    if name.trim().is_empty() {
        return Err(alert.wrong("an alert without a name: give it one"));
    }
    if let Some((name, _)) = fields.labels.iter().find(|(name, _)| name == "alertname") {
        return Err(node.wrong(format!("the label {name:?} is the rule's name: take it out")));
    }
    let time = |node: Option<&Node>| node.map_or(Ok(Duration::ZERO), duration);
    let (extras, annotations) = Extras::taken_from(fields.annotations, &fields.annotation_lines)?;
    Ok(FileRule::Alerting(AlertingRule {
        alert: name.to_owned(),
        expr: expr.text()?.to_owned(),
        hold: time(fields.hold)?,
        keep_firing: time(fields.keep)?,
        labels: fields.labels,
        annotations,
        extras,
        line: node.line,
        expr_line: expr.line,
    }))
}

type Texts = (Vec<(String, String)>, Vec<u32>);

fn texts(node: &Node, is_name: fn(&str) -> bool, what: &str) -> Result<Texts, Wrong> {
    let (mut pairs, mut lines) = (Vec::new(), Vec::new());
    for (name, key, value) in node.mapping()? {
        if !is_name(name) || name == "__name__" {
            return Err(key.wrong(format!("{name:?} is no name of a {what}")));
        }
        pairs.push((name.to_owned(), value.text()?.to_owned()));
        lines.push(key.line);
    }
    Ok((pairs, lines))
}

fn is_label_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_part)
}
