//! `stage/guard`: a stage of a pipeline timed by its guard.

use std::hint::black_box;

use perf_monitor_core::Registry;
use perf_monitor_instruments::{Stage, Stages};

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Rung, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "stage/guard", run };

const BY_NAME: &str = "by name";

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let stages = Stages::new(&registry).map_err(|error| error.to_string())?;
    let subjects = [
        guard(stages.stage("fetch")),
        off(),
        controls::floor(),
        controls::two_reads(),
        by_name(stages),
    ];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(2.0, 20.0));
    let mut report = hot::report(&climb, &subjects);
    hot::over_two_reads(&mut report, &climb);
    report.rounds("record_by_name", "ns", climb.ns(BY_NAME, Rung::One));
    Ok(report)
}

fn guard(stage: Stage) -> Subject {
    Subject::new(hot::OURS, move || {
        let stage = stage.clone();
        move |ops| {
            for _ in 0..ops {
                let guard = stage.start();
                black_box(());
                drop(guard);
            }
        }
    })
}

/// The seed's own call, one of sixteen names in turn, each as a text that is known at run time only.
fn by_name(stages: Stages) -> Subject {
    let names: Vec<String> = (0..16).map(|n| format!("stage {n}")).collect();
    Subject::new(BY_NAME, move || {
        let (stages, names) = (stages.clone(), names.clone());
        move |ops| {
            for n in 0..ops as usize {
                let duration = std::time::Duration::from_micros(n as u64 % 512);
                stages.record_stage(&names[n % 16], duration, false);
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || |ops| (0..ops).for_each(|_| black_box(())))
}
