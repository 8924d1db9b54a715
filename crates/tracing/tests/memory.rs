//! The tracer's memory under a flood that nobody drains.
//!
//! `PERF_MONITOR_SOAK=1` makes it last a minute.

mod support;

use std::collections::HashMap;
use std::thread;
use std::time::Instant;

use support::with_registry;

/// The failures of this name come now and then.
const FAILURE: &str = "payment";

/// Failures, each after so many rounds of a hundred traces that are well: a minute at several millions of
/// spans a second, or a moment.
const FAILURES: usize = 60;

fn rounds() -> usize {
    let soak = std::env::var_os("PERF_MONITOR_SOAK").is_some();
    if soak { 5_000 } else { 40 }
}

#[test]
fn a_flood_with_the_collector_down_leaves_failures_and_the_slowest() {
    let (registry, tracer) = with_registry(support::all());
    let begun = Instant::now();
    let mut failures = Vec::new();
    let flood = || {
        for _ in 0..100 * rounds() {
            let mut root = tracer.root("request");
            root.attribute("route", "/search");
            for n in 0..9_i64 {
                tracer.span("query").attribute("n", n);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| (0..FAILURES).for_each(|_| flood()));
        for _ in 0..FAILURES {
            flood();
            let mut root = tracer.root(FAILURE);
            root.fail("refused");
            failures.push(root.id());
            drop(root);
            tracer.tick();
            // An exporter whose collector is down takes them over and over.
            drop(tracer.drain(256));
            assert!(tracer.stats().bytes <= tracer.stats().memory_bytes);
        }
    });
    let stats = tracer.stats();
    let kept: Vec<_> = tracer.failed(100).iter().map(|trace| trace.spans[0].span_id).collect();
    failures.reverse();
    assert_eq!(kept, failures, "{stats:?}");
    let mut longest: HashMap<String, u64> = HashMap::new();
    for span in tracer.slow(usize::MAX).iter().flat_map(|trace| &trace.spans) {
        let known = longest.entry(span.name.to_string()).or_default();
        *known = (*known).max(span.duration_ns);
    }
    for name in ["request", "query"] {
        assert!(longest[name] * 2 >= support::longest(&registry, name), "{name} {longest:?}");
    }
    let all = stats.kept + stats.lost_slots;
    assert_eq!(all % 10, failures.len() as u64 % 10, "{stats:?}");
    assert_eq!(stats.kept, stats.finished_spans as u64 + stats.lost_evicted, "{stats:?}");
    println!("{:.0} spans/s, {stats:?}", all as f64 / begun.elapsed().as_secs_f64());
}
