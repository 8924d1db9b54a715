//! The metrics of this process, named as the Prometheus client libraries name them.

use perf_monitor_core::Unit;

use super::table::{CounterDef, GaugeDef, number};
use crate::model::ProcessSample;

/// What the core's collector registers too; so it is never removed, nor made to be absent.
pub(crate) const RESIDENT: &str = "process_resident_memory_bytes";
pub(crate) const RESIDENT_HELP: &str = "Resident memory of this process.";

pub(crate) const COUNTERS: &[CounterDef<ProcessSample>] = &[
    CounterDef::new(
        "process_cpu_seconds_total",
        "CPU time of this process, user and system.",
        |p: &ProcessSample| p.cpu_ns,
    )
    .unit(Unit::Nanoseconds),
    CounterDef::new("process_page_faults_total", FAULTS, |p: &ProcessSample| p.minor_faults)
        .label("kind", "minor"),
    CounterDef::new("process_page_faults_total", FAULTS, |p: &ProcessSample| p.major_faults)
        .label("kind", "major"),
    CounterDef::new("process_context_switches_total", SWITCHES, |p: &ProcessSample| {
        p.voluntary_switches
    })
    .label("kind", "voluntary"),
    CounterDef::new("process_context_switches_total", SWITCHES, |p: &ProcessSample| {
        p.involuntary_switches
    })
    .label("kind", "involuntary"),
];

const FAULTS: &str = "Page faults of this process, minor (no I/O) and major (read from a disk).";
const SWITCHES: &str =
    "Times that a thread of this process left a core, voluntary (it waited) or not.";

pub(crate) const GAUGES: &[GaugeDef<ProcessSample>] = &[
    GaugeDef::new(
        "process_virtual_memory_bytes",
        "Address space of this process.",
        |p: &ProcessSample| number(p.virtual_bytes),
    )
    .unit(Unit::Bytes),
    GaugeDef::new("process_threads", "Threads of this process.", |p: &ProcessSample| {
        number(p.threads)
    }),
    GaugeDef::new(
        "process_open_fds",
        "Open file descriptors of this process.",
        |p: &ProcessSample| number(p.open_fds),
    ),
    GaugeDef::new(
        "process_max_fds",
        "The most file descriptors that this process may open.",
        |p: &ProcessSample| number(p.max_fds),
    ),
    GaugeDef::new(
        "process_start_time_seconds",
        "When this process started, since the Unix epoch.",
        |p: &ProcessSample| p.start_time_unix_s,
    )
    .unit(Unit::Seconds),
];
