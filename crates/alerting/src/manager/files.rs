//! Rule files in force, and read again when they change.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Inner;
use crate::book::{Kind, Origin, Record, Rule, RuleState, Texts};
use crate::expression::Expr;
use crate::machine::{Flapping, Timing, millis};
use crate::rules::{AlertingRule, CheckReport, FileRule, RuleFile, Watched};

/// How one rule file fares.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileStatus {
    /// Its path, or the name of the rules that come with the program.
    pub file: String,
    /// Rules of it that are in force.
    pub rules: usize,
    /// What is wrong with it; the rules of before stay in force.
    pub errors: Vec<String>,
    /// What works otherwise than one may think.
    pub warnings: Vec<String>,
    /// When the rules in force were read, in milliseconds since the Unix epoch.
    pub loaded_unix_ms: Option<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Files {
    files: Vec<(Watched, FileStatus)>,
    fixed: Vec<FileStatus>,
    /// How often a file was found to be wrong that was not before, or was wrong otherwise.
    pub(super) failures: u64,
}

/// A file that changed: what it holds, if it can be used.
struct Changed {
    at: usize,
    rules: Option<RuleFile>,
    report: CheckReport,
}

impl Files {
    pub(super) fn new(paths: Vec<PathBuf>) -> Files {
        let files = paths.into_iter().map(|path| {
            let file = path.display().to_string();
            (Watched::new(path), FileStatus { file, ..FileStatus::default() })
        });
        Files { files: files.collect(), ..Files::default() }
    }

    pub(super) fn add_fixed(&mut self, status: FileStatus) {
        self.fixed.push(status);
    }

    pub(super) fn has_fixed(&self, name: &str) -> bool {
        self.fixed.iter().any(|status| status.file == name)
    }

    pub(super) fn replace_fixed(&mut self, status: FileStatus) {
        self.fixed.retain(|other| other.file != status.file);
        self.fixed.push(status);
    }

    pub(super) fn statuses(&self) -> Vec<FileStatus> {
        let files = self.files.iter().map(|(_, status)| status);
        self.fixed.iter().chain(files).cloned().collect()
    }

    /// Whether each file has been good once: not before is it known which rules are gone.
    pub(super) fn are_all_loaded(&self) -> bool {
        self.files.iter().all(|(_, status)| status.loaded_unix_ms.is_some())
    }

    fn changed(&mut self, most: usize) -> Vec<Changed> {
        let mut changed = Vec::new();
        for (at, (watched, status)) in self.files.iter_mut().enumerate() {
            match watched.changed(most) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    let (rules, report) = crate::rules::read_and_check(&status.file, &text);
                    changed.push(Changed { at, rules, report });
                }
                // It may be on its way: an editor that replaces a file takes it away for a moment.
                Err(cause) => {
                    let errors = vec![format!("{}: {cause}", status.file)];
                    self.failures += u64::from(status.errors != errors);
                    status.errors = errors;
                }
            }
        }
        changed
    }
}

impl Inner {
    pub(super) async fn reload(self: &Arc<Self>) -> Vec<Record> {
        if self.files.lock().files.is_empty() {
            return Vec::new();
        }
        let inner = self.clone();
        tokio::task::spawn_blocking(move || inner.reload_blocking()).await.unwrap_or_default()
    }

    /// Puts the rules of files that changed in force; alerts of rules that are gone resolve.
    pub(super) fn reload_blocking(&self) -> Vec<Record> {
        let most = self.book.lock().limits.rule_file_bytes;
        // Only checks take it, one at a time, but for short looks at the statuses.
        let mut files = std::mem::take(&mut *self.files.lock());
        let mut records = Vec::new();
        for Changed { at, rules, report } in files.changed(most) {
            let status = &mut files.files[at].1;
            let line =
                |p: &crate::rules::Problem| format!("{}:{}: {}", report.file, p.line, p.what);
            status.errors = report.errors.iter().map(line).collect();
            status.warnings = report.warnings.iter().map(line).collect();
            if let Some(rules) = rules {
                records.extend(self.put_in_force(rules, status));
            }
            let is_wrong = !status.errors.is_empty();
            files.failures += u64::from(is_wrong);
        }
        *self.files.lock() = files;
        records
    }

