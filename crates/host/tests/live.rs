//! Values of this machine, against the `procfs` crate as an independent reader.
#![cfg(target_os = "linux")]

mod fixture;

use std::collections::HashMap;
use std::fmt::Debug;

use fixture::{TICK, page_bytes};
use perf_monitor_host::{HostReader, HostSample};
use procfs::process::Process;
use procfs::{Current, CurrentSI};

/// A counter, read between two readings of the oracle.
fn assert_between<T: PartialOrd + Debug>(name: &str, before: T, value: T, after: T) {
    assert!(before <= value && value <= after, "{name}: {before:?} <= {value:?} <= {after:?}");
}

/// A value that moves both ways: it must agree with what the oracle says right before and after,
/// which is tried until nothing else moved in between.
fn assert_agrees(
    name: &str,
    mut oracle: impl FnMut() -> u64,
    value: impl Fn(&HostSample) -> Option<u64>,
) {
    let mut reader = HostReader::new();
    let mut last = (0, None, 0);
    for _ in 0..100_000 {
        last = (oracle(), value(&reader.read()), oracle());
        let (before, value, after) = last;
        if value.is_some_and(|v| before.min(after) <= v && v <= before.max(after)) {
            return;
        }
    }
    panic!("{name}: {last:?}");
}

#[test]
fn cpu_and_scheduler_counters_are_the_kernels() {
    let before = procfs::KernelStats::current().unwrap();
    let sample = HostReader::new().read();
    let after = procfs::KernelStats::current().unwrap();
    let cpu = sample.cpu.unwrap();
    assert_between("user", before.total.user * TICK, cpu.user_ns, after.total.user * TICK);
    assert_between("system", before.total.system * TICK, cpu.system_ns, after.total.system * TICK);
    let cores = sample.cores.unwrap();
    assert_eq!(cores.len(), before.cpu_time.len());
    for (index, core) in cores.iter().enumerate() {
        let (before, after) = (&before.cpu_time[index], &after.cpu_time[index]);
        let times = core.times;
        assert_between("core user", before.user * TICK, times.user_ns, after.user * TICK);
        let steal = |t: &procfs::CpuTime| t.steal.map(|ticks| ticks * TICK);
        assert_between("core steal", steal(before), times.steal_ns, steal(after));
        let softirq = |t: &procfs::CpuTime| t.softirq.map(|ticks| ticks * TICK);
        assert_between("core softirq", softirq(before), times.softirq_ns, softirq(after));
    }
    let system = sample.system;
    assert_between("ctxt", before.ctxt, system.context_switches.unwrap(), after.ctxt);
    assert_between("forks", before.processes, system.forks.unwrap(), after.processes);
    assert_between("btime", before.btime, system.boot_time_unix_s.unwrap(), after.btime);
}

#[test]
fn idle_time_is_the_kernels() {
    let oracle = || procfs::KernelStats::current().unwrap().total.idle * TICK;
    assert_agrees("idle", oracle, |sample| Some(sample.cpu?.idle_ns));
}

#[test]
fn load_is_the_kernels() {
    let oracle = || (procfs::LoadAverage::current().unwrap().five * 100.0).round() as u64;
    let value = |sample: &HostSample| Some((sample.load?.five * 100.0).round() as u64);
    assert_agrees("load", oracle, value);
}

#[test]
fn memory_is_the_kernels() {
    let oracle = || procfs::Meminfo::current().unwrap();
    assert_agrees("total", || oracle().mem_total, |s| s.memory.total_bytes);
    assert_agrees("free", || oracle().mem_free, |s| s.memory.free_bytes);
    assert_agrees("available", || oracle().mem_available.unwrap(), |s| s.memory.available_bytes);
    assert_agrees("cached", || oracle().cached, |s| s.memory.cached_bytes);
    assert_agrees("buffers", || oracle().buffers, |s| s.memory.buffers_bytes);
    assert_agrees("shared", || oracle().shmem.unwrap(), |s| s.memory.shared_bytes);
    assert_agrees("swap", || oracle().swap_total, |s| s.memory.swap_total_bytes);
    assert_agrees("swap free", || oracle().swap_free, |s| s.memory.swap_free_bytes);
}

#[test]
fn paging_is_the_kernels() {
    let before = procfs::vmstat().unwrap();
    let paging = HostReader::new().read().paging;
    let after = procfs::vmstat().unwrap();
    let check = |key: &str, factor: u64, value: Option<u64>| {
        let of = |all: &HashMap<String, i64>| all.get(key).map(|n| *n as u64 * factor);
        assert_between(key, of(&before), value, of(&after));
    };
    check("pgfault", 1, paging.faults);
    check("pgmajfault", 1, paging.major_faults);
    check("pgpgin", 1024, paging.read_bytes);
    check("pgpgout", 1024, paging.written_bytes);
    check("pswpin", page_bytes(), paging.swap_in_bytes);
    check("pswpout", page_bytes(), paging.swap_out_bytes);
    check("workingset_refault_file", 1, paging.file_refaults);
    check("oom_kill", 1, paging.oom_kills);
}

