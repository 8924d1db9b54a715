//! What changed between two reports.

use std::collections::HashMap;

use crate::maps::Module;
use crate::report::{Place, Report, Sample, Stacks};

/// Two reports of one process, stack by stack.
///
/// It is how the growth of a heap between two moments, or a release that is slower than the one before,
/// is looked at: as a flame graph in red and blue, as stacks with two weights, or as a pprof profile with
/// the differences, which may be negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The later report, with the stacks of the earlier one added, which have values of 0 there.
    pub after: Report,
    /// The values of the earlier report, for each of the samples of `after`.
    pub before: Vec<Vec<u64>>,
}

/// How the values of the earlier report are made comparable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Not at all, which is right for what is in use, and for totals that only grow.
    #[default]
    AsMeasured,
    /// By how long each took, which is right for CPU profiles of different lengths.
    ByDuration,
}

impl Report {
    /// What changed since `before`.
    ///
    /// Threads and spans are told apart by name, code by module and address; values that only one of the
    /// reports has are compared with 0. Reports of different processes have different addresses, so
    /// they have hardly a stack in common: compare their [`CallTree`](crate::CallTree)s' texts instead.
    pub fn diff(&self, before: &Report, scale: Scale) -> Difference {
        let factor = match scale {
            Scale::ByDuration if !before.duration.is_zero() => {
                self.duration.as_secs_f64() / before.duration.as_secs_f64()
            }
            _ => 1.0,
        };
        let mut merged = Merged::of(self);
        merged.add(before, factor);
        merged.finish()
    }
}

impl Difference {
    /// How much the value at `index` of a sample changed; 0 if there is none.
    pub fn change(&self, sample: usize, index: usize) -> i64 {
        let value = |values: Option<&Vec<u64>>| values.and_then(|all| all.get(index)).copied();
        let after = value(self.after.samples.get(sample).map(|sample| &sample.values));
        let signed = |value: Option<u64>| i64::try_from(value.unwrap_or(0)).unwrap_or(i64::MAX);
        signed(after) - signed(value(self.before.get(sample)))
    }
}

/// What makes samples of two reports the same.
type Key = (Option<u32>, Option<u32>, Option<u32>, Option<u128>);

struct Merged {
    report: Report,
    stacks: Stacks,
    samples: HashMap<Key, usize>,
    before: Vec<Vec<u64>>,
}

impl Merged {
    fn of(report: &Report) -> Merged {
        let mut merged = Merged {
            report: Report { samples: Vec::new(), stacks: Vec::new(), ..report.clone() },
            stacks: Stacks::default(),
            samples: HashMap::new(),
            before: Vec::new(),
        };
        merged.each(report, |merged, number, sample| {
            for (sum, value) in merged.report.samples[number].values.iter_mut().zip(&sample.values)
            {
                *sum = sum.saturating_add(*value);
            }
        });
        merged
    }

    fn add(&mut self, before: &Report, factor: f64) {
        let index = |value| self.report.values.iter().position(|ours| ours == value);
        let values: Vec<Option<usize>> = before.values.iter().map(index).collect();
        self.report.notes.extend(before.notes.iter().map(|note| format!("before: {note}")));
        self.each(before, |merged, number, sample| {
            for (value, index) in sample.values.iter().zip(&values) {
                if let Some(index) = index {
                    let sum = &mut merged.before[number][*index];
                    *sum = sum.saturating_add(scaled(*value, factor));
                }
            }
        });
    }

    /// Calls `add` with the number that each sample of `report` has here.
    fn each(&mut self, report: &Report, mut add: impl FnMut(&mut Merged, usize, &Sample)) {
        let modules: Vec<u16> = report.modules.iter().map(|one| self.module(one)).collect();
        let threads = numbers(&mut self.report.threads, &report.threads);
        let spans = numbers(&mut self.report.spans, &report.spans);
        let nodes = self.nodes(report, &modules);
        let of = |numbers: &[u32], number: Option<u32>| {
            number.and_then(|number| numbers.get(number as usize).copied())
        };
        for sample in &report.samples {
            let (thread, span) = (of(&threads, sample.thread), of(&spans, sample.span));
            let number = self.sample((of(&nodes, sample.leaf), thread, span, sample.trace));
            add(self, number, sample);
        }
    }

    fn nodes(&mut self, report: &Report, modules: &[u16]) -> Vec<u32> {
        let mut numbers: Vec<u32> = Vec::with_capacity(report.stacks.len());
        for node in &report.stacks {
            let place = match node.place {
                Place::Code { module, address } => match modules.get(usize::from(module)) {
                    Some(module) => Place::Code { module: *module, address },
                    None => Place::Unknown { address },
                },
                place => place,
            };
            let caller = node.caller.and_then(|caller| numbers.get(caller as usize).copied());
            numbers.push(self.stacks.node(caller, place));
        }
        numbers
    }