    /// Puts the rules of one file in the place of those that it had.
    pub(super) fn put_in_force(&self, file: RuleFile, status: &mut FileStatus) -> Vec<Record> {
        let rules = of_file(&status.file, file);
        let unix_ms = self.unix_ms();
        let mut book = self.book.lock();
        let (records, errors) = book.replace_rules_of(&status.file, rules);
        records.iter().for_each(|record| book.apply(record));
        let own = |rule: &&Rule| rule.origin.as_ref().is_some_and(|o| *o.file == *status.file);
        status.rules = book.rules.iter().filter(own).count();
        status.errors.extend(errors.iter().map(ToString::to_string));
        status.loaded_unix_ms = Some(unix_ms);
        records
    }
}

/// The rules of a file that was checked.
pub(crate) fn of_file(name: &str, file: RuleFile) -> Vec<Rule> {
    let name: Arc<str> = name.into();
    let mut ids: HashMap<String, usize> = HashMap::new();
    let mut rules: Vec<Rule> = Vec::new();
    for group in file.groups {
        let interval_ms = group.interval.map_or(0, millis);
        let origin = Origin { file: name.clone(), group: group.name.as_str().into(), interval_ms };
        let origin = Arc::new(origin);
        for rule in group.rules {
            let FileRule::Alerting(rule) = rule else { continue };
            let mut id = id_of(&group.name, &rule);
            let same = ids.entry(id.clone()).or_default();
            *same += 1;
            if *same > 1 {
                id = format!("{id}#{same}");
            }
            // What the rule before it has will mostly do for it too.
            let timing = timing_of(&rule);
            let known = rules.last().map(|rule| &rule.timing).filter(|known| ***known == timing);
            let timing = known.cloned().unwrap_or_else(|| timing.into());
            rules.extend(of_alerting(id, rule, timing, origin.clone()));
        }
    }
    rules
}

/// What a rule is known by: its group, its name and its labels, as they were written. A rule of which
/// the expression or a time is changed is the same; one of which a label is changed is another.
fn id_of(group: &str, rule: &AlertingRule) -> String {
    let mut labels: Vec<String> = rule.labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
    labels.sort();
    match labels.is_empty() {
        true => format!("{group}/{}", rule.alert),
        false => format!("{group}/{}{{{}}}", rule.alert, labels.join(",")),
    }
}

fn timing_of(rule: &AlertingRule) -> Timing {
    Timing {
        hold: rule.hold,
        keep_firing: rule.keep_firing,
        cooldown: rule.extras.cooldown,
        flapping: rule.extras.flapping.unwrap_or(Some(Flapping::default())),
        no_data: rule.extras.no_data,
    }
}

fn of_alerting(
    id: String,
    rule: AlertingRule,
    timing: Arc<Timing>,
    origin: Arc<Origin>,
) -> Option<Rule> {
    let clear = rule.extras.clear.as_ref().map(|(text, _)| Expr::parse(text).map(Arc::new));
    Some(Rule {
        // As `id_of` puts it there.
        name: (origin.group.len() + 1) as u32..(origin.group.len() + 1 + rule.alert.len()) as u32,
        id: id.into(),
        line: rule.line,
        timing,
        kind: Kind::Expression {
            // Both were parsed when the file was checked.
            expr: Arc::new(Expr::parse(&rule.expr).ok()?),
            clear: clear.transpose().ok()?,
        },
        labels: Texts::new(rule.labels),
        annotations: Texts::new(rule.annotations),
        captures_cpu: rule.extras.captures_cpu,
        origin: Some(origin),
        state: RuleState::default(),
    })
}