#[test]
fn disks_are_the_kernels() {
    let read = || {
        let all = procfs::diskstats().unwrap().into_iter();
        all.map(|disk| (disk.name.clone(), disk)).collect::<HashMap<_, _>>()
    };
    let before = read();
    let disks = HostReader::new().read().disks.unwrap();
    let after = read();
    for disk in disks {
        let (Some(before), Some(after)) = (before.get(&disk.name), after.get(&disk.name)) else {
            continue; // came or went meanwhile
        };
        assert_between("reads", before.reads, disk.reads, after.reads);
        assert_between(
            "read",
            before.sectors_read * 512,
            disk.read_bytes,
            after.sectors_read * 512,
        );
        assert_between("writes", before.writes, disk.writes, after.writes);
        let sectors = (before.sectors_written, after.sectors_written);
        assert_between("written", sectors.0 * 512, disk.written_bytes, sectors.1 * 512);
        let busy = (before.time_in_progress, after.time_in_progress);
        assert_between("busy", busy.0, disk.busy_time_ms, busy.1);
        let queue = (before.weighted_time_in_progress, after.weighted_time_in_progress);
        assert_between("queue", queue.0, disk.queue_time_ms, queue.1);
        assert_between("flushes", before.flushes, disk.flushes, after.flushes);
    }
}

#[test]
fn interfaces_are_the_kernels() {
    let before = procfs::net::dev_status().unwrap();
    let interfaces = HostReader::new().read().interfaces.unwrap();
    let after = procfs::net::dev_status().unwrap();
    for interface in interfaces {
        let name = &interface.name;
        let (Some(before), Some(after)) = (before.get(name), after.get(name)) else {
            continue; // came or went meanwhile
        };
        let (received, sent) = (interface.received, interface.sent);
        assert_between("received", before.recv_bytes, received.bytes, after.recv_bytes);
        assert_between("packets", before.recv_packets, received.packets, after.recv_packets);
        assert_between("drops", before.recv_drop, received.drops, after.recv_drop);
        assert_between("sent", before.sent_bytes, sent.bytes, after.sent_bytes);
        assert_between("sent packets", before.sent_packets, sent.packets, after.sent_packets);
        assert_between("sent errors", before.sent_errs, sent.errors, after.sent_errs);
    }
}

#[test]
fn this_process_is_the_kernels() {
    let me = Process::myself().unwrap();
    let stat = || me.stat().unwrap();
    assert_agrees("threads", || stat().num_threads as u64, |s| s.process.threads);
    assert_agrees(
        "resident",
        || me.statm().unwrap().resident * page_bytes(),
        |s| s.process.resident_bytes,
    );
    assert_agrees(
        "virtual",
        || me.statm().unwrap().size * page_bytes(),
        |s| s.process.virtual_bytes,
    );
    assert_agrees("descriptors", || me.fd_count().unwrap() as u64, |s| s.process.open_fds);

    let before = stat();
    let sample = HostReader::new().read().process;
    let after = stat();
    assert_between("minor faults", before.minflt, sample.minor_faults.unwrap(), after.minflt);
    let limit = me.limits().unwrap().max_open_files.soft_limit;
    let limit = match limit {
        procfs::process::LimitValue::Value(n) => Some(n),
        procfs::process::LimitValue::Unlimited => None,
    };
    assert_eq!(sample.max_fds, limit);
    let started = procfs::boot_time_secs().unwrap() as f64 + before.starttime as f64 / 100.0;
    assert!((sample.start_time_unix_s.unwrap() - started).abs() <= 1.0);
    assert!(sample.voluntary_switches.is_some() && sample.involuntary_switches.is_some());
}

#[test]
fn the_cpu_clock_of_this_process_is_exact() {
    let mut reader = HostReader::new();
    let first = reader.read();
    let mut second = reader.read();
    while second.at_ns - first.at_ns < 50_000_000 {
        second = reader.read();
    }
    let used_ns = second.process.cpu_ns.unwrap() - first.process.cpu_ns.unwrap();
    assert!(!used_ns.is_multiple_of(TICK), "{used_ns} is in ticks");
    let ticks = Process::myself().unwrap().stat().unwrap();
    let by_ticks = (ticks.utime + ticks.stime) * TICK;
    let by_clock = HostReader::new().read().process.cpu_ns.unwrap();
    assert!(by_clock + 4 * TICK >= by_ticks, "{by_clock} {by_ticks}");
}
