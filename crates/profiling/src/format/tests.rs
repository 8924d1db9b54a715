//! What is written, compared with committed files and read back.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::report::{Place, Report, Sample, Stacks, ValueType};
use crate::symbols::{Line, Names};
use crate::{Difference, Scale};

const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[31m;\n\"x\" &amp; ]]> -- \u{202e} 17";

fn line(function: &str) -> Line {
    Line { function: function.to_owned(), is_known: true, file: None, line: None }
}

/// A report of stacks of functions that are numbered, from the outermost on; 0 is inlined in 1.
fn report(stacks: &[(&[u64], u64)]) -> Report {
    let mut nodes = Stacks::default();
    let samples = stacks.iter().map(|(addresses, value)| Sample {
        leaf: nodes.stack(addresses.iter().map(|address| Place::Unknown { address: *address })),
        thread: Some(0),
        span: None,
        trace: None,
        values: vec![1, *value],
    });
    let samples = samples.collect();
    let value = |name, unit| ValueType { name, unit };
    Report {
        values: vec![value("samples", "count"), value("cpu", "nanoseconds")],
        period: 10_000_000,
        samples,
        stacks: nodes.nodes,
        modules: Vec::new(),
        threads: vec!["main".to_owned()],
        spans: Vec::new(),
        started: SystemTime::UNIX_EPOCH,
        duration: Duration::from_secs(30),
        notes: vec!["3 samples were lost".to_owned(), HOSTILE.to_owned()],
    }
}

fn names(report: &Report) -> Names {
    Names::by(report, |place| match place {
        Place::Unknown { address: 1 } => vec![line("shop::price"), line("shop::cart")],
        Place::Unknown { address: 2 } => vec![line("main")],
        Place::Unknown { address: 3 } => {
            vec![line("<alloc::vec::Vec<T> as core::ops::Index>::index")]
        }
        Place::Unknown { address: 4 } => vec![line("malloc")],
        Place::Unknown { address: 5 } => vec![line(HOSTILE)],
        Place::Unknown { address: 6 } => vec![line("shop::price")],
        _ => Vec::new(),
    })
}

fn example() -> Report {
    let ms = 1_000_000;
    report(&[
        (&[2, 1, 3], 40 * ms),
        (&[2, 1], 30 * ms),
        (&[2, 1, 4], 10 * ms),
        (&[2, 5, 4], 20 * ms),
        (&[9], 10 * ms),
        (&[], 10 * ms),
        (&[2, 3], 0),
    ])
}

fn tree(report: &Report) -> CallTree {
    CallTree::of(report, &names(report))
}

fn difference() -> Difference {
    let ms = 1_000_000;
    let before = report(&[(&[2, 1, 3], 10 * ms), (&[2, 6], 60 * ms)]);
    example().diff(&before, Scale::ByDuration)
}

#[track_caller]
fn check(name: &str, actual: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{path} is not what was written:\n{actual}");
}

#[test]
fn stacks_are_collapsed_as_documented() {
    check("collapsed.txt", &tree(&example()).to_collapsed());
}

#[test]
fn a_difference_has_two_weights_before_and_after() {
    let difference = difference();
    let tree = CallTree::of_difference(&difference, &names(&difference.after));
    assert_eq!((tree.before, tree.total), (Some(70_000_000), 120_000_000));
    check("difference.txt", &tree.to_collapsed());
}

#[test]
fn weights_of_calls_add_up() {
    let tree = tree(&example());
    let find = |name: &str| {
        let has_name = |call: &&Call| tree.functions[call.function as usize] == name;
        tree.calls.iter().find(has_name).unwrap().weight
    };
    let ms = 1_000_000;
    assert_eq!(tree.total, 120 * ms);
    assert_eq!(find("main"), Weight { own: 0, total: 100 * ms });
    assert_eq!(find("shop::cart"), Weight { own: 0, total: 80 * ms });
    assert_eq!(find("shop::price"), Weight { own: 30 * ms, total: 80 * ms });
    assert_eq!(tree.threads, [("main".to_owned(), 120 * ms)]);
}

#[test]
fn functions_of_what_was_filtered_out_are_not_named() {
    let mut report = example();
    report.samples.truncate(2);
    let tree = tree(&report);
    assert!(tree.functions.iter().any(|name| name == "shop::cart"));
    assert!(!tree.functions.iter().any(|name| name == "malloc"), "{:?}", tree.functions);
    assert!(tree.calls.iter().all(|call| (call.function as usize) < tree.functions.len()));
}

#[cfg(feature = "flamegraph")]
#[test]
fn a_flame_graph_has_the_names_the_notes_and_nothing_that_runs_but_its_own_script() {
    let image = String::from_utf8(tree(&example()).to_flamegraph()).unwrap();
    assert!(image.contains("shop::price (80,000 µs, 66.67%)"));
    assert!(image.contains("CPU time") && image.contains("3 samples were lost"));
    assert_eq!(image.matches("<script").count(), 1);
    assert!(!image.contains("<script>alert") && image.contains("&lt;script&gt;alert"));
    assert!(image.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
    assert!(image.contains("search_prompt") && image.contains("function zoom"));
}

#[cfg(feature = "flamegraph")]
#[test]
fn the_flame_graph_of_a_difference_tells_more_from_less() {
    let difference = difference();
    let tree = CallTree::of_difference(&difference, &names(&difference.after));
    let image = String::from_utf8(tree.to_flamegraph()).unwrap();
    assert!(image.contains("CPU time, compared"));
    assert!(image.contains("malloc (10,000 µs, 8.33%; +8.33%)"), "{image}");
}

#[cfg(feature = "flamegraph")]
#[test]
fn of_nothing_a_flame_graph_says_so() {
    let image = String::from_utf8(tree(&report(&[])).to_flamegraph()).unwrap();
    assert!(image.contains("nothing was measured") && image.starts_with("<?xml"));
}

#[test]
fn callers_that_come_later_or_not_at_all_do_no_harm() {
    let mut odd = report(&[(&[2, 1], 10)]);
    odd.stacks[0].caller = Some(1);
    odd.stacks[1].caller = Some(77);
    odd.samples[0].leaf = Some(99);
    assert_eq!(tree(&odd).to_collapsed(), "(unknown) 10\n");
}

proptest! {
    /// Whatever functions are called, each line has its stack and its weight, and they add up.
    #[test]
    fn collapsed_stacks_read_back(
        called in prop::collection::vec("\\PC{0,6}|[;\\n# 0-9.]{0,4}", 1..8),
        stacks in prop::collection::vec((prop::collection::vec(0_u64..8, 0..6), 0_u64..1000), 0..20),
    ) {
        let stacks: Vec<(&[u64], u64)> = stacks.iter().map(|(s, v)| (s.as_slice(), *v)).collect();
        let report = report(&stacks);
        let names = Names::by(&report, |place| match place {
            Place::Unknown { address } => called.get(address as usize).map(|name| line(name)).into_iter().collect(),
            _ => Vec::new(),
        });
        let text = CallTree::of(&report, &names).to_collapsed();
        let mut sums: HashMap<String, u64> = HashMap::new();
        for line in text.lines() {
            let (stack, weight) = line.rsplit_once(' ').unwrap();
            *sums.entry(stack.to_owned()).or_default() += weight.parse::<u64>().unwrap();
            prop_assert!(!stack.split(';').any(str::is_empty), "{line:?}");
        }
        prop_assert_eq!(sums.values().sum::<u64>(), report.weight());
        let mut wanted: HashMap<String, u64> = HashMap::new();
        for sample in report.samples.iter().filter(|sample| sample.values[1] > 0) {
            let mut frames: Vec<String> = report.frames(sample.leaf)
                .flat_map(|node| names.lines(report.stacks[node as usize].place))
                .map(|line| collapsed::frame(&line.function)).collect();
            frames.reverse();
            let stack = if frames.is_empty() { "(unknown)".to_owned() } else { frames.join(";") };
            *wanted.entry(stack).or_default() += sample.values[1];
        }
        prop_assert_eq!(sums, wanted);
    }
}
