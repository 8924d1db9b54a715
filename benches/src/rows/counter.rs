//! `counter/inc`: increments of unlabelled counters.

use std::hint::black_box;

use perf_monitor_core::{Counter, Registry};

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Rung, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "counter/inc", run };

/// Eight counters in turn, as a request bumps several. One counter over and over measures how fast
/// a core answers a load from its own last store (0.25 ns on Zen 4, 1.7 ns on Cascade Lake), which
/// no code changes: `one_counter` tells it beside the same floor.
const COUNTERS: usize = 8;

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let counters = counters(&registry)?;
    let subjects = [
        in_turn(&counters),
        off(),
        controls::floor(),
        controls::prometheus_counter(),
        controls::prometheus_client_counter(),
        controls::metrics_counter(),
        controls::shared_fetch_add(),
        back_to_back(&counters[0]),
        controls::floor_back_to_back(),
    ];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(2.5, 25.0));
    let mut report = hot::report(&climb, &subjects[..7]);
    let [one, floor] = [7, 8].map(|i| &subjects[i].name);
    report.ratio(
        "one_counter",
        "ns",
        climb.ns(one, Rung::One),
        (floor, climb.ns(floor, Rung::One)),
    );
    Ok(report)
}

fn counters(registry: &Registry) -> Result<[Counter; COUNTERS], String> {
    let mut counters = Vec::new();
    for i in 0..COUNTERS {
        let counter = registry.counter((format!("jobs_{i}_total"), "Jobs."));
        counters.push(counter.map_err(|error| error.to_string())?);
    }
    counters.try_into().map_err(|_| unreachable!("as many were made"))
}

fn in_turn(counters: &[Counter; COUNTERS]) -> Subject {
    let counters = counters.clone();
    Subject::new(hot::OURS, move || {
        let counters = counters.clone();
        move |ops| {
            for _ in 0..ops / COUNTERS as u64 {
                for counter in &counters {
                    counter.inc();
                    black_box(());
                }
            }
        }
    })
}

fn back_to_back(counter: &Counter) -> Subject {
    let counter = counter.clone();
    Subject::new("one counter", move || {
        let counter = counter.clone();
        move |ops| {
            for _ in 0..ops / 8 {
                for _ in 0..8 {
                    counter.inc();
                    black_box(());
                }
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || |ops| (0..ops / COUNTERS as u64).for_each(|_| black_box(())))
}
