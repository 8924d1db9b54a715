//! What a row found, held against its budget.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::budgets::{Budget, Limit};
use crate::stats::Samples;

/// What one row found; it comes from a process of its own.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    measures: Vec<Measure>,
    missing: Vec<(String, String)>,
    notes: Vec<String>,
}

/// One number of a row.
#[derive(Debug, Serialize, Deserialize)]
struct Measure {
    name: String,
    unit: String,
    /// The median where there are rounds.
    value: f64,
    best: Option<f64>,
    control: Option<Control>,
}

/// What stood beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Control {
    name: String,
    value: f64,
    /// The median of the ratios within the rounds: this is what the limit is held against.
    ratio: f64,
}

impl Measure {
    fn judged(&self) -> (f64, &str) {
        self.control.as_ref().map_or((self.value, &self.unit), |control| (control.ratio, "ratio"))
    }
}

/// Whether a measure keeps its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Within the limit.
    Kept,
    /// Beyond the limit.
    Over,
    /// There is a limit, but no number: a peer is missing.
    NotMeasured,
    /// A number for the reader, without a limit.
    Shown,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Kept => "ok",
            Verdict::Over => "OVER",
            Verdict::NotMeasured => "not measured",
            Verdict::Shown => "",
        }
    }
}

impl Report {
    /// A measure of many rounds.
    pub(crate) fn rounds(&mut self, name: &str, unit: &str, samples: &Samples) {
        self.push(name, unit, samples.median(), Some(samples.best()), None);
    }

    /// A measure that is one number.
    pub(crate) fn number(&mut self, name: &str, unit: &str, value: f64) {
        self.push(name, unit, value, None, None);
    }

    /// The ratio of two measures, taken round by round.
    pub(crate) fn ratio(
        &mut self,
        name: &str,
        unit: &str,
        samples: &Samples,
        (control, others): (&str, &Samples),
    ) {
        let ratio = samples.over(others).median();
        let control = Control { name: control.to_owned(), value: others.median(), ratio };
        self.push(name, unit, samples.median(), Some(samples.best()), Some(control));
    }

    /// The ratio of two numbers.
    pub(crate) fn number_ratio(
        &mut self,
        name: &str,
        unit: &str,
        value: f64,
        (control, other): (&str, f64),
    ) {
        let control = Control { name: control.to_owned(), value: other, ratio: value / other };
        self.push(name, unit, value, None, Some(control));
    }

    /// A measure that could not be taken, with the reason.
    pub(crate) fn missing(&mut self, name: &str, why: impl Into<String>) {
        self.missing.push((name.to_owned(), why.into()));
    }

    /// A sentence below the row.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn push(
        &mut self,
        name: &str,
        unit: &str,
        value: f64,
        best: Option<f64>,
        control: Option<Control>,
    ) {
        let (name, unit) = (name.to_owned(), unit.to_owned());
        self.measures.push(Measure { name, unit, value, best, control });
    }
}

/// A row's report with the verdicts of its budget.
pub(crate) struct Judged<'a> {
    pub(crate) id: &'static str,
    budget: &'a Budget,
    report: Report,
}

