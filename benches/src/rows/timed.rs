//! `timed/sync`: a function that `#[timed]` records.

use std::hint::black_box;

use perf_monitor::timed;
use perf_monitor_core::Registry;

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "timed/sync", run };

fn run(effort: Effort) -> Result<Report, String> {
    let subjects = [ours(), bare(), controls::floor(), controls::two_reads()];
    let climb = climb(&subjects, hot::visit(Registry::global()), effort.seconds(2.0, 15.0));
    let mut report = hot::report(&climb, &subjects);
    hot::over_two_reads(&mut report, &climb);
    Ok(report)
}

#[timed]
#[inline(never)]
fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

#[inline(never)]
fn parse_bare(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

fn ours() -> Subject {
    Subject::new(hot::OURS, || {
        |ops| {
            for _ in 0..ops {
                let _ = black_box(parse(black_box("7")));
            }
        }
    })
}

/// The same function alone.
fn bare() -> Subject {
    Subject::new(hot::OFF, || {
        |ops| {
            for _ in 0..ops {
                let _ = black_box(parse_bare(black_box("7")));
            }
        }
    })
}
