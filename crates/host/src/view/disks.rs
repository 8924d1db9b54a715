//! The metrics of disks.

use perf_monitor_core::Unit;

use super::table::{CounterDef, GaugeDef};
use crate::model::DiskSample;
use crate::rates::{DiskRates, DiskTimes, began_anew};

/// A disk's counters, with times that do not wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct DiskTotals {
    reads: u64,
    read_bytes: u64,
    writes: u64,
    written_bytes: u64,
    discards: Option<u64>,
    flushes: Option<u64>,
    read_ms: u64,
    write_ms: u64,
    busy_ms: u64,
}

impl DiskTotals {
    /// Takes the next reading; `before` is the one before with the time since, if the disk was there.
    pub(crate) fn observe(&mut self, before: Option<(&DiskSample, u64)>, disk: &DiskSample) {
        let absolute = DiskTotals {
            reads: disk.reads,
            read_bytes: disk.read_bytes,
            writes: disk.writes,
            written_bytes: disk.written_bytes,
            discards: disk.discards,
            flushes: disk.flushes,
            read_ms: disk.read_time_ms,
            write_ms: disk.write_time_ms,
            busy_ms: disk.busy_time_ms,
        };
        *self = match before {
            Some((before, elapsed_ns)) if !began_anew(before, disk) => {
                let times = DiskTimes::between(before, disk, elapsed_ns);
                // what is unknown adds nothing
                let add = |total: u64, ms: Option<u64>| total.saturating_add(ms.unwrap_or(0));
                DiskTotals {
                    read_ms: add(self.read_ms, times.read_ms),
                    write_ms: add(self.write_ms, times.write_ms),
                    busy_ms: add(self.busy_ms, times.busy_ms),
                    ..absolute
                }
            }
            _ => absolute,
        };
    }
}

fn nanoseconds(ms: u64) -> Option<u64> {
    Some(ms.saturating_mul(1_000_000))
}

pub(crate) const COUNTERS: &[CounterDef<DiskTotals>] = &[
    count("host_disk_reads_total", "Reads that completed.", |d| Some(d.reads)),
    count("host_disk_writes_total", "Writes that completed.", |d| Some(d.writes)),
    count("host_disk_discards_total", "Discards that completed.", |d| d.discards),
    count("host_disk_flushes_total", "Flushes that completed.", |d| d.flushes),
    count("host_disk_read_bytes_total", "Read from a disk.", |d| Some(d.read_bytes))
        .unit(Unit::Bytes),
    count("host_disk_written_bytes_total", "Written to a disk.", |d| Some(d.written_bytes))
        .unit(Unit::Bytes),
    count("host_disk_read_seconds_total", "Time that reads took, summed over reads.", |d| {
        nanoseconds(d.read_ms)
    })
    .unit(Unit::Nanoseconds),
    count("host_disk_write_seconds_total", "Time that writes took, summed over writes.", |d| {
        nanoseconds(d.write_ms)
    })
    .unit(Unit::Nanoseconds),
    count("host_disk_busy_seconds_total", "Time with at least one request under way.", |d| {
        nanoseconds(d.busy_ms)
    })
    .unit(Unit::Nanoseconds),
];

const fn count(
    name: &'static str,
    help: &'static str,
    value: fn(&DiskTotals) -> Option<u64>,
) -> CounterDef<DiskTotals> {
    CounterDef::new(name, help, value)
}

pub(crate) const GAUGES: &[GaugeDef<DiskRates>] = &[
    rate(
        "host_disk_utilisation_ratio",
        "Share of time with at least one request under way.",
        |r| r.utilisation,
    )
    .unit(Unit::Ratio),
    rate("host_disk_queue_length", "Requests under way, averaged over time.", |r| r.queue_length),
    rate(
        "host_disk_read_await_seconds",
        "Time from a read's arrival to its end, averaged over reads.",
        |r| r.read_await_s,
    )
    .unit(Unit::Seconds),
    rate(
        "host_disk_write_await_seconds",
        "Time from a write's arrival to its end, averaged over writes.",
        |r| r.write_await_s,
    )
    .unit(Unit::Seconds),
];

const fn rate(
    name: &'static str,
    help: &'static str,
    value: fn(&DiskRates) -> Option<f64>,
) -> GaugeDef<DiskRates> {
    GaugeDef::new(name, help, value)
}
