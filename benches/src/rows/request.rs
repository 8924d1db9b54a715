//! `request/record`: one request into the collector that the dashboard answers from.

use std::hint::black_box;

use perf_monitor_core::{MetricsCollector, Registry};

use super::{Row, hot};
use crate::harness::{Effort, Rung, Subject, climb};
use crate::report::Report;
use crate::{controls, seed, values};

pub(crate) const ROW: Row = Row { id: "request/record", run };

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let collector = MetricsCollector::new(&registry).map_err(|error| error.to_string())?;
    let subjects =
        [ours(collector), off(), controls::floor(), controls::plain_cells(), seed::request()];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(2.5, 25.0));
    let mut report = hot::report(&climb, &subjects);
    let slower_ns = climb.ns(hot::OURS, Rung::Two).median();
    report.number("two_threads_together", "M/s", 2_000.0 / slower_ns);
    Ok(report)
}

fn ours(collector: MetricsCollector) -> Subject {
    Subject::new(hot::OURS, move || {
        let (collector, values) = (collector.clone(), values::durations());
        move |ops| {
            for n in 0..ops {
                collector.record_request(values.at(n), values::succeeds(n));
                black_box(());
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || {
        let values = values::durations();
        move |ops| {
            for n in 0..ops {
                black_box((values.at(n), values::succeeds(n)));
            }
        }
    })
}
