//! A report out of what the sampler knows.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::engine::Engine;
use super::slices::Span;
use super::state::{State, Tables, Window, period};
use super::system;
use super::tally::Key;
use super::tree::{self, Number, Spot};
use crate::cpu::SpanNames;
use crate::maps::Module;
use crate::report::{Node, Place, Report, Sample, Stacks, ValueType};

const VALUES: [ValueType; 2] =
    [ValueType { name: "samples", unit: "count" }, ValueType { name: "cpu", unit: "nanoseconds" }];

/// All that was seen in `span`, which `began` then.
pub(crate) fn report(
    engine: &Engine,
    state: &State,
    span: &Span,
    began: SystemTime,
    names: &SpanNames,
) -> Report {
    let modules = state.tables.modules.all();
    let mut build = Build::new(&state.tables, &modules);
    build.add(span);
    let Build { stacks, samples, threads, spans, .. } = build;
    let threads =
        threads.keys.iter().map(|number| state.tables.names.get(*number as u8).into_owned());
    let spans = spans.keys.iter().map(|number| match *number as u16 {
        u16::MAX => "(other spans)".to_owned(),
        number => {
            let id = u32::from(number) - 1;
            names.get(id).unwrap_or_else(|| format!("span {id}"))
        }
    });
    Report {
        values: VALUES.to_vec(),
        period: period(state.governor.rate()).as_nanos() as u64,
        stacks: stacks.nodes,
        samples,
        threads: threads.collect(),
        spans: spans.collect(),
        modules,
        started: began,
        duration: Duration::from_nanos(span.ended_ns.saturating_sub(span.began_ns)),
        notes: notes(engine, state),
    }
}

struct Build<'a> {
    tables: &'a Tables,
    modules: &'a [Module],
    stacks: Stacks,
    /// Numbers of the report for frames of the tree.
    nodes: HashMap<Number, u32>,
    samples: Vec<Sample>,
    threads: Numbers,
    spans: Numbers,
}

/// Numbers from 0 on for numbers as they come.
#[derive(Default)]
struct Numbers {
    keys: Vec<u32>,
    known: HashMap<u32, u32>,
}

impl Numbers {
    fn of(&mut self, key: u32) -> u32 {
        *self.known.entry(key).or_insert_with(|| {
            self.keys.push(key);
            (self.keys.len() - 1) as u32
        })
    }
}

impl<'a> Build<'a> {
    fn new(tables: &'a Tables, modules: &'a [Module]) -> Build<'a> {
        Build {
            tables,
            modules,
            stacks: Stacks::default(),
            nodes: HashMap::new(),
            samples: Vec::new(),
            threads: Numbers::default(),
            spans: Numbers::default(),
        }
    }

    /// What was in traces that are still known comes by trace, and is taken from what is known by span alone.
    fn add(&mut self, span: &Span) {
        type Sums = (u64, u64);
        let mut by_span: HashMap<Key, Sums> = HashMap::new();
        let mut by_trace: HashMap<(Key, u128), Sums> = HashMap::new();
        let whole = |key: Key| Key { slice: 0, ..key };
        for (key, samples, time_us) in self.tables.tally.iter() {
            if span.contains(key.slice) {
                let sums = by_span.entry(whole(key)).or_default();
                *sums = (sums.0 + u64::from(samples), sums.1 + u64::from(time_us));
            }
        }
        for sample in self.tables.recent.iter() {
            if span.contains(sample.key().slice)
                && let Some(rest) = by_span.get_mut(&whole(sample.key()))
            {
                let time_us = u64::from(sample.time_us());
                *rest = (rest.0.saturating_sub(1), rest.1.saturating_sub(time_us));
                let sums = by_trace.entry((whole(sample.key()), sample.trace())).or_default();
                *sums = (sums.0 + 1, sums.1 + time_us);
            }
        }
        let by_span = by_span.into_iter().map(|(key, sums)| (key, None, sums));
        let by_trace = by_trace.into_iter().map(|((key, trace), sums)| (key, Some(trace), sums));
        let mut all: Vec<_> = by_span.chain(by_trace).filter(|(.., sums)| sums.0 > 0).collect();
        all.sort_by_key(|(key, trace, _)| (key.leaf, key.thread, key.span, *trace));
        for (key, trace, (samples, time_us)) in all {
            self.sample(key, trace, samples, time_us);
        }
    }

    fn sample(&mut self, key: Key, trace: Option<u128>, samples: u64, time_us: u64) {
        let leaf = match key.leaf {
            0 => self.stacks.node(None, Place::Overflow),
            leaf => self.node(leaf),
        };
        let thread = self.threads.of(key.thread.into());
        let span = (key.span != 0).then(|| self.spans.of(key.span.into()));
        let values = vec![samples, time_us * 1_000];
        self.samples.push(Sample { leaf: Some(leaf), thread: Some(thread), span, trace, values });
    }

    fn node(&mut self, number: Number) -> u32 {
        let mut path = Vec::new();
        let mut caller = None;
        let mut at = number;
        while at != 0 {
            if let Some(known) = self.nodes.get(&at) {
                caller = Some(*known);
                break;
            }
            path.push(at);
            at = self.tables.tree.get(at).0;
        }
        for number in path.into_iter().rev() {
            let (_, spot) = self.tables.tree.get(number);
            let node = self.stacks.node(caller, place(self.modules, spot));
            self.nodes.insert(number, node);
            caller = Some(node);
        }
        caller.unwrap_or_default()
    }
}

