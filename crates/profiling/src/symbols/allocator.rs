//! Frames inside of jemalloc, with which the stacks of its heap profiler begin.

use std::collections::HashSet;

use super::{Line, Names};
use crate::report::{Place, Report};

/// What programs call jemalloc's by, where it was built without a prefix.
const UNPREFIXED: [&str; 11] = [
    "malloc",
    "calloc",
    "realloc",
    "aligned_alloc",
    "posix_memalign",
    "memalign",
    "valloc",
    "pvalloc",
    "mallocx",
    "rallocx",
    "xallocx",
];

/// The places of a profile of memory that are in the allocator: its functions, and whatever they call.
pub(super) fn places(report: &Report, names: &Names) -> HashSet<Place> {
    let mut places = HashSet::new();
    if report.value().unit != "bytes" {
        return places;
    }
    let mut inside: Vec<bool> = Vec::with_capacity(report.stacks.len());
    for node in &report.stacks {
        let caller = node.caller.and_then(|caller| inside.get(caller as usize).copied());
        let is_inside = caller == Some(true) || names.lines(node.place).iter().any(is_entry);
        inside.push(is_inside);
        if is_inside {
            places.insert(node.place);
        }
    }
    places
}

fn is_entry(line: &Line) -> bool {
    let function = line.function.as_str();
    line.is_known && (function.starts_with("_rjem_") || UNPREFIXED.contains(&function))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Sample, Stacks, ValueType};

    const FUNCTIONS: [&str; 5] = [
        "shop::cart",
        "<Jemalloc as GlobalAlloc>::alloc",
        "_rjem_malloc",
        "imalloc_body",
        "malloc",
    ];

    fn report(value: ValueType) -> Report {
        let mut stacks = Stacks::default();
        let at = |address| Place::Unknown { address };
        let leaves = [
            stacks.stack([0, 1, 2, 3].map(at)),
            stacks.stack([0, 4].map(at)),
            stacks.stack([2, 3].map(at)),
        ];
        let sample =
            |leaf| Sample { leaf, thread: None, span: None, trace: None, values: vec![100] };
        let places: Vec<Place> = stacks.nodes.iter().map(|node| node.place).collect();
        let report = Report::of_places(Vec::new(), &places);
        let samples = leaves.map(sample).to_vec();
        Report { values: vec![value], stacks: stacks.nodes, samples, ..report }
    }

    fn names(report: &Report) -> Names {
        let mut names = Names::by(report, |place| match place {
            Place::Unknown { address } => {
                vec![Line::named(FUNCTIONS[address as usize], None, None)]
            }
            _ => Vec::new(),
        });
        names.hidden = places(report, &names);
        names
    }

    #[test]
    fn what_allocates_is_the_leaf_of_a_profile_of_memory() {
        let report = report(ValueType { name: "inuse_space", unit: "bytes" });
        let tree = crate::CallTree::of(&report, &names(&report));
        let lines: Vec<_> = tree.to_collapsed().lines().map(str::to_owned).collect();
        let expected = [
            "_rjem_malloc 100", // nobody is known to have called it
            "shop::cart 100",
            "shop::cart;<Jemalloc as GlobalAlloc>::alloc 100",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn of_cpu_time_the_allocator_has_its_own() {
        let report = report(ValueType { name: "cpu", unit: "nanoseconds" });
        assert!(names(&report).hidden.is_empty());
    }
}
