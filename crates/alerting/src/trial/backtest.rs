//! A rule over stored series: when would it have fired?

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use perf_monitor_history::{Storage, show_duration};

use super::series::OnTop;
use super::simulation::Simulation;
use crate::book::{ALERT_SERIES, Kind, Record};
use crate::error::{Error, ErrorKind};
use crate::labels::Labels;
use crate::machine::millis;
use crate::manager::of_file;
use crate::rules::read_and_check;
use crate::template::significant;
use crate::time::rfc3339;

/// Looks of one backtest, at most.
const MOST_LOOKS: i64 = 100_000;

/// Firings that are told, at most.
const MOST_FIRINGS: usize = 1_000;

/// What rules would have done. Shown, it is a table for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backtest {
    /// The first moment that was looked at, in milliseconds since the Unix epoch, and the last there might be.
    pub span_unix_ms: (i64, i64),
    /// From one look to the next.
    pub step: Duration,
    /// Firings, the first first; at most 1,000.
    pub firings: Vec<Firing>,
    /// Looks that were made.
    pub looks: u64,
    /// Rules that could not be looked at, and why.
    pub troubles: Vec<String>,
    /// Whether there were more firings than are told.
    pub is_cut: bool,
}

/// One firing.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// The alert's labels, `alertname` among them.
    pub labels: Labels,
    /// When it would have fired, in milliseconds since the Unix epoch.
    pub fired_unix_ms: i64,
    /// When it would have resolved; `None` if not in the time that was looked at.
    pub resolved_unix_ms: Option<i64>,
    /// The value at the look in which it fired.
    pub value: Option<f64>,
    /// The largest value while it fired; `None` where none is a number.
    pub peak: Option<f64>,
    /// The smallest.
    pub least: Option<f64>,
    /// What would have been said.
    pub sentence: String,
}

/// Looks at the rules in `text`, a rule file, at each `step` from one moment to another, by the state
/// machine that alerts go by, with its `for`, its clearing, its cooldown.
///
/// What its recording rules give is there from the first look on, for as long as the backtest goes, beside what
/// `storage` has; of a name that they record, in its place.
///
/// It is as good as what is stored: between points of a coarse tier nothing can be seen, so take a step
/// that is no finer than the tier that reaches back that far.
///
/// # Errors
/// [`is_rules`](Error::is_rules): the file is not as it should be; [`is_options`](Error::is_options): a
/// step of 0, an end before the start, or more than 100,000 looks.
///
/// # Cost
/// That of evaluating each expression at each step.
///
/// ```
/// use perf_monitor_alerting::backtest;
/// use perf_monitor_history::{Labels, MemoryHistory, Options};
/// use std::time::Duration;
///
/// let history = MemoryHistory::new(Options::default())?;
/// let depth = Labels::new([("__name__", "queue_depth")]);
/// for second in 0..60 {
///     let value = if (20..40).contains(&second) { 9.0 } else { 1.0 };
///     history.record_values(second * 1_000, [(&depth, value)]);
/// }
/// let rules = "groups: [{name: g, rules: [{alert: Full, expr: queue_depth > 5, for: 10s}]}]";
/// let found = backtest(rules, &history, 0, 59_000, Duration::from_secs(1))?;
/// assert_eq!(found.firings[0].fired_unix_ms, 30_000);
/// assert_eq!(found.firings[0].resolved_unix_ms, Some(40_000));
/// assert_eq!(found.firings[0].peak, Some(9.0));
/// println!("{found}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn backtest(
    text: &str,
    storage: &dyn Storage,
    from_unix_ms: i64,
    until_unix_ms: i64,
    step: Duration,
) -> Result<Backtest, Error> {
    let step_ms = millis(step);
    if step_ms < 1 || until_unix_ms < from_unix_ms {
        return Err(Error::options(
            "a backtest has a step of 1 ms or more and an end after its start",
        ));
    }
    if (until_unix_ms - from_unix_ms) / step_ms > MOST_LOOKS {
        let message = format!("a backtest of more than {MOST_LOOKS} looks: take a longer step");
        return Err(Error::options(message));
    }
    let (rules, report) = read_and_check("rules", text);
    let rules = rules.ok_or_else(|| Error::new(ErrorKind::Rules, report.to_string()))?;
    let rules = of_file("rules", rules);
    let recording = rules.iter().filter(|rule| matches!(rule.kind, Kind::Recording(_)));
    let mut names: HashSet<String> = recording.map(|rule| rule.name().to_owned()).collect();
    names.extend(ALERT_SERIES.map(str::to_owned));
    let storage = OnTop::of(storage, names);
    let mut simulation = Simulation::new(rules, Vec::new(), &storage);
    let span_unix_ms = (from_unix_ms, until_unix_ms);
    let mut found = Backtest { span_unix_ms, step, ..Backtest::default() };
    let mut now = from_unix_ms;
    while now <= until_unix_ms {
        let (records, _) = simulation.look(now);
        records.into_iter().for_each(|record| found.take(record));
        found.take_values(&simulation);
        found.looks += 1;
        for trouble in simulation.troubles() {
            if !found.troubles.contains(&trouble) && found.troubles.len() < 100 {
                found.troubles.push(trouble);
            }
        }
        now += step_ms;
    }
    Ok(found)
}

