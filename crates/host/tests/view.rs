//! What the registry shows after collects, worked out by hand.
#![cfg(target_os = "linux")]

mod fixture;

use std::collections::BTreeMap;

use fixture::{SECOND, Tree, page_bytes};
use perf_monitor_core::{Desc, OwnedValue, Registry, Unit};
use perf_monitor_host::{HostMetrics, HostOptions, NameFilter};

/// A machine of files, watched.
struct Watched {
    tree: Tree,
    registry: Registry,
    host: HostMetrics,
    seconds: u64,
}

impl Watched {
    fn new(tree: Tree) -> Watched {
        Watched::with(tree, |options| options)
    }

    fn with(tree: Tree, choose: impl FnOnce(HostOptions) -> HostOptions) -> Watched {
        let registry = Registry::new();
        let options = choose(HostOptions::default().root(tree.root()));
        let host = HostMetrics::new(&registry, options).unwrap();
        Watched { tree, registry, host, seconds: 0 }
    }

    /// Collects a second after the last time, then tells all series as `name{label="value"}`, in base units.
    fn collect(&mut self) -> BTreeMap<String, f64> {
        self.seconds += 1;
        self.host.collect_at(self.seconds * SECOND);
        series(&self.registry)
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.tree.root().join(path)).unwrap();
        assert!(text.contains(from), "{path} has {from:?}");
        self.tree.write(path, text.replace(from, to));
    }
}

fn series(registry: &Registry) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for family in registry.snapshot().families {
        for series in &family.series {
            let labels = series.info.labels(&family.info);
            let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value}")).collect();
            let key = match labels.is_empty() {
                true => family.info.name.to_string(),
                false => format!("{}{{{}}}", family.info.name, labels.join(",")),
            };
            let value = match series.value {
                OwnedValue::Counter(n) => n as f64,
                OwnedValue::Gauge(x) => x,
                _ => unreachable!("this crate has counters and gauges"),
            };
            all.insert(key, value * family.info.unit.scale());
        }
    }
    all
}

/// Compares the series of the given names, absent ones included.
fn assert_series(all: &BTreeMap<String, f64>, expected: &[(&str, Option<f64>)]) {
    for (key, value) in expected {
        let found = all.get(*key).copied();
        let near = match (found, *value) {
            (Some(found), Some(value)) => (found - value).abs() <= 1e-9 * value.abs(),
            (found, value) => found == value,
        };
        assert!(near, "{key}: {found:?}, not {value:?}");
    }
}

fn count(all: &BTreeMap<String, f64>, part: &str) -> usize {
    all.keys().filter(|key| key.contains(part)).count()
}

