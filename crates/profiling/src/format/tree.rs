//! A report by functions rather than addresses.

use std::collections::HashMap;
use std::time::Duration;

use crate::difference::Difference;
use crate::report::{Report, ValueType};
use crate::symbols::Names;

/// What a report says of functions: who called whom, and the weight of each call.
///
/// Addresses of one function are one call here, inlined functions are calls of their own. It is what
/// flame graphs, collapsed stacks and the JSON of pages are made of, and is small: it holds each name once.
#[derive(Clone, Debug, PartialEq)]
pub struct CallTree {
    /// What the weights are: the last of the values of the report.
    pub value: ValueType,
    /// Names of the functions that the calls are of, each once.
    pub functions: Vec<String>,
    /// The calls: a caller comes before what it calls, and those of one caller in the order of their names.
    pub calls: Vec<Call>,
    /// The sum of all weights; of a difference, those of the later report.
    pub total: u64,
    /// Of a difference, the sum of the weights of the earlier report, scaled as they are.
    pub before: Option<u64>,
    /// The weight of each thread, by name, largest first.
    pub threads: Vec<(String, u64)>,
    /// The weight of each span, by name, largest first.
    pub spans: Vec<(String, u64)>,
    /// How long it took.
    pub duration: Duration,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// A function as called by those above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The call that this one came from, in [`CallTree::calls`]; `None` for the outermost.
    pub caller: Option<u32>,
    /// What is called, in [`CallTree::functions`].
    pub function: u32,
    /// What it weighs.
    pub weight: Weight,
    /// Of a difference, what it weighed before; else 0.
    pub before: Weight,
}

/// How much of a value belongs to a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// In the function itself.
    pub own: u64,
    /// In it and all that it called.
    pub total: u64,
}

impl CallTree {
    /// The calls of `report`; those of no weight are left out.
    ///
    /// # Cost
    /// A few hash look-ups for each node and line of the report: milliseconds for 10,000 nodes.
    pub fn of(report: &Report, names: &Names) -> CallTree {
        CallTree::new(report, names, None)
    }

    /// The calls of either report, each with what it weighs and what it weighed.
    pub fn of_difference(difference: &Difference, names: &Names) -> CallTree {
        CallTree::new(&difference.after, names, Some(&difference.before))
    }

    fn new(report: &Report, names: &Names, before: Option<&[Vec<u64>]>) -> CallTree {
        let mut builder = Builder::default();
        let leaves = builder.calls_of(report, names);
        for (number, sample) in report.samples.iter().enumerate() {
            let call = match sample.leaf.and_then(|leaf| leaves.get(leaf as usize)) {
                Some(call) => *call,
                None => builder.call(None, "(unknown)"),
            };
            let call = &mut builder.calls[call as usize];
            let own = |values: &[u64]| values.last().copied().unwrap_or(0);
            let was = before.and_then(|before| before.get(number));
            call.weight.own = call.weight.own.saturating_add(own(&sample.values));
            call.before.own = call.before.own.saturating_add(was.map_or(0, |values| own(values)));
        }
        builder.add_up();
        let mut calls = builder.in_order();
        let outermost = || calls.iter().filter(|call| call.caller.is_none());
        let total = outermost().map(|call| call.weight.total).fold(0, u64::saturating_add);
        let was = || outermost().map(|call| call.before.total).fold(0, u64::saturating_add);
        let before = before.map(|_| was());
        CallTree {
            value: report.value(),
            total,
            before,
            threads: report.by_thread(),
            spans: report.by_span(),
            duration: report.duration,
            notes: report.notes.iter().chain(names.notes()).cloned().collect(),
            functions: builder.functions_of(&mut calls),
            calls,
        }
    }
}

#[derive(Default)]
struct Builder {
    functions: Vec<String>,
    numbers: HashMap<String, u32>,
    calls: Vec<Call>,
    known: HashMap<(Option<u32>, u32), u32>,
}

impl Builder {
    /// The innermost call of each node of the report.
    fn calls_of(&mut self, report: &Report, names: &Names) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::with_capacity(report.stacks.len());
        for node in &report.stacks {
            // of a report that says otherwise than that callers come first, frames begin anew
            let mut call = node.caller.and_then(|caller| found.get(caller as usize).copied());
            if let Some(caller) = call
                && names.is_hidden(node)
            {
                found.push(caller);
                continue;
            }
            for line in names.lines(node.place).iter().rev() {
                call = Some(self.call(call, &line.function));
            }
            let call = call.unwrap_or_else(|| self.call(None, "(unknown)"));
            found.push(call);
        }
        found
    }

    fn call(&mut self, caller: Option<u32>, function: &str) -> u32 {
        let function = self.function(function);
        *self.known.entry((caller, function)).or_insert_with(|| {
            let (weight, before) = Default::default();
            self.calls.push(Call { caller, function, weight, before });
            (self.calls.len() - 1) as u32
        })
    }

    fn function(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.functions.len() as u32;
        self.functions.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    fn add_up(&mut self) {
        for number in (0..self.calls.len()).rev() {
            let call = &mut self.calls[number];
            let sum = |weight: &mut Weight| {
                weight.total = weight.total.saturating_add(weight.own);
                weight.total
            };
            let (weight, before, caller) =
                (sum(&mut call.weight), sum(&mut call.before), call.caller);
            if let Some(caller) = caller {
                let caller = &mut self.calls[caller as usize];
                caller.weight.total = caller.weight.total.saturating_add(weight);
                caller.before.total = caller.before.total.saturating_add(before);
            }
        }
    }

    /// What has weight, each call directly before all that it called.
    fn in_order(&self) -> Vec<Call> {
        let mut below: Vec<Vec<u32>> = vec![Vec::new(); self.calls.len()];
        let mut open: Vec<(u32, Option<u32>)> = Vec::new();
        for (number, call) in self.calls.iter().enumerate() {
            if call.weight.total == 0 && call.before.total == 0 {
                continue;
            }
            match call.caller {
                Some(caller) => below[caller as usize].push(number as u32),
                None => open.push((number as u32, None)),
            }
        }
        let name = |number: u32| &self.functions[self.calls[number as usize].function as usize];
        // the last one is looked at first
        open.sort_by(|a, b| name(b.0).cmp(name(a.0)));
        let mut ordered = Vec::new();
        while let Some((number, caller)) = open.pop() {
            let next = ordered.len() as u32;
            ordered.push(Call { caller, ..self.calls[number as usize] });
            let called = &mut below[number as usize];
            called.sort_by(|a, b| name(*b).cmp(name(*a)));
            open.extend(called.iter().map(|called| (*called, Some(next))));
        }
        ordered
    }

    /// The functions of `calls` alone, which are numbered anew: of a report that was filtered, the names of
    /// what is left out would be most.
    fn functions_of(self, calls: &mut [Call]) -> Vec<String> {
        let mut numbers = vec![None; self.functions.len()];
        calls.iter().for_each(|call| numbers[call.function as usize] = Some(0));
        let mut functions = Vec::new();
        for (number, name) in numbers.iter_mut().zip(self.functions) {
            if let Some(number) = number {
                *number = functions.len() as u32;
                functions.push(name);
            }
        }
        for call in calls {
            call.function = numbers[call.function as usize].unwrap_or_default();
        }
        functions
    }
}
