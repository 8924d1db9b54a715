//! `counter/dynamic-2-labels`: series found by label values that are known at run time only.

use std::hint::black_box;

use perf_monitor_core::{Counter, Family, Registry};

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Rung, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "counter/dynamic-2-labels", run };

/// Label values that a thread goes through before it comes to the first again: more than its cache
/// of series holds.
const MISSES: usize = 900;

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::builder().budget_bytes(1 << 24).build();
    let family = |name| {
        let family = registry.counter_family((name, "Hits."), &["method", "route"]);
        family.map_err(|error| error.to_string())
    };
    let subjects = [
        hit(family("hits_total")?),
        off(),
        controls::floor(),
        controls::prometheus_labels(),
        controls::prometheus_client_labels(),
        controls::metrics_labels(),
        miss(family("misses_total")?),
    ];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(3.0, 25.0));
    let mut report = hot::report(&climb, &subjects[..6]);
    report.rounds("miss", "ns", climb.ns("miss", Rung::One));
    report.rounds("miss_two_threads", "ns", climb.ns("miss", Rung::Two));
    Ok(report)
}

fn hit(family: Family<Counter>) -> Subject {
    Subject::new(hot::OURS, move || {
        let family = family.clone();
        move |ops| controls::for_each_label(ops, |labels| family.inc(&labels))
    })
}

fn miss(family: Family<Counter>) -> Subject {
    let routes: Vec<String> = (0..MISSES).map(|i| format!("/items/{i}")).collect();
    Subject::new("miss", move || {
        let (family, routes) = (family.clone(), routes.clone());
        let mut next = 0;
        move |ops| {
            for _ in 0..ops {
                next = (next + 1) % MISSES;
                family.inc(&["GET", &routes[next]]);
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || {
        |ops| {
            controls::for_each_label(ops, |labels| {
                black_box(&labels);
            })
        }
    })
}