impl Backtest {
    fn take(&mut self, record: Record) {
        match record {
            Record::Fired { .. } if self.firings.len() == MOST_FIRINGS => self.is_cut = true,
            Record::Fired { notice, .. } => self.firings.push(Firing {
                labels: notice.labels.clone(),
                fired_unix_ms: notice.starts_unix_ms,
                resolved_unix_ms: None,
                value: notice.value,
                peak: None,
                least: None,
                sentence: notice.sentence(),
            }),
            Record::Resolved { labels, unix_ms, .. } => {
                let open = |f: &&mut Firing| f.labels == labels && f.resolved_unix_ms.is_none();
                if let Some(firing) = self.firings.iter_mut().rev().find(open) {
                    firing.resolved_unix_ms = Some(unix_ms);
                }
            }
            _ => {}
        }
    }

    /// The values of now of what fires.
    fn take_values(&mut self, simulation: &Simulation<'_>) {
        for firing in self.firings.iter_mut().filter(|f| f.resolved_unix_ms.is_none()) {
            let value = simulation.value_of(&firing.labels).filter(|value| !value.is_nan());
            let Some(value) = value else { continue };
            firing.peak = Some(firing.peak.map_or(value, |peak| peak.max(value)));
            firing.least = Some(firing.least.map_or(value, |least| least.min(value)));
        }
    }
}

impl Firing {
    /// How long it fired; `None` if it still did at the end.
    pub fn lasted(&self) -> Option<Duration> {
        let ms = self.resolved_unix_ms? - self.fired_unix_ms;
        Some(Duration::from_millis(ms.max(0).unsigned_abs()))
    }
}

/// How wide the columns of the table are: moments, durations, numbers.
const COLUMNS: [usize; 4] = [20, 20, 9, 9];

impl fmt::Display for Backtest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = self.span_unix_ms;
        let (looks, step) = (self.looks, show_duration(self.step));
        let firings = match (self.firings.len(), self.is_cut) {
            (0, _) => "nothing would have fired".to_owned(),
            (1, _) => "1 alert would have fired".to_owned(),
            (many, false) => format!("{many} alerts would have fired"),
            (many, true) => format!("more alerts would have fired than these {many}"),
        };
        let (from, until) = (rfc3339(from), rfc3339(until));
        write!(f, "{firings} from {from} to {until}: {looks} looks, one each {step}")?;
        if !self.firings.is_empty() {
            row(f, ["fired", "resolved", "lasted", "peak"], "alert")?;
        }
        for firing in &self.firings {
            let second = |ms: i64| rfc3339(ms.div_euclid(1_000) * 1_000);
            let resolved = firing.resolved_unix_ms.map_or("still firing".to_owned(), second);
            let lasted = firing.lasted().map_or(String::new(), show_duration);
            let peak = firing.peak.map_or(String::new(), |peak| significant(peak, 4));
            let cells = [&second(firing.fired_unix_ms), &resolved, &lasted, &peak];
            row(f, cells.map(String::as_str), &named(&firing.labels))?;
        }
        self.troubles.iter().try_for_each(|trouble| write!(f, "\ntrouble: {trouble}"))
    }
}

fn row(f: &mut fmt::Formatter<'_>, cells: [&str; 4], alert: &str) -> fmt::Result {
    writeln!(f)?;
    cells.iter().zip(COLUMNS).try_for_each(|(cell, width)| write!(f, "{cell:width$}  "))?;
    f.write_str(alert)
}

/// `Slow{route="/cart"}`.
fn named(labels: &Labels) -> String {
    let name = labels.get("alertname").unwrap_or_default();
    let others = labels.filtered(|label| label != "alertname");
    if others.is_empty() { name.to_owned() } else { format!("{name}{others}") }
}