    fn module(&mut self, module: &Module) -> u16 {
        let ours = &mut self.report.modules;
        let number = ours.iter().position(|one| one == module).unwrap_or_else(|| {
            ours.push(module.clone());
            ours.len() - 1
        });
        // a process with more pieces of code than this has no names for the rest
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    fn sample(&mut self, key: Key) -> usize {
        let values = self.report.values.len();
        *self.samples.entry(key).or_insert_with(|| {
            let (leaf, thread, span, trace) = key;
            let sample = Sample { leaf, thread, span, trace, values: vec![0; values] };
            self.report.samples.push(sample);
            self.before.push(vec![0; values]);
            self.before.len() - 1
        })
    }

    fn finish(self) -> Difference {
        let after = Report { stacks: self.stacks.nodes, ..self.report };
        Difference { after, before: self.before }
    }
}

/// The number of each of `names` in `all`, where those that are missing are put.
fn numbers(all: &mut Vec<String>, names: &[String]) -> Vec<u32> {
    let mut known: HashMap<String, u32> = HashMap::new();
    for (number, name) in all.iter().enumerate() {
        known.entry(name.clone()).or_insert(number as u32);
    }
    let number = |name: &String| {
        *known.entry(name.clone()).or_insert_with(|| {
            all.push(name.clone());
            (all.len() - 1) as u32
        })
    };
    names.iter().map(number).collect()
}

fn scaled(value: u64, factor: f64) -> u64 {
    if factor == 1.0 { value } else { (value as f64 * factor).round() as u64 }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::report::ValueType;

    const CPU: ValueType = ValueType { name: "cpu", unit: "nanoseconds" };

    /// Stacks of addresses from the outermost, each with its thread and value.
    fn report(seconds: u64, samples: &[(&[u64], &str, u64)]) -> Report {
        let mut stacks = Stacks::default();
        let mut threads = Vec::new();
        let samples = samples.iter().map(|(addresses, thread, value)| {
            threads.push((*thread).to_owned());
            let places = addresses.iter().map(|address| Place::Unknown { address: *address });
            let leaf = stacks.stack(places);
            let thread = Some(threads.len() as u32 - 1);
            Sample { leaf, thread, span: None, trace: None, values: vec![*value] }
        });
        let samples = samples.collect();
        Report {
            values: vec![CPU],
            period: 1,
            samples,
            stacks: stacks.nodes,
            modules: Vec::new(),
            threads,
            spans: Vec::new(),
            started: SystemTime::UNIX_EPOCH,
            duration: Duration::from_secs(seconds),
            notes: vec!["a note".to_owned()],
        }
    }

    fn changes(difference: &Difference) -> Vec<i64> {
        (0..difference.before.len()).map(|sample| difference.change(sample, 0)).collect()
    }

    #[test]
    fn stacks_of_both_are_compared_and_those_of_one_with_nothing() {
        let after = report(1, &[(&[1, 2], "a", 30), (&[1, 3], "a", 5)]);
        let before = report(1, &[(&[1, 4], "a", 7), (&[1, 2], "a", 10)]);
        let difference = after.diff(&before, Scale::AsMeasured);
        assert_eq!(changes(&difference), [20, 5, -7]);
        assert_eq!(difference.after.stacks.len(), 4);
        assert_eq!(difference.after.notes, ["a note", "before: a note"]);
    }

    #[test]
    fn threads_are_the_same_by_name() {
        let after = report(1, &[(&[1], "a", 3), (&[1], "a", 4), (&[1], "b", 5)]);
        let before = report(1, &[(&[1], "b", 2), (&[1], "a", 1)]);
        assert_eq!(changes(&after.diff(&before, Scale::AsMeasured)), [6, 3]);
    }

    #[test]
    fn the_earlier_one_is_scaled_to_the_length_of_the_later() {
        let after = report(10, &[(&[1], "a", 100)]);
        let before = report(30, &[(&[1], "a", 300)]);
        assert_eq!(changes(&after.diff(&before, Scale::ByDuration)), [0]);
        assert_eq!(changes(&after.diff(&before, Scale::AsMeasured)), [-200]);
        let none = Report { duration: Duration::ZERO, ..before };
        assert_eq!(changes(&after.diff(&none, Scale::ByDuration)), [-200]);
    }

    #[test]
    fn a_report_compared_with_itself_changed_nowhere() {
        let one = report(1, &[(&[1, 2], "a", 30), (&[1, 3], "b", 5)]);
        let difference = one.diff(&one, Scale::ByDuration);
        assert_eq!(changes(&difference), [0, 0]);
        assert_eq!(difference.after.weight(), one.weight());
    }
}