#[test]
fn counters_and_levels_are_there_after_one_collect() {
    let all = Watched::new(Tree::machine()).collect();
    let page = page_bytes() as f64;
    assert_series(
        &all,
        &[
            ("process_cpu_seconds_total", Some(3.0)),
            ("process_resident_memory_bytes", Some(300.0 * page)),
            ("process_virtual_memory_bytes", Some(2000.0 * page)),
            ("process_threads", Some(12.0)),
            ("process_open_fds", Some(5.0)),
            ("process_max_fds", Some(20_000.0)),
            ("process_start_time_seconds", Some(1_700_000_792.33)),
            ("process_page_faults_total{kind=minor}", Some(103.0)),
            ("process_page_faults_total{kind=major}", Some(7.0)),
            ("host_cpu_seconds_total{mode=user}", Some(10.0)),
            ("host_cpu_seconds_total{mode=iowait}", Some(0.6)),
            ("host_cpu_seconds_total{mode=steal}", Some(0.9)),
            ("host_cpu_core_seconds_total{core=1,mode=user}", Some(4.0)),
            ("host_cpu_core_seconds_total{core=1,mode=steal}", Some(0.4)),
            ("host_load1", Some(0.5)),
            ("host_load5", Some(1.25)),
            ("host_load15", Some(2.0)),
            ("host_context_switches_total", Some(173_835.0)),
            ("host_interrupts_total", Some(94_892.0)),
            ("host_boot_time_seconds", Some(1_700_000_000.0)),
            ("host_memory_total_bytes", Some(16_384_000.0)),
            ("host_memory_used_bytes", Some(7_168_000.0)),
            ("host_memory_page_cache_bytes", Some(6_758_400.0)),
            ("host_swap_used_bytes", Some(1_024_000.0)),
            ("host_swap_in_bytes_total", Some(7.0 * page)),
            ("host_page_faults_total{kind=minor}", Some(7517.0)),
            ("host_page_faults_total{kind=major}", Some(483.0)),
            ("host_disk_reads_total{device=vda}", Some(5730.0)),
            ("host_disk_read_bytes_total{device=vda}", Some(512_000.0)),
            ("host_disk_read_seconds_total{device=vda}", Some(6.89)),
            ("host_disk_busy_seconds_total{device=vda}", Some(3.052)),
            ("host_network_interface_received_bytes_total{interface=lo}", Some(3193.0)),
            ("host_network_interface_sent_drops_total{interface=eth0}", Some(8.0)),
            ("host_network_received_bytes_total", Some(18_815_294.0)),
            ("host_network_sent_packets_total", Some(349.0)),
            ("host_network_received_errors_total", Some(1.0)),
        ],
    );
    assert_eq!(count(&all, "vda1") + count(&all, "loop") + count(&all, "dm-0"), 0);
}

#[test]
fn rates_need_two_collects() {
    let rates = [
        "host_cpu_usage_ratio",
        "host_cpu_iowait_ratio",
        "host_cpu_steal_ratio",
        "host_cpu_core_usage_ratio{core=0}",
        "host_disk_utilisation_ratio{device=vda}",
        "host_disk_queue_length{device=vda}",
    ];
    let mut watched = Watched::new(Tree::machine());
    let first = watched.collect();
    assert_series(&first, &rates.map(|name| (name, None)));
    // 200 ticks: 40 user, 20 system, 10 steal, 30 iowait, 100 idle
    watched.replace(
        "proc/stat",
        "cpu  1000 20 300 5000 60 7 8 90",
        "cpu  1040 20 320 5100 90 7 8 100",
    );
    watched.replace("proc/stat", "cpu0 600 10 200 2500", "cpu0 625 10 200 2575");
    // 20 reads in 50 ms, busy for 250 ms, 1.5 requests on average
    watched.replace("proc/diskstats", "vda 5730 3242 1000 6890", "vda 5750 3242 1000 6940");
    watched.replace("proc/diskstats", "3052 8209 3097", "3302 9709 3097");
    let second = watched.collect();
    let values = [0.35, 0.15, 0.05, 0.25, 0.25, 1.5];
    let expected: Vec<_> = rates.into_iter().zip(values.map(Some)).collect();
    assert_series(&second, &expected);
    assert_series(
        &second,
        &[
            ("host_disk_read_await_seconds{device=vda}", Some(0.0025)),
            ("host_disk_write_await_seconds{device=vda}", None),
            // no ticks passed for this core
            ("host_cpu_core_usage_ratio{core=1}", None),
        ],
    );
    // nothing happens any more: 0 is a measurement for use, unknown for the time of no reads
    let third = watched.collect();
    assert_series(
        &third,
        &[
            ("host_cpu_usage_ratio", None),
            ("host_disk_utilisation_ratio{device=vda}", Some(0.0)),
            ("host_disk_queue_length{device=vda}", Some(0.0)),
            ("host_disk_read_await_seconds{device=vda}", None),
        ],
    );
}