fn place(modules: &[Module], spot: Spot) -> Place {
    match (spot.module, modules.get(usize::from(spot.module))) {
        (tree::CUT, _) => Place::Truncated,
        (module, Some(known)) => {
            Place::Code { module, address: known.range.start + u64::from(spot.offset) }
        }
        _ => Place::Unknown { address: 0 },
    }
}

/// What a reader should know, worst first.
fn notes(engine: &Engine, state: &State) -> Vec<String> {
    let counts = &engine.shared.counts;
    let lost = counts.lost.load(Ordering::Relaxed);
    let seen = &state.seen;
    let mut notes = Vec::new();
    let mut note = |there: bool, text: String| {
        if there {
            notes.push(text);
        }
    };
    note(engine.flat, "no callers: the program is built without frame pointers; build it with RUSTFLAGS=\"-C force-frame-pointers=yes\"".into());
    note(
        seen.handler_replaced,
        "another part of the program took the signal's handler away: samples are missing".into(),
    );
    note(lost > 0, format!("{lost} samples were lost: the sampler did not come in time"));
    let uncounted = seen.uncounted.0;
    note(
        uncounted > 0,
        format!("{uncounted} samples are not in here: too many stacks, threads and spans"),
    );
    let without = seen.without_stack;
    note(
        without > 0,
        format!("{without} samples have no stack: there were too many different ones"),
    );
    let slices = seen.slices_lost;
    note(slices > 0, format!("{slices} slices of time went early to make room"));
    let modules = state.tables.modules.without_room();
    note(modules > 0, format!("{modules} pieces of code are not told apart: there are too many"));
    let slots = state.members.without_slot;
    note(slots > 0, format!("{slots} threads are not sampled: there are too many"));
    if let Some(cause) = &state.members.refused {
        note(true, format!("some threads have no timer: {cause}"));
    }
    let (rate, wanted) = (state.governor.rate(), state.governor.wanted());
    note(
        rate < wanted,
        format!("the rate is {rate} Hz rather than {wanted}: sampling took more than its budget"),
    );
    let lowered = state.governor.lowered();
    note(
        lowered > 0 && rate == wanted,
        format!(
            "the rate was lowered for a while, {lowered} times: sampling took more than its budget"
        ),
    );
    notes
}

/// What was seen in `window` so far.
pub(crate) fn of_window(engine: &Engine, state: &State, window: &Window) -> Option<Report> {
    let span = state.slices.since_pin(state.clock.now_ns())?;
    let mut report = report(engine, state, &span, window.began, &window.names);
    let used = system::process_cpu_ns().saturating_sub(window.process_ns);
    report.notes.push(coverage(&report, used));
    Some(report)
}

/// How much of the `used_ns` of the process's CPU time was sampled.
fn coverage(report: &Report, used_ns: u64) -> String {
    let seconds = |ns: u64| ns as f64 / 1e9;
    format!(
        "{:.2} s were sampled of {:.2} s of CPU time that the process used",
        seconds(report.weight()),
        seconds(used_ns)
    )
}

/// Only for the type's sake: a node is small.
const _: () = assert!(size_of::<Node>() <= 32);
