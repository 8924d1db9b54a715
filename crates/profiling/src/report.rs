//! What a profiler measured, by stack.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::maps::Module;

/// What a profiler measured: values by stack, thread and span, with addresses still to be named.
///
/// It is a plain value: it can be sent to another thread, kept, filtered, compared with another one,
/// and written in any of the formats, as often as one likes. Names of functions are looked up when it
/// is written, not before.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What each sample tells, in order; the last one is what flame graphs are drawn of.
    pub values: Vec<ValueType>,
    /// How much of the last value there is between two samples, on average: nanoseconds of CPU time, or bytes.
    pub period: u64,
    /// Stacks as a tree: each node is a frame, below the one that called it. Callers come first.
    pub stacks: Vec<Node>,
    /// What was seen, each combination of stack, thread, span and trace once.
    pub samples: Vec<Sample>,
    /// The code that the addresses lie in.
    pub modules: Vec<Module>,
    /// Names of threads.
    pub threads: Vec<String>,
    /// Names of spans.
    pub spans: Vec<String>,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// What a reader should know: what was lost, what could not be had, a rate that was lowered.
    pub notes: Vec<String>,
}

/// A kind of value, as the pprof format has it: `cpu` in `nanoseconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueType {
    /// What it is: `samples`, `cpu`, `alloc_objects`, `alloc_space`, `inuse_objects`, `inuse_space`.
    pub name: &'static str,
    /// What it is counted in: `count`, `nanoseconds`, `bytes`.
    pub unit: &'static str,
}

/// One frame of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// The frame that called this one, in [`Report::stacks`]; `None` for the outermost.
    pub caller: Option<u32>,
    /// Where it runs. Of a caller it is the address of the call, not of what comes after it, so that
    /// looking it up finds the line of the call.
    pub place: Place,
}

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// An address in one of [`Report::modules`], by its number.
    Code {
        /// The module.
        module: u16,
        /// The address in memory.
        address: u64,
    },
    /// An address of no module that is known.
    Unknown {
        /// The address in memory.
        address: u64,
    },
    /// Stacks that there was no more room for.
    Overflow,
    /// Callers that could not be found: what is below was called by something.
    Truncated,
}

/// What was seen of one stack in one thread and span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The innermost frame, in [`Report::stacks`]; `None` for a stack of which nothing is known.
    pub leaf: Option<u32>,
    /// The thread, in [`Report::threads`].
    pub thread: Option<u32>,
    /// The span, in [`Report::spans`].
    pub span: Option<u32>,
    /// The trace.
    pub trace: Option<u128>,
    /// One for each of [`Report::values`].
    pub values: Vec<u64>,
}

/// What of a report is of interest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only threads of this name.
    pub thread: Option<String>,
    /// Only spans of this name.
    pub span: Option<String>,
    /// Only this trace.
    pub trace: Option<u128>,
}

impl Report {
    /// The sum of the value at `index`; 0 if there is none.
    pub fn total(&self, index: usize) -> u64 {
        self.samples.iter().filter_map(|sample| sample.values.get(index)).sum()
    }

    /// What flame graphs are drawn of: the last of the values.
    pub fn value(&self) -> ValueType {
        self.values.last().copied().unwrap_or(ValueType { name: "samples", unit: "count" })
    }

    /// The value that flame graphs are drawn of, in sum.
    pub fn weight(&self) -> u64 {
        self.values.len().checked_sub(1).map_or(0, |last| self.total(last))
    }

    /// The weight of each thread, by name, largest first.
    pub fn by_thread(&self) -> Vec<(String, u64)> {
        self.by(&self.threads, |sample| sample.thread)
    }

    /// The weight of each span, by name, largest first; what ran in none is not in it.
    pub fn by_span(&self) -> Vec<(String, u64)> {
        self.by(&self.spans, |sample| sample.span)
    }

