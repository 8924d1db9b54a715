//! What is written, compared with committed files and decoded by another implementation.

mod example;
mod peer;
mod proto;

use std::collections::HashMap;
use std::time::Duration;

use perf_monitor_profiling::{CallTree, Names, Place, Report, Scale};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use example::{HOSTILE, example, names, report};
use proto::{Profile, Sums, decoded};

#[track_caller]
fn check(name: &str, actual: &[u8]) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let actual = std::str::from_utf8(actual).unwrap();
    assert!(expected == actual, "{path} is not what was written:\n{actual}");
    serde_json::from_str::<Value>(actual).unwrap();
}

#[test]
fn calls_are_written_as_documented() {
    let report = example();
    check("profile.json", &call_tree_to_json(&CallTree::of(&report, &names(&report))));
}

#[test]
fn calls_of_a_difference_tell_by_how_much_they_grew_or_shrank() {
    let before = report(&[(&[2, 1, 3], 10_000_000), (&[2, 6], 60_000_000)]);
    let difference = example().diff(&before, Scale::AsMeasured);
    let tree = CallTree::of_difference(&difference, &names(&difference.after));
    check("profile_difference.json", &call_tree_to_json(&tree));
}

#[test]
fn a_profile_says_what_it_is() {
    let report = example();
    let profile = decoded(&to_pprof(&report, &names(&report)));
    let types: Vec<_> = profile.sample_type.iter().map(|of| profile.type_name(of)).collect();
    assert_eq!(types, ["samples/count", "cpu/nanoseconds"]);
    assert_eq!(profile.type_name(profile.period_type.as_ref().unwrap()), "cpu/nanoseconds");
    assert_eq!((profile.period, profile.duration_nanos), (10_000_000, 30_000_000_000));
    assert_eq!(profile.time_nanos, 1_700_000_000_000_000_000);
    assert_eq!(profile.text(profile.default_sample_type), "cpu");
    let notes: Vec<_> = profile.comment.iter().map(|note| profile.text(*note)).collect();
    assert_eq!(notes, ["3 samples were lost", HOSTILE]);
    assert_eq!(profile.text(0), "");
}

#[test]
fn a_location_has_its_inlined_functions_its_file_and_its_mapping() {
    let report = example();
    let profile = decoded(&to_pprof(&report, &names(&report)));
    let location = profile.location.iter().find(|one| one.address == 0x1001).unwrap();
    let lines: Vec<_> = location.line.iter().map(|line| profile.line(line)).collect();
    assert_eq!(lines, ["shop::price src/price.rs:7", "shop::cart src/cart.rs:70"]);
    let mapping = profile.mapping.iter().find(|one| one.id == location.mapping_id).unwrap();
    assert_eq!(profile.text(mapping.filename), "/opt/shop");
    assert!((mapping.memory_start..mapping.memory_limit).contains(&location.address));
    assert!(mapping.has_functions && mapping.has_line_numbers && mapping.has_inline_frames);
    assert_eq!(profile.mapping[0].id, 1, "pprof takes the first for the program");
    assert!(profile.function.iter().all(|one| one.system_name == 0));
}

#[test]
fn samples_carry_thread_span_and_trace() {
    let report = example();
    let profile = decoded(&to_pprof(&report, &names(&report)));
    let labels: Vec<_> = profile.sample.iter().map(|sample| profile.labels(sample)).collect();
    assert_eq!(labels[0], ["thread=main"]);
    let trace = "trace_id=0000000000000000000000000000004d";
    assert_eq!(labels[1], ["thread=worker", "span_name=GET /cart", trace]);
}

#[test]
fn what_shrank_is_negative_and_what_stayed_is_left_out() {
    let before = report(&[(&[2, 1, 3], 90_000_000), (&[2, 1], 30_000_000)]);
    let difference = example().diff(&before, Scale::AsMeasured);
    let profile = decoded(&difference_to_pprof(&difference, &names(&difference.after)));
    let sums = profile.sums();
    let all: i64 = sums.values().map(|values| values[1]).sum();
    assert_eq!(all, difference.after.weight() as i64 - before.weight() as i64);
    assert!(sums.values().any(|values| values[1] < 0));
}

#[test]
fn nothing_is_a_profile_too() {
    let report = report(&[]);
    let profile = decoded(&to_pprof(&report, &names(&report)));
    assert!(profile.sample.is_empty() && profile.sample_type.len() == 2);
}

#[test]
fn a_large_profile_is_written_in_time() {
    let stacks: Vec<Vec<u64>> = (0..1_024_u64)
        .map(|n| (0..40).map(|depth| (n >> (depth % 10)) << 6 | depth).collect())
        .collect();
    let stacks: Vec<(&[u64], u64)> =
        stacks.iter().map(|stack| (stack.as_slice(), 10_000_000)).collect();
    let report = report(&stacks);
    let names = Names::of(&report);
    let began = std::time::Instant::now();
    let bytes = to_pprof(&report, &names);
    let pprof = began.elapsed();
    let image = CallTree::of(&report, &names).to_flamegraph();
    let svg = began.elapsed() - pprof;
    println!(
        "{} nodes: pprof {pprof:?} {} B, svg {svg:?} {} B",
        report.stacks.len(),
        bytes.len(),
        image.len()
    );
    // a tenth of it in a release build; this says no more than that nothing is quadratic
    assert!(image.len() > 100_000 && pprof + svg < Duration::from_secs(60));
}

proptest! {
    #[test]
    fn another_decoder_finds_the_same_sums(
        stacks in prop::collection::vec((prop::collection::vec(0_u64..9, 0..6), 0_u64..1000), 0..20),
        called in prop::collection::vec(any::<String>(), 9),
    ) {
        let stacks: Vec<(&[u64], u64)> = stacks.iter().map(|(s, v)| (s.as_slice(), *v)).collect();
        let report = report(&stacks);
        let name = |place| match place {
            Place::Unknown { address } | Place::Code { address, .. } => {
                vec![example::line(&called[(address & 15) as usize])]
            }
            _ => Vec::new(),
        };
        let names = Names::by(&report, name);
        prop_assert_eq!(decoded(&to_pprof(&report, &names)).sums(), sums(&report, &names));
    }
}

/// The values of each stack of names, the innermost first.
fn sums(report: &Report, names: &Names) -> Sums {
    let mut sums: Sums = HashMap::new();
    for sample in
        report.samples.iter().filter(|sample| sample.values.iter().any(|value| *value > 0))
    {
        let places = report.frames(sample.leaf).map(|node| report.stacks[node as usize].place);
        let stack = places.flat_map(|place| names.lines(place)).map(|line| line.function.clone());
        let sum = sums.entry(stack.collect()).or_insert_with(|| vec![0; sample.values.len()]);
        for (sum, value) in sum.iter_mut().zip(&sample.values) {
            *sum += *value as i64;
        }
    }
    sums
}

impl Profile {
    fn type_name(&self, of: &proto::ValueType) -> String {
        format!("{}/{}", self.text(of.r#type), self.text(of.unit))
    }
}