#[test]
fn this_process_answers_without_the_registry() {
    let mut watched = Watched::new(Tree::machine());
    assert_eq!((watched.host.process_cpu_ratio(), watched.host.process_rss_bytes()), (None, None));
    watched.collect();
    assert_eq!(watched.host.process_cpu_ratio(), None);
    watched.replace("proc/self/stat", " 250 50 ", " 300 150 ");
    watched.collect();
    // 150 ticks of 10 ms in one second
    assert_eq!(watched.host.process_cpu_ratio(), Some(1.5));
    assert_eq!(watched.host.process_rss_bytes(), Some(300 * page_bytes()));
    assert_eq!(watched.host.last().at_ns, 2 * SECOND);
}

#[test]
fn an_interface_that_goes_takes_its_series_along() {
    let mut watched = Watched::new(Tree::machine());
    let first = watched.collect();
    assert_eq!(count(&first, "interface=wlan0"), 8);
    let wlan0 = " wlan0:1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n";
    watched.replace("proc/net/dev", wlan0, "");
    let second = watched.collect();
    assert_eq!(count(&second, "wlan0"), 0);
    assert_eq!(count(&second, "interface=eth0"), 8);
    // totals do not go down
    assert_series(&second, &[("host_network_received_bytes_total", Some(18_815_294.0))]);

    let back = "wlan0: 50 1 0 0 0 0 0 0 70 1 0 0 0 0 0 0\n";
    watched.tree.write("proc/net/dev", fixture::NET_DEV.replace(wlan0, back));
    let third = watched.collect();
    assert_eq!(count(&third, "interface=wlan0"), 8);
    assert_series(
        &third,
        &[
            ("host_network_interface_received_bytes_total{interface=wlan0}", Some(50.0)),
            ("host_network_received_bytes_total", Some(18_815_294.0)),
        ],
    );
    // from here on it counts, as does one that began anew between two collects
    watched.replace("proc/net/dev", "wlan0: 50 1", "wlan0: 80 1");
    watched.replace("proc/net/dev", "eth0: 18814294", "eth0: 6");
    let fourth = watched.collect();
    assert_series(
        &fourth,
        &[
            ("host_network_received_bytes_total", Some(18_815_330.0)),
            ("host_network_interface_received_bytes_total{interface=eth0}", Some(18_814_300.0)),
        ],
    );
}

#[test]
fn disks_and_cores_come_and_go() {
    let mut watched = Watched::new(Tree::machine());
    watched.tree.dir("sys/block/vdb");
    let vdb = "254 16 vdb 1 2 3 4 5 6 7 8 9 10 11\n";
    watched.collect();
    watched.tree.write("proc/diskstats", vdb.to_owned() + fixture::DISKSTATS);
    watched.replace("proc/stat", "cpu1 ", "cpu9 ");
    let second = watched.collect();
    assert_eq!(count(&second, "core=1,"), 0);
    assert_series(
        &second,
        &[
            ("host_cpu_core_seconds_total{core=9,mode=user}", Some(4.0)),
            ("host_disk_reads_total{device=vdb}", Some(1.0)),
            ("host_disk_utilisation_ratio{device=vdb}", None),
            ("host_disk_utilisation_ratio{device=vda}", Some(0.0)),
            ("host_disk_flushes_total{device=vdb}", None),
        ],
    );
    watched.tree.write("proc/diskstats", vdb);
    let third = watched.collect();
    assert_eq!(count(&third, "device=vda"), 0);
    assert_series(&third, &[("host_disk_utilisation_ratio{device=vdb}", Some(0.0))]);
    watched.tree.write("proc/diskstats", "");
    assert_eq!(count(&watched.collect(), "device="), 0);
}