impl<'a> Judged<'a> {
    /// A limited measure that the row neither took nor excused is no number, so it is over.
    pub(crate) fn new(id: &'static str, budget: &'a Budget, mut report: Report) -> Judged<'a> {
        for name in budget.limited() {
            let known = report.measures.iter().any(|m| m.name == name)
                || report.missing.iter().any(|(missing, _)| missing == name);
            if !known {
                report.number(name, "", f64::NAN);
            }
        }
        Judged { id, budget, report }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.report.measures.iter().any(|m| self.verdict(m) == Verdict::Over)
    }

    /// Whether a gate of the row is over.
    pub(crate) fn gate_is_over(&self) -> bool {
        let gated = |m: &&Measure| self.budget.gate.contains(&m.name);
        self.report.measures.iter().filter(gated).any(|m| self.verdict(m) == Verdict::Over)
    }

    fn verdict(&self, measure: &Measure) -> Verdict {
        match self.budget.limit(&measure.name) {
            None => Verdict::Shown,
            Some(limit) if limit.holds(measure.judged().0) => Verdict::Kept,
            Some(_) => Verdict::Over,
        }
    }

    /// `METRIC:` lines, then the row's part of the table.
    pub(crate) fn print(&self) {
        for m in &self.report.measures {
            let (value, unit) = m.judged();
            println!("METRIC:{}.{}:{}:{unit}", self.id, m.name, plain(value));
        }
        println!("{}: {}", self.id, self.budget.what);
        for m in &self.report.measures {
            println!("{}", self.line(m));
        }
        for (name, why) in &self.report.missing {
            println!("  {name:<36} {} ({why})", Verdict::NotMeasured.word());
        }
        for note in &self.report.notes {
            println!("  {note}");
        }
        println!();
    }

    fn line(&self, m: &Measure) -> String {
        let limit = self.budget.limit(&m.name).map_or(String::new(), limit_text);
        let best = m.best.map_or(String::new(), plain);
        let (control, ratio) = m.control.as_ref().map_or_else(Default::default, |c| {
            (format!("{} {}", c.name, plain(c.value)), plain(c.ratio))
        });
        let (name, value, unit) = (&m.name, plain(m.value), &m.unit);
        let verdict = self.verdict(m).word();
        let line = format!(
            "  {name:<36} {limit:>10} {value:>10} {best:>10} {unit:<6} {control:<36} {ratio:>7} {verdict}"
        );
        line.trim_end().to_owned()
    }

    pub(crate) fn json(&self) -> Value {
        let measures = self.report.measures.iter().map(|m| self.measure_json(m));
        let missing =
            self.report.missing.iter().map(|(name, why)| json!({ "name": name, "why": why }));
        json!({
            "id": self.id, "what": self.budget.what, "control": self.budget.control,
            "gate": self.budget.gate, "measures": measures.collect::<Vec<_>>(),
            "not_measured": missing.collect::<Vec<_>>(), "notes": self.report.notes,
        })
    }

    fn measure_json(&self, m: &Measure) -> Value {
        let control = |c: &Control| json!({ "name": c.name, "value": c.value, "ratio": c.ratio });
        json!({
            "name": m.name, "unit": m.unit, "median": m.value, "best": m.best,
            "control": m.control.as_ref().map(control),
            "limit": self.budget.limit(&m.name).map(limit_text),
            "verdict": self.verdict(m).word(),
        })
    }
}

/// The head of the table.
pub(crate) fn print_head() {
    println!(
        "  {:<36} {:>10} {:>10} {:>10} {:<6} {:<36} {:>7} verdict",
        "measure", "limit", "median", "best", "unit", "control", "ratio"
    );
}

fn limit_text(limit: Limit) -> String {
    match limit {
        Limit::AtMost(limit) => format!("<= {}", plain(limit)),
        Limit::AtLeast(limit) => format!(">= {}", plain(limit)),
    }
}

/// Enough digits to compare, no more.
fn plain(value: f64) -> String {
    match value.abs() {
        v if v == v.trunc() && v < 1e15 => format!("{value:.0}"),
        v if v >= 1_000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(text: &str) -> Budget {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn only_a_measure_beyond_its_limit_is_over() {
        let budget = budget("what = \"x\"\nmax = { ns = 1.0 }\nmin = { rate = 5.0 }");
        let judge = |ns, rate| {
            let mut report = Report::default();
            report.number("ns", "ns", ns);
            report.number("rate", "M/s", rate);
            report.number("other", "ns", 99.0);
            Judged::new("row", &budget, report).is_over()
        };
        assert!(!judge(1.0, 5.0));
        assert!(judge(1.01, 5.0));
        assert!(judge(1.0, 4.9));
        assert!(judge(f64::NAN, 5.0));
    }

    #[test]
    fn a_missing_control_is_told_and_is_not_over() {
        let budget = budget("what = \"x\"\nmax = { of_peer = 0.1 }");
        let mut report = Report::default();
        report.missing("of_peer", "no peer");
        let judged = Judged::new("row", &budget, report);
        assert!(!judged.is_over());
        assert_eq!(judged.json()["not_measured"][0]["name"], "of_peer");
        assert!(Judged::new("row", &budget, Report::default()).is_over());
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(["0.2500", "12.35", "1000000", "4"], [0.25, 12.345, 1e6, 4.0].map(plain));
    }
}
