//! A small report whose addresses stand for functions.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use perf_monitor_profiling::{Line, Module, Names, Node, Place, Report, Sample, ValueType};

pub(super) const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[31m;\n\"x\" &amp; ]]> 17";

const MODULE: u64 = 0x1000;

pub(super) fn line(function: &str) -> Line {
    Line { function: function.to_owned(), is_known: true, file: None, line: None }
}

/// A report of stacks from the outermost on: 8 is at an address of nothing, the others are in the program.
pub(super) fn report(stacks: &[(&[u64], u64)]) -> Report {
    let mut nodes: Vec<Node> = Vec::new();
    let mut known: HashMap<Node, u32> = HashMap::new();
    let mut samples = Vec::new();
    for (number, (stack, value)) in stacks.iter().enumerate() {
        let mut caller = None;
        for address in stack.iter() {
            let place = match address {
                8 => Place::Unknown { address: 8 },
                address => Place::Code { module: 0, address: MODULE + address },
            };
            let node = Node { caller, place };
            caller = Some(*known.entry(node).or_insert_with(|| {
                nodes.push(node);
                nodes.len() as u32 - 1
            }));
        }
        let in_span = number == 1;
        samples.push(Sample {
            leaf: caller,
            thread: Some(in_span.into()),
            span: in_span.then_some(0),
            trace: in_span.then_some(77),
            values: vec![u64::from(*value > 0), *value],
        });
    }
    Report {
        values: vec![
            ValueType { name: "samples", unit: "count" },
            ValueType { name: "cpu", unit: "nanoseconds" },
        ],
        period: 10_000_000,
        stacks: nodes,
        samples,
        modules: vec![Module {
            range: MODULE..MODULE + 0x10_0000,
            file_offset: 0x400,
            path: "/opt/shop".to_owned(),
        }],
        threads: vec!["main".to_owned(), "worker".to_owned()],
        spans: vec!["GET /cart".to_owned()],
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        duration: Duration::from_secs(30),
        notes: vec!["3 samples were lost".to_owned(), HOSTILE.to_owned()],
    }
}

pub(super) fn example() -> Report {
    let ms = 1_000_000;
    report(&[
        (&[2, 1, 3], 40 * ms),
        (&[2, 1], 30 * ms),
        (&[2, 1, 4], 10 * ms),
        (&[2, 5, 4], 20 * ms),
        (&[8], 10 * ms),
        (&[], 10 * ms),
        (&[2, 3], 0),
    ])
}

pub(super) fn names(report: &Report) -> Names {
    let at = |function: &str, file: &str, number| Line {
        file: Some(file.to_owned()),
        line: Some(number),
        ..line(function)
    };
    Names::by(report, |place| match place {
        Place::Code { address: 0x1001, .. } => {
            vec![at("shop::price", "src/price.rs", 7), at("shop::cart", "src/cart.rs", 70)]
        }
        Place::Code { address: 0x1002, .. } => vec![line("main")],
        Place::Code { address: 0x1003, .. } => {
            vec![line("<alloc::vec::Vec<T> as core::ops::Index>::index")]
        }
        Place::Code { address: 0x1004, .. } => vec![line("malloc")],
        Place::Code { address: 0x1005, .. } => vec![line(HOSTILE)],
        Place::Code { address: 0x1006, .. } => vec![at("shop::price", "src/price.rs", 9)],
        _ => Vec::new(),
    })
}