    fn by(&self, names: &[String], of: impl Fn(&Sample) -> Option<u32>) -> Vec<(String, u64)> {
        let mut sums: HashMap<&str, u64> = HashMap::new();
        for sample in &self.samples {
            if let Some(name) = of(sample).and_then(|number| names.get(number as usize)) {
                *sums.entry(name).or_default() += sample.values.last().copied().unwrap_or(0);
            }
        }
        let mut sums: Vec<_> = sums.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect();
        sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        sums
    }

    /// Only what `filter` lets through, with the stacks of that alone: no names of others are looked up. Threads,
    /// spans and modules stay as they are.
    pub fn filtered(mut self, filter: &Filter) -> Report {
        let named = |names: &[String], number: Option<u32>, wanted: &Option<String>| {
            let name = number.and_then(|number| names.get(number as usize));
            wanted.is_none() || name == wanted.as_ref()
        };
        let (threads, spans) = (&self.threads, &self.spans);
        self.samples.retain(|sample| {
            named(threads, sample.thread, &filter.thread)
                && named(spans, sample.span, &filter.span)
                && (filter.trace.is_none() || sample.trace == filter.trace)
        });
        self.drop_unused_stacks();
        self
    }

    fn drop_unused_stacks(&mut self) {
        let mut used = vec![false; self.stacks.len()];
        for sample in &self.samples {
            let is_new = |number: &u32| {
                let used = used.get_mut(*number as usize);
                used.is_some_and(|used| !std::mem::replace(used, true))
            };
            self.frames(sample.leaf).take_while(is_new).for_each(drop);
        }
        let mut count = 0;
        let numbers = used.iter().map(|used| used.then(|| (count, count += 1).0));
        let numbers: Vec<Option<u32>> = numbers.collect();
        let number = |old: u32| numbers.get(old as usize).copied().flatten();
        let mut used = used.into_iter();
        self.stacks.retain(|_| used.next() == Some(true));
        for node in &mut self.stacks {
            node.caller = node.caller.and_then(number);
        }
        for sample in &mut self.samples {
            sample.leaf = sample.leaf.and_then(number);
        }
    }

    /// The frames of a stack from the innermost to the outermost.
    pub fn frames(&self, leaf: Option<u32>) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(leaf, |number| self.stacks.get(*number as usize)?.caller)
    }
}

#[cfg(feature = "symbols")]
impl Report {
    /// A report of single frames and no samples, for looking up their names.
    pub(crate) fn of_places(modules: Vec<Module>, places: &[Place]) -> Report {
        Report {
            values: Vec::new(),
            period: 0,
            stacks: places.iter().map(|place| Node { caller: None, place: *place }).collect(),
            samples: Vec::new(),
            modules,
            threads: Vec::new(),
            spans: Vec::new(),
            started: SystemTime::UNIX_EPOCH,
            duration: Duration::ZERO,
            notes: Vec::new(),
        }
    }
}

/// Builds [`Report::stacks`] out of stacks that come one by one.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    pub(crate) nodes: Vec<Node>,
    numbers: HashMap<Node, u32>,
}

impl Stacks {
    /// The number of the frame at `place` below `caller`.
    pub(crate) fn node(&mut self, caller: Option<u32>, place: Place) -> u32 {
        let node = Node { caller, place };
        *self.numbers.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        })
    }

    /// The innermost frame of a stack whose outermost frame is first.
    pub(crate) fn stack(&mut self, places: impl IntoIterator<Item = Place>) -> Option<u32> {
        places.into_iter().fold(None, |caller, place| Some(self.node(caller, place)))
    }
}