#[test]
fn idle_time_that_steps_back_counts_nothing_twice() {
    let mut watched = Watched::new(Tree::machine());
    let iowait = "host_cpu_seconds_total{mode=iowait}";
    let idle = "host_cpu_seconds_total{mode=idle}";
    let mut after = |idle_ticks: u64, iowait_ticks: u64| {
        let line = format!("cpu  1000 20 300 {idle_ticks} {iowait_ticks} 7 8 90 0 0\n");
        watched.tree.write("proc/stat", line);
        let all = watched.collect();
        [all[idle], all[iowait]].map(|seconds| (seconds * 100.0).round() as u64)
    };
    assert_eq!(after(5000, 60), [5000, 60]);
    assert_eq!(after(4990, 55), [5000, 60]);
    assert_eq!(after(4995, 61), [5000, 61]);
    assert_eq!(after(5010, 61), [5010, 61]);
    // more than three seconds: counting goes on from there
    assert_eq!(after(4000, 61), [5010, 61]);
    assert_eq!(after(4007, 61), [5017, 61]);
}

#[test]
fn milliseconds_that_wrap_go_on() {
    let mut watched = Watched::new(Tree::machine());
    let mut after = |read_ms: u64, reads: u64| {
        watched
            .tree
            .write("proc/diskstats", format!("254 0 vda {reads} 0 0 {read_ms} 0 0 0 0 0 0 0\n"));
        let all = watched.collect();
        let total = all["host_disk_read_seconds_total{device=vda}"];
        (total, all.get("host_disk_read_await_seconds{device=vda}").copied())
    };
    assert_eq!(after(4_294_967_000, 10), (4_294_967.0, None));
    assert_eq!(after(704, 20), (4_294_968.0, Some(0.1)));
    // a new disk of the same name: its time comes on top
    assert_eq!(after(2_000, 1), (4_294_970.0, None));
}

#[test]
fn missing_files_have_no_series() {
    let mut watched = Watched::new(Tree::new());
    let all = watched.collect();
    let shown: Vec<_> = all.keys().filter(|key| !key.starts_with("perf_monitor_")).collect();
    // the collector's own gauge is registered as a plain one
    assert_eq!(shown, ["process_resident_memory_bytes"]);
}

#[test]
fn a_file_that_becomes_empty_takes_its_series_along() {
    let mut watched = Watched::new(Tree::machine());
    watched.collect();
    for file in ["proc/stat", "proc/meminfo", "proc/vmstat", "proc/loadavg", "proc/net/dev"] {
        watched.tree.write(file, "");
    }
    let all = watched.collect();
    assert_eq!(count(&all, "host_cpu") + count(&all, "host_memory") + count(&all, "host_load"), 0);
    assert_eq!(
        count(&all, "host_page") + count(&all, "host_network") + count(&all, "host_boot"),
        0
    );
    assert!(count(&all, "host_disk") > 0 && count(&all, "process_") > 0);
}

#[test]
fn categories_that_are_off_are_not_registered() {
    let off =
        |choose: fn(HostOptions) -> HostOptions| Watched::with(Tree::machine(), choose).collect();
    let all = Watched::new(Tree::machine()).collect();
    for (choose, prefixes) in [
        ((|o| o.process(false)) as fn(HostOptions) -> HostOptions, &["process_"][..]),
        (
            |o| o.cpu(false),
            &[
                "host_cpu",
                "host_load",
                "host_context",
                "host_inter",
                "host_forks",
                "host_threads",
                "host_boot",
            ],
        ),
        (|o| o.per_core(false), &["host_cpu_core"]),
        (
            |o| o.memory(false),
            &["host_memory", "host_swap", "host_pag", "host_refaults", "host_oom"],
        ),
        (|o| o.disks(false), &["host_disk"]),
        (|o| o.network(false), &["host_network"]),
    ] {
        let is_off = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
        let left: Vec<_> = all.keys().filter(|key| !is_off(key)).collect();
        assert!(left.len() < all.len());
        assert_eq!(off(choose).keys().collect::<Vec<_>>(), left);
    }
}

