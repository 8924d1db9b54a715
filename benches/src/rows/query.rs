//! `query/record`: a query of three phases, in one call, by name, and phase by phase.

use std::hint::black_box;
use std::time::Duration;

use perf_monitor_core::Registry;
use perf_monitor_instruments::{Io, Phase, Queries, Query};

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Rung, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "query/record", run };

const BY_NAME: &str = "by name";
const RUN: &str = "run";
const IO: &str = "io";

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let queries = Queries::new(&registry).map_err(|error| error.to_string())?;
    let io = Io::new(&registry).map_err(|error| error.to_string())?;
    let query = queries.query("select ?");
    let subjects = [
        record(query.clone()),
        off(),
        controls::floor(),
        prometheus(),
        by_name(queries),
        phases(query),
        read(io),
    ];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(2.0, 20.0));
    let mut report = hot::report(&climb, &subjects[..4]);
    report.rounds("by_name", "ns", climb.ns(BY_NAME, Rung::One));
    report.rounds("run", "ns", climb.ns(RUN, Rung::One));
    report.rounds("io_read", "ns", climb.ns(IO, Rung::One));
    Ok(report)
}

/// What the phases of the `n`th query took.
fn phases_of(n: u64) -> [Duration; 3] {
    [10, 20, 400].map(|us| Duration::from_nanos(us * 1_000 + n % 512))
}

fn record(query: Query) -> Subject {
    Subject::new(hot::OURS, move || {
        let query = query.clone();
        move |ops| {
            for n in 0..ops {
                let [parse, optimize, execute] = phases_of(n);
                query.record(parse, optimize, execute);
            }
        }
    })
}

/// Sixteen shapes in turn, each a text that is known at run time only.
fn by_name(queries: Queries) -> Subject {
    let shapes: Vec<String> = (0..16).map(|n| format!("select * from table_{n}")).collect();
    Subject::new(BY_NAME, move || {
        let (queries, shapes) = (queries.clone(), shapes.clone());
        move |ops| {
            for n in 0..ops {
                let [parse, optimize, execute] = phases_of(n);
                let shape = &shapes[n as usize % 16];
                queries.record_detailed_query_execution(shape, parse, optimize, execute);
            }
        }
    })
}

fn phases(query: Query) -> Subject {
    Subject::new(RUN, move || {
        let query = query.clone();
        move |ops| {
            for _ in 0..ops {
                let mut run = query.begin();
                for phase in Phase::ALL {
                    run.phase(phase);
                    black_box(());
                }
            }
        }
    })
}

fn read(io: Io) -> Subject {
    Subject::new(IO, move || {
        let io = io.clone();
        move |ops| (0..ops).for_each(|n| io.record_io_read(n & 4_095))
    })
}

/// The time of the whole and of its phases in histograms of the `prometheus` crate.
fn prometheus() -> Subject {
    let histogram = |name| {
        let opts = prometheus::HistogramOpts::new(name, "Time.");
        prometheus::Histogram::with_opts(opts).expect("the name is valid")
    };
    let times = ["total", "parse", "optimize", "execute"].map(histogram);
    Subject::new("prometheus", move || {
        let times = times.clone();
        move |ops| {
            for n in 0..ops {
                let phases = phases_of(n).map(|phase| phase.as_secs_f64());
                times[0].observe(phases.iter().sum());
                times[1..].iter().zip(phases).for_each(|(time, phase)| time.observe(phase));
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || {
        |ops| (0..ops).for_each(|n| assert!(black_box(phases_of(n))[0] > Duration::ZERO))
    })
}