/// Where `address` is, in `modules` that are in the order of addresses.
pub(crate) fn place(modules: &[Module], address: u64) -> Place {
    let after = modules.partition_point(|module| module.range.end <= address);
    match modules.get(after) {
        Some(module) if module.range.contains(&address) => {
            Place::Code { module: after as u16, address }
        }
        _ => Place::Unknown { address },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: ValueType = ValueType { name: "cpu", unit: "nanoseconds" };

    fn report() -> Report {
        let mut stacks = Stacks::default();
        let unknown = |address| Place::Unknown { address };
        let outer = stacks.stack([unknown(1), unknown(2)]);
        let inner = stacks.stack([unknown(1), unknown(2), unknown(3)]);
        let sample = |leaf, thread, span, trace, value| Sample {
            leaf,
            thread: Some(thread),
            span,
            trace,
            values: vec![value],
        };
        Report {
            values: vec![CPU],
            period: 10,
            samples: vec![
                sample(outer, 0, None, None, 10),
                sample(inner, 1, Some(0), Some(7), 30),
                sample(inner, 2, Some(0), Some(8), 20),
            ],
            stacks: stacks.nodes,
            modules: Vec::new(),
            threads: ["main", "worker", "worker"].map(str::to_owned).to_vec(),
            spans: vec!["GET /".to_owned()],
            started: SystemTime::UNIX_EPOCH,
            duration: Duration::from_secs(1),
            notes: Vec::new(),
        }
    }

    #[test]
    fn stacks_share_the_frames_that_they_begin_with() {
        let report = report();
        assert_eq!(report.stacks.len(), 3);
        assert_eq!(report.frames(report.samples[1].leaf).collect::<Vec<_>>(), [2, 1, 0]);
    }

    #[test]
    fn weights_add_up_by_the_names_of_threads_and_spans() {
        let report = report();
        assert_eq!(report.weight(), 60);
        assert_eq!(report.by_thread(), [("worker".to_owned(), 50), ("main".to_owned(), 10)]);
        assert_eq!(report.by_span(), [("GET /".to_owned(), 50)]);
    }

    #[test]
    fn a_filter_leaves_only_what_it_names() {
        let only = |filter| report().filtered(&filter).weight();
        assert_eq!(only(Filter { thread: Some("worker".into()), ..Filter::default() }), 50);
        assert_eq!(only(Filter { span: Some("GET /".into()), ..Filter::default() }), 50);
        assert_eq!(only(Filter { trace: Some(7), ..Filter::default() }), 30);
        assert_eq!(only(Filter { span: Some("nobody".into()), ..Filter::default() }), 0);
    }

    #[test]
    fn a_filter_leaves_the_stacks_of_what_it_lets_through() {
        let mut report = report();
        let other = Node { caller: None, place: Place::Unknown { address: 9 } };
        report.stacks.insert(0, other);
        for node in &mut report.stacks[1..] {
            node.caller = node.caller.map(|caller| caller + 1);
        }
        report.samples.iter_mut().for_each(|sample| sample.leaf = sample.leaf.map(|leaf| leaf + 1));
        let addresses = |report: &Report, leaf| -> Vec<Place> {
            report.frames(leaf).map(|number| report.stacks[number as usize].place).collect()
        };
        let before = addresses(&report, report.samples[0].leaf);
        let filter = Filter { thread: Some("main".into()), ..Filter::default() };
        let main = report.clone().filtered(&filter);
        assert_eq!((main.stacks.len(), main.samples.len()), (2, 1));
        assert_eq!(addresses(&main, main.samples[0].leaf), before);
        let all = report.clone().filtered(&Filter::default());
        assert_eq!((all.stacks.len(), all.weight()), (3, report.weight()));
        report.samples[0].leaf = Some(77);
        assert_eq!(report.filtered(&filter).samples[0].leaf, None, "there is no such frame");
    }

    #[test]
    fn an_address_is_placed_in_the_module_that_holds_it() {
        let module = |range| Module { range, file_offset: 0, path: String::new() };
        let modules = [module(10..20), module(30..40)];
        assert_eq!(place(&modules, 10), Place::Code { module: 0, address: 10 });
        assert_eq!(place(&modules, 39), Place::Code { module: 1, address: 39 });
        for address in [9, 20, 29, 40] {
            assert_eq!(place(&modules, address), Place::Unknown { address });
        }
    }
}