#[test]
fn what_limits_leave_out_is_counted() {
    let mut watched = Watched::with(Tree::machine(), |options| {
        let options = options.max_cores(1).max_disks(0).max_interfaces(2);
        options.disk_filter(NameFilter::only(["vda*"]))
    });
    watched.collect();
    let all = watched.collect();
    assert_series(
        &all,
        &[
            ("perf_monitor_host_over_limit_total{kind=core}", Some(2.0)),
            ("perf_monitor_host_over_limit_total{kind=disk}", Some(6.0)),
            ("perf_monitor_host_over_limit_total{kind=interface}", Some(2.0)),
        ],
    );
    assert_eq!((count(&all, "core=1"), count(&all, "device="), count(&all, "wlan0")), (0, 0, 0));
}

#[test]
fn counters_are_named_as_prometheus_asks() {
    let mut watched = Watched::new(Tree::machine());
    watched.collect();
    for family in watched.registry.snapshot().families {
        let info = family.info;
        let counter = matches!(family.series[0].value, OwnedValue::Counter(_));
        assert_eq!(info.name.ends_with("_total"), counter, "{}", info.name);
        let stem = info.name.strip_suffix("_total").unwrap_or(&info.name);
        assert!(stem.ends_with(info.unit.base_name()), "{}", info.name);
        assert!(!info.help.is_empty(), "{}", info.name);
    }
}

#[test]
fn a_name_in_use_is_an_error_that_tells_it() {
    let registry = Registry::new();
    let other = Desc::new("process_threads", "Something else.").unit(Unit::Bytes);
    registry.gauge(other).unwrap();
    let error = HostMetrics::new(&registry, HostOptions::default()).err().unwrap();
    assert_eq!(error.metric(), "process_threads");
    assert!(error.to_string().contains("process_threads"));
    assert!(std::error::Error::source(&error).is_some());
    assert!(HostMetrics::new(&registry, HostOptions::default().process(false)).is_ok());
}

#[test]
fn the_resident_memory_of_the_collector_is_the_same_gauge() {
    let registry = Registry::new();
    let desc = Desc::new("process_resident_memory_bytes", "Resident memory of this process.");
    let gauge = registry.gauge(desc.unit(Unit::Bytes)).unwrap();
    let mut host = HostMetrics::new(&registry, HostOptions::default()).unwrap();
    host.collect();
    assert_eq!(gauge.get(), host.process_rss_bytes().unwrap() as f64);
}

#[test]
fn the_next_monitor_of_a_registry_takes_the_series_over() {
    let mut first = Watched::new(Tree::machine());
    first.collect();
    first.replace("proc/net/dev", "eth0: 18814294", "eth0: 6");
    // the first one's total is now beyond what the interfaces tell
    let before = first.collect();
    assert_series(&before, &[("host_network_received_bytes_total", Some(18_815_300.0))]);
    let mut second = Watched {
        host: HostMetrics::new(
            &first.registry,
            HostOptions::default().root(first.tree.root()).disks(false),
        )
        .unwrap(),
        ..first
    };
    let all = second.collect();
    assert_series(&all, &[("host_network_received_bytes_total", Some(1006.0))]);
    second.replace("proc/net/dev", "eth0: 6", "eth0: 16");
    let all = second.collect();
    assert_series(&all, &[("host_network_received_bytes_total", Some(1016.0))]);
}

#[test]
fn this_machine_is_watched() {
    let registry = Registry::new();
    let mut host = HostMetrics::new(&registry, HostOptions::default()).unwrap();
    host.collect();
    while host.process_cpu_ratio().is_none_or(|ratio| ratio == 0.0) {
        host.collect();
    }
    let all = series(&registry);
    for name in [
        "process_cpu_seconds_total",
        "process_threads",
        "process_open_fds",
        "host_memory_used_bytes",
    ] {
        assert!(all[name] > 0.0, "{name}");
    }
    assert!(host.process_cpu_ratio().unwrap() > 0.0);
    assert_eq!(perf_monitor_host::unsupported(), [""; 0]);
}
