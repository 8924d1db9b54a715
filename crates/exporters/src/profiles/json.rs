//! Calls of a profile as JSON, for a page that draws them.

use perf_monitor_profiling::{Call, CallTree};

use crate::escape::{push_all, push_json};
use crate::number::{push_decimal, push_integer};

/// Writes `tree` as one JSON object:
///
/// ```json
/// {"value": "cpu", "unit": "nanoseconds", "duration_ms": 30000, "total": 120000000,
///  "functions": ["main", "shop::cart"],
///  "calls": [[-1, 0, 0, 120000000], [0, 1, 120000000, 120000000]],
///  "threads": [["main", 120000000]], "spans": [["GET /cart", 80000000]],
///  "notes": ["3 samples were lost"]}
/// ```
///
/// - A call is the number of its caller in `calls` (-1: none), of its function in `functions`, what it weighs in
///   itself, and with all that it called. A caller stands before what it calls.
/// - Of a difference there is `before`, the total of the earlier report, and each call has two more numbers: by how much
///   its own weight and its total grew, negative where they shrank.
/// - `threads` and `spans` are sums by name, the largest first; what ran in no span is not in `spans`.
/// - Weights are integers of `unit`.
///
/// ```
/// use perf_monitor_exporters::call_tree_to_json;
/// use perf_monitor_profiling::{CallTree, Names, Report};
///
/// fn answer(report: &Report) -> Vec<u8> {
///     call_tree_to_json(&CallTree::of(report, &Names::of(report)))
/// }
/// ```
pub fn call_tree_to_json(tree: &CallTree) -> Vec<u8> {
    let mut out = Vec::new();
    push_all(&mut out, &["{\"value\":\"", tree.value.name, "\",\"unit\":\"", tree.value.unit]);
    out.extend_from_slice(b"\",\"duration_ms\":");
    push_decimal(&mut out, u64::try_from(tree.duration.as_micros()).unwrap_or(u64::MAX), 3);
    out.extend_from_slice(b",\"total\":");
    push_integer(&mut out, tree.total);
    if let Some(before) = tree.before {
        out.extend_from_slice(b",\"before\":");
        push_integer(&mut out, before);
    }
    push_list(&mut out, "functions", &tree.functions, |out, name| push_json(out, name));
    push_list(&mut out, "calls", &tree.calls, |out, call| {
        push_call(out, call, tree.before.is_some());
    });
    push_list(&mut out, "threads", &tree.threads, push_sum);
    push_list(&mut out, "spans", &tree.spans, push_sum);
    push_list(&mut out, "notes", &tree.notes, |out, note| push_json(out, note));
    out.extend_from_slice(b"}\n");
    out
}

fn push_list<T>(out: &mut Vec<u8>, name: &str, items: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
    push_all(out, &[",\n\"", name, "\":["]);
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

fn push_call(out: &mut Vec<u8>, call: &Call, is_difference: bool) {
    let (weight, before) = (call.weight, call.before);
    let caller = call.caller.map_or(-1, i128::from);
    let mut numbers = vec![caller, call.function.into(), weight.own.into(), weight.total.into()];
    if is_difference {
        numbers.push(i128::from(weight.own) - i128::from(before.own));
        numbers.push(i128::from(weight.total) - i128::from(before.total));
    }
    out.push(b'[');
    for (place, number) in numbers.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
    out.push(b']');
}

fn push_sum(out: &mut Vec<u8>, (name, sum): &(String, u64)) {
    out.push(b'[');
    push_json(out, name);
    out.push(b',');
    push_integer(out, *sum);
    out.push(b']');
}
