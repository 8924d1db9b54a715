//! No file content makes the reader panic or invent values.
#![cfg(target_os = "linux")]

mod fixture;

use fixture::{SECOND, Tree};
use perf_monitor_host::{CpuShares, DiskRates, HostSample, process_cpu_ratio};
use proptest::prelude::*;

const FILES: [&str; 10] = [
    "proc/stat",
    "proc/loadavg",
    "proc/meminfo",
    "proc/vmstat",
    "proc/diskstats",
    "proc/net/dev",
    "proc/self/stat",
    "proc/self/statm",
    "proc/self/limits",
    "proc/1/net/dev",
];

/// Bytes that look like the kernel's, so that they come far into the parsers.
fn almost_a_file() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        "[0-9]{1,21}",
        "(cpu|cpu0|cpu1|intr|ctxt|btime|MemTotal:|Cached:|pgfault|pswpin|vda|sda1|dm-0|eth0:|lo:|Max open files)",
        "[-+.:() a-z]{0,4}",
        Just("18446744073709551615".to_owned()),
    ];
    let separator = prop_oneof![4 => Just(" "), 1 => Just("\n"), 1 => Just("\t "), 1 => Just("")];
    let text = prop::collection::vec((word, separator), 0..80);
    let text = text.prop_map(|parts| {
        let parts = parts.into_iter().flat_map(|(word, end)| [word, end.to_owned()]);
        parts.collect::<String>().into_bytes()
    });
    prop_oneof![text, prop::collection::vec(any::<u8>(), 0..300)]
}

/// One of the real contents, with some bytes overwritten or cut off.
fn damaged_file() -> impl Strategy<Value = Vec<u8>> {
    let real = prop::sample::select(vec![
        fixture::STAT,
        fixture::MEMINFO,
        fixture::VMSTAT,
        fixture::DISKSTATS,
        fixture::NET_DEV,
        fixture::SELF_STAT,
    ]);
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (real, damage, any::<prop::sample::Index>()).prop_map(|(text, damage, end)| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.index(bytes.len() + 1));
        bytes
    })
}

fn check_rates(before: &HostSample, after: &HostSample) {
    let share = |value: f64| assert!((0.0..=1.0).contains(&value), "{value}");
    if let (Some(before), Some(after)) = (&before.cpu, &after.cpu)
        && let Some(shares) = CpuShares::between(before, after)
    {
        share(shares.busy);
        shares.iowait.map(share);
        shares.steal.map(share);
    }
    let pairs = before.disks.iter().flatten().zip(after.disks.iter().flatten());
    for (before, after) in pairs {
        let rates = DiskRates::between(before, after, SECOND);
        rates.and_then(|r| r.utilisation).map(share);
    }
    let _ = process_cpu_ratio(before, after);
    let _ = (after.memory.used_bytes(), after.memory.page_cache_bytes());
    let _ = (after.memory.swap_used_bytes(), after.paging.minor_faults());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_each_file_are_read_without_a_panic(
        first in prop_oneof![almost_a_file(), damaged_file()],
        second in prop_oneof![almost_a_file(), damaged_file()],
    ) {
        let tree = Tree::new();
        let mut reader = tree.reader();
        let mut samples = [HostSample::default(), HostSample::default()];
        for (index, content) in [&first, &second].into_iter().enumerate() {
            for file in FILES {
                tree.write(file, content);
            }
            // the second sample is read over the first one's room, as a collector does
            samples[1] = samples[0].clone();
            // so far apart that what /sys told is asked anew
            let at_ns = (1 + 100 * index as u64) * SECOND;
            reader.read_into_at(&mut samples[0], at_ns);
        }
        check_rates(&samples[1], &samples[0]);

        let mut fresh = HostSample::default();
        tree.reader().read_into_at(&mut fresh, 101 * SECOND);
        fresh.process.start_time_unix_s = samples[0].process.start_time_unix_s;
        prop_assert_eq!(&fresh, &samples[0]);
    }
}
