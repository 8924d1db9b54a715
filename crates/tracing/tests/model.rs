//! Random calls give what a slow and simple model of them gives.

mod support;

use std::collections::BTreeMap;

use perf_monitor_tracing::{DistributedTracer, SpanId, TracerOptions};
use proptest::prelude::*;
use support::{all, tracer};

#[derive(Clone, Debug)]
enum Call {
    Start(Option<usize>),
    End(usize),
    Fail(usize),
    Event(usize),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        4 => prop::option::weighted(0.8, 0..64_usize).prop_map(Call::Start),
        4 => (0..64_usize).prop_map(Call::End),
        1 => (0..64_usize).prop_map(Call::Fail),
        2 => (0..64_usize).prop_map(Call::Event),
    ];
    prop::collection::vec(call, 1..200)
}

/// A span of the model. Spans are numbered as they begin.
#[derive(Clone, Debug)]
struct Span {
    root: usize,
    state: State,
    failed: bool,
    events: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    /// Ended before its root has.
    Waiting,
    Kept,
    Dropped,
}

#[derive(Default, Debug)]
struct Model {
    keep_all: bool,
    spans: Vec<Span>,
    /// The spans of each kept part, by its root or the late span that it is.
    parts: BTreeMap<usize, Vec<usize>>,
    ended_twice: u64,
    stale: u64,
    late_events: u64,
}

impl Model {
    fn start(&mut self, parent: Option<usize>) {
        let number = self.spans.len();
        let parent = parent.filter(|parent| {
            let gone = self.spans[*parent].state == State::Dropped;
            self.stale += u64::from(gone);
            !gone
        });
        let root = parent.map_or(number, |parent| self.spans[parent].root);
        self.spans.push(Span { root, state: State::Open, failed: false, events: 0 });
    }

    fn change(&mut self, number: usize, change: impl FnOnce(&mut Span)) {
        match self.spans[number].state {
            State::Open => change(&mut self.spans[number]),
            State::Dropped => self.stale += 1,
            State::Waiting | State::Kept => self.late_events += 1,
        }
    }

    fn end(&mut self, number: usize) {
        let span = self.spans[number].clone();
        match span.state {
            State::Open => {}
            State::Dropped => return self.stale += 1,
            State::Waiting | State::Kept => return self.ended_twice += 1,
        }
        if span.root == number {
            let waiting =
                |n: &usize| self.spans[*n].root == number && self.spans[*n].state == State::Waiting;
            let mut part: Vec<usize> = (0..self.spans.len()).filter(waiting).collect();
            part.push(number);
            let failed = part.iter().any(|n| self.spans[*n].failed);
            return self.decide(number, part, self.keep_all || failed);
        }
        match self.spans[span.root].state {
            State::Open => self.spans[number].state = State::Waiting,
            root => self.decide(number, vec![number], root == State::Kept || span.failed),
        }
    }

    fn decide(&mut self, first: usize, mut part: Vec<usize>, keep: bool) {
        let state = if keep { State::Kept } else { State::Dropped };
        part.iter().for_each(|n| self.spans[*n].state = state);
        part.sort_unstable();
        if keep {
            self.parts.insert(first, part);
        }
    }
}

fn run(tracer: &DistributedTracer, model: &mut Model, calls: &[Call]) -> Vec<SpanId> {
    let mut ids: Vec<SpanId> = Vec::new();
    for call in calls {
        let known = ids.len();
        let pick = |n: usize| (known > 0).then(|| n % known);
        match *call {
            Call::Start(parent) => {
                let parent = parent.and_then(pick);
                model.start(parent);
                let name = format!("span {known}");
                ids.push(tracer.start_span(&name, parent.map(|parent| ids[parent])));
            }
            Call::End(n) => {
                if let Some(n) = pick(n) {
                    model.end(n);
                    tracer.end_span(ids[n]);
                }
            }
            Call::Fail(n) => {
                if let Some(n) = pick(n) {
                    model.change(n, |span| span.failed = true);
                    tracer.fail_span(ids[n], "");
                }
            }
            Call::Event(n) => {
                if let Some(n) = pick(n) {
                    model.change(n, |span| span.events += 1);
                    tracer.add_event(ids[n], "event", &[("n", n)]);
                }
            }
        }
    }
    ids
}

fn check(options: TracerOptions, keep_all: bool, calls: &[Call]) {
    let tracer = tracer(options);
    let mut model = Model { keep_all, ..Model::default() };
    let ids = run(&tracer, &mut model, calls);
    let number = |id: SpanId| ids.iter().position(|known| *known == id).unwrap();
    let mut parts: Vec<Vec<usize>> = Vec::new();
    for trace in tracer.recent(usize::MAX) {
        let mut part = Vec::new();
        for span in &trace.spans {
            let n = number(span.span_id);
            assert_eq!(*span.name, format!("span {n}"));
            assert_eq!(span.events.len(), model.spans[n].events);
            assert_eq!(span.status.is_error(), model.spans[n].failed);
            part.push(n);
        }
        part.sort_unstable();
        parts.push(part);
    }
    parts.sort();
    let mut expected: Vec<_> = model.parts.values().cloned().collect();
    expected.sort();
    assert_eq!(parts, expected);
    let open = model.spans.iter().filter(|span| span.state == State::Open).count();
    let stats = tracer.stats();
    assert_eq!(tracer.open_spans().len(), open);
    assert_eq!((stats.ended_twice, stats.stale), (model.ended_twice, model.stale));
    assert_eq!((stats.event_after_end, stats.foreign), (model.late_events, 0));
    assert_eq!(stats.kept, model.parts.values().map(|part| part.len() as u64).sum::<u64>());
    assert_eq!((stats.lost_slots, stats.lost_payload, stats.lost_evicted), (0, 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_sampled_is_kept_in_the_parts_of_the_model(calls in calls()) {
        check(all(), true, &calls);
    }

    #[test]
    fn what_is_not_sampled_is_kept_where_something_failed(calls in calls()) {
        check(TracerOptions { ratio: 0.0, ..TracerOptions::default() }, false, &calls);
    }
}
