//! `bridge/metrics`: code that is instrumented with `metrics` already, recorded by us.

use std::hint::black_box;

use metrics::{Recorder, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use perf_monitor_bridges::metrics::MetricsBridge;
use perf_monitor_core::Registry;

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Rung, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "bridge/metrics", run };

const EXPORTER: &str = "exporter-prometheus";
const LABELS: &str = "macro, two labels";
const EXPORTER_LABELS: &str = "exporter-prometheus, two labels";
const HANDLE: &str = "handle";
const EXPORTER_HANDLE: &str = "exporter-prometheus, handle";

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let bridge = || MetricsBridge::new(&registry).map_err(|error| error.to_string());
    let exporter = || PrometheusBuilder::new().build_recorder();
    let subjects = [
        literal(hot::OURS, bridge()?),
        off(),
        controls::floor(),
        literal(EXPORTER, exporter()),
        labels(LABELS, bridge()?),
        labels(EXPORTER_LABELS, exporter()),
        handle(HANDLE, bridge()?),
        handle(EXPORTER_HANDLE, exporter()),
    ];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(3.0, 25.0));
    let mut report = hot::report(&climb, &subjects[..4]);
    let one = |name| climb.ns(name, Rung::One);
    report.ratio("labels_of_exporter", "ns", one(LABELS), (EXPORTER_LABELS, one(EXPORTER_LABELS)));
    report.rounds("labels", "ns", one(LABELS));
    report.rounds("handle", "ns", one(HANDLE));
    report.ratio("handle_of_exporter", "ns", one(HANDLE), (EXPORTER_HANDLE, one(EXPORTER_HANDLE)));
    Ok(report)
}

/// The macro with everything literal.
fn literal(name: &'static str, recorder: impl Recorder + Send + Sync + 'static) -> Subject {
    let recorder = std::sync::Arc::new(recorder);
    Subject::new(name, move || {
        let recorder = recorder.clone();
        move |ops| {
            with_local_recorder(&*recorder, || {
                for _ in 0..ops {
                    metrics::counter!("jobs_total", "queue" => "mail").increment(1);
                }
            })
        }
    })
}

/// The macro with two values that are known at run time only.
fn labels(name: &'static str, recorder: impl Recorder + Send + Sync + 'static) -> Subject {
    let recorder = std::sync::Arc::new(recorder);
    Subject::new(name, move || {
        let recorder = recorder.clone();
        move |ops| {
            with_local_recorder(&*recorder, || {
                controls::for_each_label(ops, |[method, route]| {
                    metrics::counter!("hits_total", "method" => method, "route" => route)
                        .increment(1);
                })
            })
        }
    })
}

/// A counter that was kept, eight in turn.
fn handle(name: &'static str, recorder: impl Recorder + Send + Sync + 'static) -> Subject {
    let counters = with_local_recorder(&recorder, || {
        ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| metrics::counter!(name))
    });
    Subject::new(name, move || {
        let counters = counters.clone();
        move |ops| {
            for _ in 0..ops / 8 {
                counters.iter().for_each(|counter| counter.increment(1));
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || |ops| (0..ops).for_each(|_| black_box(())))
}
