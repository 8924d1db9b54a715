//! `latency/record`: one latency into a tracker of 60 seconds.

use std::hint::black_box;

use perf_monitor_core::LatencyTracker;

use super::{Row, hot};
use crate::harness::{Effort, Subject, climb};
use crate::report::Report;
use crate::{controls, seed, values};

pub(crate) const ROW: Row = Row { id: "latency/record", run };

fn run(effort: Effort) -> Result<Report, String> {
    let tracker = LatencyTracker::new();
    let read = tracker.clone();
    let subjects = [
        ours(tracker),
        off(),
        controls::floor(),
        seed::latency(),
        controls::plain_cells(),
        controls::own_hdr(),
        controls::prometheus_histogram(),
        controls::prometheus_client_histogram(),
        controls::metrics_histogram(),
    ];
    let read = move || {
        black_box(read.get_percentiles());
    };
    let climb = climb(&subjects, read, effort.seconds(3.0, 25.0));
    Ok(hot::report(&climb, &subjects))
}

fn ours(tracker: LatencyTracker) -> Subject {
    Subject::new(hot::OURS, move || {
        let (tracker, values) = (tracker.clone(), values::latencies_us());
        move |ops| {
            for n in 0..ops {
                tracker.record(values.at(n));
                black_box(());
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || {
        let values = values::latencies_us();
        move |ops| {
            for n in 0..ops {
                black_box(values.at(n));
            }
        }
    })
}
