//! The metrics of CPU, scheduler and load.

use perf_monitor_core::Unit;

use super::steady::StepBack;
use super::table::{CounterDef, GaugeDef, number};
use crate::model::{CpuTimes, HostSample};
use crate::rates::CpuShares;

const TOTAL: &str = "host_cpu_seconds_total";
const TOTAL_HELP: &str = "CPU time of all cores by what it went to; guests are in user and nice.";
const CORE: &str = "host_cpu_core_seconds_total";
const CORE_HELP: &str = "CPU time of a core by what it went to; guests are in user and nice.";

type Mode = (&'static str, fn(&CpuTimes) -> Option<u64>);

const MODES: [Mode; 8] = [
    ("user", |t| Some(t.user_ns)),
    ("nice", |t| Some(t.nice_ns)),
    ("system", |t| Some(t.system_ns)),
    ("idle", |t| Some(t.idle_ns)),
    ("iowait", |t| t.iowait_ns),
    ("irq", |t| t.irq_ns),
    ("softirq", |t| t.softirq_ns),
    ("steal", |t| t.steal_ns),
];

const fn by_mode(name: &'static str, help: &'static str, mode: usize) -> CounterDef<CpuTimes> {
    CounterDef::new(name, help, MODES[mode].1)
        .unit(Unit::Nanoseconds)
        .label("mode", MODES[mode].0)
        .step_back(StepBack::Clock)
}

const fn all_modes(name: &'static str, help: &'static str) -> [CounterDef<CpuTimes>; 8] {
    [
        by_mode(name, help, 0),
        by_mode(name, help, 1),
        by_mode(name, help, 2),
        by_mode(name, help, 3),
        by_mode(name, help, 4),
        by_mode(name, help, 5),
        by_mode(name, help, 6),
        by_mode(name, help, 7),
    ]
}

pub(crate) const TOTAL_COUNTERS: &[CounterDef<CpuTimes>] = &all_modes(TOTAL, TOTAL_HELP);

pub(crate) const CORE_COUNTERS: &[CounterDef<CpuTimes>] = &all_modes(CORE, CORE_HELP);

pub(crate) const TOTAL_GAUGES: &[GaugeDef<CpuShares>] = &[
    GaugeDef::new(
        "host_cpu_usage_ratio",
        "Share of all cores' time that was neither idle nor iowait.",
        |s: &CpuShares| Some(s.busy),
    )
    .unit(Unit::Ratio),
    GaugeDef::new(
        "host_cpu_iowait_ratio",
        "Share of all cores' time that was idle with a task waiting for a disk.",
        |s: &CpuShares| s.iowait,
    )
    .unit(Unit::Ratio),
    GaugeDef::new(
        "host_cpu_steal_ratio",
        "Share of all cores' time that the hypervisor gave to other machines.",
        |s: &CpuShares| s.steal,
    )
    .unit(Unit::Ratio),
];

pub(crate) const CORE_GAUGES: &[GaugeDef<CpuShares>] = &[GaugeDef::new(
    "host_cpu_core_usage_ratio",
    "Share of a core's time that was neither idle nor iowait.",
    |s: &CpuShares| Some(s.busy),
)
.unit(Unit::Ratio)];

pub(crate) const SYSTEM_COUNTERS: &[CounterDef<HostSample>] = &[
    CounterDef::new(
        "host_context_switches_total",
        "Context switches of all cores.",
        |s: &HostSample| s.system.context_switches,
    )
    .step_back(StepBack::Sum),
    CounterDef::new("host_interrupts_total", "Interrupts served.", |s: &HostSample| {
        s.system.interrupts
    })
    .step_back(StepBack::Sum),
    CounterDef::new("host_forks_total", "Processes and threads created.", |s: &HostSample| {
        s.system.forks
    })
    .step_back(StepBack::Sum),
];

pub(crate) const SYSTEM_GAUGES: &[GaugeDef<HostSample>] = &[
    GaugeDef::new(
        "host_load1",
        "Threads that run, could run or wait for a disk, averaged over 1 minute.",
        |s: &HostSample| s.load.map(|load| load.one),
    ),
    GaugeDef::new(
        "host_load5",
        "Threads that run, could run or wait for a disk, averaged over 5 minutes.",
        |s: &HostSample| s.load.map(|load| load.five),
    ),
    GaugeDef::new(
        "host_load15",
        "Threads that run, could run or wait for a disk, averaged over 15 minutes.",
        |s: &HostSample| s.load.map(|load| load.fifteen),
    ),
    GaugeDef::new("host_threads_running", "Threads that run or could.", |s: &HostSample| {
        number(s.system.running)
    }),
    GaugeDef::new("host_threads_blocked", "Threads that wait for a disk.", |s: &HostSample| {
        number(s.system.blocked)
    }),
    GaugeDef::new(
        "host_boot_time_seconds",
        "When the machine started, since the Unix epoch.",
        |s: &HostSample| number(s.system.boot_time_unix_s),
    )
    .unit(Unit::Seconds),
];
