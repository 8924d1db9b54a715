//! The metrics of memory, swap and paging.

use perf_monitor_core::Unit;

use super::steady::StepBack;
use super::table::{CounterDef, GaugeDef, number};
use crate::model::{HostSample, MemorySample};

pub(crate) const COUNTERS: &[CounterDef<HostSample>] = &[
    count("host_page_faults_total", FAULTS, |s| s.paging.minor_faults()).label("kind", "minor"),
    count("host_page_faults_total", FAULTS, |s| s.paging.major_faults).label("kind", "major"),
    count("host_refaults_total", REFAULTS, |s| s.paging.file_refaults).label("kind", "file"),
    count("host_refaults_total", REFAULTS, |s| s.paging.anon_refaults).label("kind", "anon"),
    count("host_swap_in_bytes_total", "Read from swap space.", |s| s.paging.swap_in_bytes)
        .unit(Unit::Bytes),
    count("host_swap_out_bytes_total", "Written to swap space.", |s| s.paging.swap_out_bytes)
        .unit(Unit::Bytes),
    count("host_paging_in_bytes_total", "Read from disks into memory.", |s| s.paging.read_bytes)
        .unit(Unit::Bytes),
    count("host_paging_out_bytes_total", "Written from memory to disks.", |s| {
        s.paging.written_bytes
    })
    .unit(Unit::Bytes),
    count("host_oom_kills_total", "Processes killed for want of memory.", |s| s.paging.oom_kills),
];

const FAULTS: &str = "Page faults, minor (no I/O) and major (read from a disk).";
const REFAULTS: &str = "Pages that were evicted, then needed again, of files and of programs.";

const fn count(
    name: &'static str,
    help: &'static str,
    value: fn(&HostSample) -> Option<u64>,
) -> CounterDef<HostSample> {
    CounterDef::new(name, help, value).step_back(StepBack::Sum)
}

pub(crate) const GAUGES: &[GaugeDef<MemorySample>] = &[
    bytes("host_memory_total_bytes", "RAM that the kernel manages.", |m| number(m.total_bytes)),
    bytes(
        "host_memory_available_bytes",
        "RAM that programs can still get without swapping.",
        |m| number(m.available_bytes),
    ),
    bytes("host_memory_used_bytes", "Total less available memory.", |m| number(m.used_bytes())),
    bytes("host_memory_free_bytes", "RAM that holds nothing, not even cache.", |m| {
        number(m.free_bytes)
    }),
    bytes("host_memory_cached_bytes", "Cached files, shared memory included.", |m| {
        number(m.cached_bytes)
    }),
    bytes("host_memory_buffers_bytes", "Cached blocks of devices.", |m| number(m.buffers_bytes)),
    bytes("host_memory_shared_bytes", "Shared memory and tmpfs.", |m| number(m.shared_bytes)),
    bytes(
        "host_memory_page_cache_bytes",
        "Cached and buffers less shared: cache that can be given back.",
        |m| number(m.page_cache_bytes()),
    ),
    bytes("host_memory_slab_reclaimable_bytes", "Kernel caches that can be given back.", |m| {
        number(m.slab_reclaimable_bytes)
    }),
    bytes("host_memory_dirty_bytes", "Waits to be written to a disk.", |m| number(m.dirty_bytes)),
    bytes("host_memory_writeback_bytes", "Is being written to a disk.", |m| {
        number(m.writeback_bytes)
    }),
    bytes("host_swap_total_bytes", "Swap space.", |m| number(m.swap_total_bytes)),
    bytes("host_swap_used_bytes", "Swap space in use.", |m| number(m.swap_used_bytes())),
];

const fn bytes(
    name: &'static str,
    help: &'static str,
    value: fn(&MemorySample) -> Option<f64>,
) -> GaugeDef<MemorySample> {
    GaugeDef::new(name, help, value).unit(Unit::Bytes)
}
