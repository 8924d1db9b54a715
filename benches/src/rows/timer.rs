//! `timer/scope`: a scope whose time goes into a histogram.

use std::hint::black_box;

use perf_monitor_core::{Desc, Histogram, HistogramOptions, Registry, Unit};

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "timer/scope", run };

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let desc = Desc::new("step_seconds", "Time that a step takes.").unit(Unit::Nanoseconds);
    let histogram = registry.histogram(desc, HistogramOptions::default());
    let histogram = histogram.map_err(|error| error.to_string())?;
    let subjects = [ours(histogram), off(), controls::floor(), controls::two_reads()];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(2.0, 20.0));
    let mut report = hot::report(&climb, &subjects);
    hot::over_two_reads(&mut report, &climb);
    Ok(report)
}

fn ours(histogram: Histogram) -> Subject {
    Subject::new(hot::OURS, move || {
        let histogram = histogram.clone();
        move |ops| {
            for _ in 0..ops {
                let timer = histogram.start_timer();
                black_box(());
                drop(timer);
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || |ops| (0..ops).for_each(|_| black_box(())))
}
