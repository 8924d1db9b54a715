//! What the rows of the hot path have in common.

use perf_monitor_core::{FamilyInfo, Registry, SeriesInfo, Value, Visitor};

use crate::controls::{FLOOR, TWO_READS};
use crate::harness::{Climb, Rung, Subject};
use crate::report::Report;

/// The name of the subject that is ours.
pub(crate) const OURS: &str = "monitor";

/// The name of the same loop without the record: what the harness itself costs. Nothing is
/// subtracted, for a core overlaps it with the work.
pub(crate) const OFF: &str = "off";

/// The ladder of [`OURS`], its ratios to every other subject, and its flatness.
pub(crate) fn report(climb: &Climb, subjects: &[Subject]) -> Report {
    let mut report = Report::default();
    report.rounds("off", "ns", climb.ns(OFF, Rung::One));
    report.rounds("on", "ns", climb.ns(OURS, Rung::One));
    report.rounds("read_at_60hz", "ns", climb.ns(OURS, Rung::Read));
    report.rounds("two_threads", "ns", climb.ns(OURS, Rung::Two));
    report.number("flat", "ratio", climb.flatness(OURS, FLOOR).median());
    for subject in subjects.iter().map(|subject| subject.name) {
        if subject != OURS && subject != OFF {
            ratios(&mut report, climb, subject);
        }
    }
    report
}

/// What [`OURS`] costs beyond two reads of the clock, in the same rounds.
pub(crate) fn over_two_reads(report: &mut Report, climb: &Climb) {
    let over = climb.ns(OURS, Rung::One).minus(climb.ns(TWO_READS, Rung::One));
    report.number("over_two_clock_reads", "ns", over.median());
}

fn ratios(report: &mut Report, climb: &Climb, control: &'static str) {
    let key = control.to_lowercase().replace([' ', '-'], "_").replace([',', '!'], "");
    for (rung, name) in [(Rung::One, format!("of_{key}")), (Rung::Two, format!("two_of_{key}"))] {
        report.ratio(&name, "ns", climb.ns(OURS, rung), (control, climb.ns(control, rung)));
    }
}

/// Reads everything that `registry` has.
pub(crate) fn visit(registry: &Registry) -> impl FnMut() + Send + use<> {
    let registry = registry.clone();
    move || {
        let mut sum = Sum::default();
        registry.visit(&mut sum);
        std::hint::black_box(sum.total);
    }
}

/// A visitor that adds everything up.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) series: usize,
    pub(crate) total: f64,
}

impl Visitor for Sum {
    fn series(&mut self, _: &FamilyInfo, _: &SeriesInfo, value: Value<'_>) {
        self.series += 1;
        self.total += match value {
            Value::Counter(n) => n as f64,
            Value::FloatCounter(x) | Value::Gauge(x) => x,
            Value::Histogram(histogram) => histogram.count as f64,
        };
    }
}
