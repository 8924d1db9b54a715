//! Every value of a sample, against files whose numbers are worked out by hand.
#![cfg(target_os = "linux")]

mod fixture;

use fixture::{SECOND, TICK, Tree, page_bytes, read_at};
use perf_monitor_host::{
    CoreSample, CpuTimes, DiskSample, HostOptions, HostReader, HostSample, InterfaceSample,
    LoadSample, MemorySample, NameFilter, OverLimit, PagingSample, ProcessSample, SystemSample,
    Traffic,
};

fn names(sample: &HostSample) -> (Vec<&str>, Vec<&str>) {
    let disks = sample.disks.iter().flatten().map(|d| &*d.name).collect();
    let interfaces = sample.interfaces.iter().flatten().map(|i| &*i.name).collect();
    (disks, interfaces)
}

fn disks(sample: &HostSample) -> Vec<&str> {
    names(sample).0
}

fn interfaces(sample: &HostSample) -> Vec<&str> {
    names(sample).1
}

#[test]
fn cpu_times_are_ticks_and_guests_are_inside_user() {
    let sample = Tree::machine().sample();
    let total = CpuTimes {
        user_ns: 1000 * TICK,
        nice_ns: 20 * TICK,
        system_ns: 300 * TICK,
        idle_ns: 5000 * TICK,
        iowait_ns: Some(60 * TICK),
        irq_ns: Some(7 * TICK),
        softirq_ns: Some(8 * TICK),
        steal_ns: Some(90 * TICK),
    };
    assert_eq!(sample.cpu, Some(total));
    let cores = sample.cores.unwrap();
    assert_eq!(cores.iter().map(|c| c.core).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(cores[1].times.user_ns, 400 * TICK);
    assert_eq!(cores[1].times.steal_ns, Some(40 * TICK));
}

#[test]
fn scheduler_counters_and_load_are_read() {
    let sample = Tree::machine().sample();
    let system = SystemSample {
        context_switches: Some(173_835),
        interrupts: Some(94_892),
        forks: Some(4188),
        boot_time_unix_s: Some(1_700_000_000),
        running: Some(2),
        blocked: Some(1),
    };
    assert_eq!(sample.system, system);
    let load = LoadSample { one: 0.5, five: 1.25, fifteen: 2.0 };
    assert_eq!(sample.load, Some(load));
}

#[test]
fn memory_is_in_bytes() {
    let kib = |n: u64| Some(n * 1024);
    let memory = Tree::machine().sample().memory;
    let expected = MemorySample {
        total_bytes: kib(16000),
        free_bytes: kib(2000),
        available_bytes: kib(9000),
        buffers_bytes: kib(500),
        cached_bytes: kib(7000),
        shared_bytes: kib(900),
        slab_reclaimable_bytes: kib(600),
        dirty_bytes: kib(12),
        writeback_bytes: kib(4),
        swap_total_bytes: kib(4000),
        swap_free_bytes: kib(3000),
    };
    assert_eq!(memory, expected);
    assert_eq!(memory.used_bytes(), kib(7000));
    assert_eq!(memory.page_cache_bytes(), kib(6600));
    assert_eq!(memory.swap_used_bytes(), kib(1000));
}

#[test]
fn paging_is_in_kib_but_swapping_in_pages() {
    let paging = Tree::machine().sample().paging;
    let expected = PagingSample {
        faults: Some(8000),
        major_faults: Some(483),
        swap_in_bytes: Some(7 * page_bytes()),
        swap_out_bytes: Some(9 * page_bytes()),
        read_bytes: Some(826 * 1024),
        written_bytes: Some(650 * 1024),
        file_refaults: Some(34),
        anon_refaults: Some(21),
        oom_kills: Some(1),
    };
    assert_eq!(paging, expected);
    assert_eq!(paging.minor_faults(), Some(7517));
}

#[test]
fn a_disk_counts_sectors_of_512_bytes() {
    let disks = Tree::machine().sample().disks.unwrap();
    let vda = DiskSample {
        name: "vda".into(),
        reads: 5730,
        read_bytes: 512_000,
        read_time_ms: 6890,
        writes: 571,
        written_bytes: 1_024_000,
        write_time_ms: 1072,
        in_flight: 3,
        busy_time_ms: 3052,
        queue_time_ms: 8209,
        discards: Some(3097),
        flushes: Some(14),
    };
    assert_eq!(disks, [vda]);
}

#[test]
fn partitions_loops_and_devices_made_of_disks_are_left_out() {
    let tree = Tree::machine();
    tree.write("proc/diskstats", DISK_ZOO);
    for disk in ["sda", "nvme0n1", "nvme0n2", "xvda1", "cciss!c0d0", "sr0"] {
        tree.dir(&format!("sys/block/{disk}/slaves"));
    }
    tree.dir("sys/block/bcache0/slaves/sda");
    let sample = tree.sample();
    assert_eq!(disks(&sample), ["sda", "nvme0n1", "nvme0n2", "xvda1", "cciss/c0d0", "sr0"]);
}

#[test]
fn without_sysfs_names_tell_partitions() {
    let tree = Tree::machine();
    tree.remove("sys");
    tree.write("proc/diskstats", DISK_ZOO);
    let sample = tree.sample();
    let expected = ["sda", "nvme0n1", "nvme0n2", "xvda1", "cciss/c0d0", "sr0", "bcache0"];
    assert_eq!(disks(&sample), expected);
}

/// Old kernels have 11 counters only, newer ones 15 or 17.
const DISK_ZOO: &str = "\
8 0 sda 1 1 1 1 1 1 1 1 0 1 1
8 1 sda1 1 1 1 1 1 1 1 1 0 1 1
8 15 sda15 1 1 1 1 1 1 1 1 0 1 1
259 0 nvme0n1 1 1 1 1 1 1 1 1 0 1 1 1 1 1 1
259 1 nvme0n1p1 1 1 1 1 1 1 1 1 0 1 1 1 1 1 1
259 2 nvme0n2 1 1 1 1 1 1 1 1 0 1 1 1 1 1 1
202 1 xvda1 1 1 1 1 1 1 1 1 0 1 1
104 0 cciss/c0d0 1 1 1 1 1 1 1 1 0 1 1
104 1 cciss/c0d0p1 1 1 1 1 1 1 1 1 0 1 1
11 0 sr0 0 0 0 0 0 0 0 0 0 0 0
9 127 md127 1 1 1 1 1 1 1 1 0 1 1
9 128 md127p1 1 1 1 1 1 1 1 1 0 1 1
252 0 dm-0 1 1 1 1 1 1 1 1 0 1 1
251 0 bcache0 1 1 1 1 1 1 1 1 0 1 1
7 0 loop0 1 1 1 1 1 1 1 1 0 1 1
1 0 ram0 1 1 1 1 1 1 1 1 0 1 1
253 0 zram0 1 1 1 1 1 1 1 1 0 1 1
";

#[test]
fn old_kernels_do_not_tell_discards_and_flushes() {
    let tree = Tree::machine();
    tree.write("proc/diskstats", "254 0 vda 1 2 3 4 5 6 7 8 9 10 11\n");
    let disk = tree.sample().disks.unwrap().remove(0);
    assert_eq!((disk.queue_time_ms, disk.discards, disk.flushes), (11, None, None));
    tree.write("proc/diskstats", "254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n");
    let disk = tree.sample().disks.unwrap().remove(0);
    assert_eq!((disk.discards, disk.flushes), (Some(12), None));
}

#[test]
fn interfaces_count_both_directions() {
    let interfaces = Tree::machine().sample().interfaces.unwrap();
    let traffic = |bytes, packets, errors, drops| Traffic { bytes, packets, errors, drops };
    let entry = |name: &str, in_totals, received, sent| InterfaceSample {
        name: name.into(),
        in_totals,
        received,
        sent,
    };
    let expected = [
        entry("lo", false, traffic(3193, 29, 0, 0), traffic(3193, 29, 0, 0)),
        entry("eth0", true, traffic(18_814_294, 511, 1, 2), traffic(30_398, 329, 7, 8)),
        entry("wlan0", true, traffic(1000, 10, 0, 0), traffic(2000, 20, 0, 0)),
    ];
    assert_eq!(interfaces, expected);
}

#[test]
fn totals_count_no_packet_at_two_interfaces() {
    let tree = Tree::new();
    let line = |name| format!("{name}: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    let all = ["lo", "eth0", "eth1", "br0", "veth1", "eth0.7", "tun0"];
    tree.write("proc/net/dev", all.map(line).concat());
    tree.write("sys/class/net/eth0/device", "");
    tree.write("sys/class/net/eth0/master", "");
    tree.write("sys/class/net/eth0/upper_br0", "");
    tree.write("sys/class/net/br0/lower_eth0", "");
    tree.write("sys/class/net/veth1/master", "");
    tree.write("sys/class/net/eth0.7/lower_eth0", "");
    tree.dir("sys/class/net/eth1");
    let sample = tree.sample();
    let counted = sample.interfaces.iter().flatten().filter(|i| i.in_totals);
    assert_eq!(counted.map(|i| &*i.name).collect::<Vec<_>>(), ["eth0", "eth1", "tun0"]);
    assert_eq!(interfaces(&sample), all);
}

#[test]
fn below_another_root_interfaces_are_those_of_process_1() {
    let tree = Tree::machine();
    tree.write("proc/1/net/dev", "host0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    assert_eq!(interfaces(&tree.sample()), ["host0"]);
}

#[test]
fn process_values_are_those_of_its_files() {
    let process = Tree::machine().sample().process;
    let expected = ProcessSample {
        cpu_ns: Some(300 * TICK),
        resident_bytes: Some(300 * page_bytes()),
        virtual_bytes: Some(2000 * page_bytes()),
        threads: Some(12),
        open_fds: Some(5),
        max_fds: Some(20_000),
        start_time_unix_s: Some(1_700_000_792.33),
        minor_faults: Some(103),
        major_faults: Some(7),
        voluntary_switches: None,
        involuntary_switches: None,
    };
    assert_eq!(process, expected);
}

#[test]
fn the_start_of_the_process_stays_when_the_wall_clock_is_set() {
    let tree = Tree::machine();
    let mut reader = tree.reader();
    let first = read_at(&mut reader, SECOND).process.start_time_unix_s;
    tree.write("proc/stat", fixture::STAT.replace("btime 1700000000", "btime 1700000005"));
    let second = read_at(&mut reader, 2 * SECOND);
    assert_eq!(second.system.boot_time_unix_s, Some(1_700_000_005));
    assert_eq!(second.process.start_time_unix_s, first);
}

#[test]
fn an_unlimited_number_of_descriptors_is_no_number() {
    let tree = Tree::machine();
    tree.write("proc/self/limits", "Max open files  unlimited unlimited files\n");
    assert_eq!(tree.sample().process.max_fds, None);
}

#[test]
fn an_empty_root_is_unknown_in_everything() {
    let sample = Tree::new().sample();
    let unknown = HostSample { at_ns: SECOND, ..HostSample::default() };
    assert_eq!(sample, unknown);
}

#[test]
fn one_missing_file_leaves_the_others_known() {
    let files = [
        "proc/stat",
        "proc/loadavg",
        "proc/meminfo",
        "proc/vmstat",
        "proc/diskstats",
        "proc/net/dev",
        "proc/self/stat",
        "proc/self/statm",
    ];
    for missing in files {
        let tree = Tree::machine();
        tree.remove(missing);
        let sample = tree.sample();
        let known = [
            sample.cpu.is_some(),
            sample.load.is_some(),
            sample.memory.total_bytes.is_some(),
            sample.paging.faults.is_some(),
            sample.disks.is_some(),
            sample.interfaces.is_some(),
            sample.process.threads.is_some(),
            sample.process.resident_bytes.is_some(),
        ];
        assert_eq!(known, files.map(|file| file != missing), "{missing}");
    }
}

#[test]
fn a_file_that_appears_is_found_after_five_seconds() {
    let tree = Tree::new();
    let mut reader = tree.reader();
    assert_eq!(read_at(&mut reader, SECOND).load, None);
    tree.write("proc/loadavg", "1.00 2.00 3.00 1/2 3\n");
    assert_eq!(read_at(&mut reader, 6 * SECOND - 1).load, None);
    assert_eq!(read_at(&mut reader, 6 * SECOND).load.unwrap().one, 1.0);
    tree.write("proc/loadavg", "4.00 2.00 3.00 1/2 3\n");
    assert_eq!(read_at(&mut reader, 6 * SECOND + 1).load.unwrap().one, 4.0);
}

#[test]
fn a_line_cut_off_is_unknown() {
    let tree = Tree::machine();
    tree.write("proc/stat", "cpu  1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\nctxt 1738");
    tree.write("proc/meminfo", "MemTotal:       16000 kB\nMemFree:  20");
    tree.write("proc/loadavg", "0.50 1.25 2.");
    tree.write("proc/self/statm", "2000 300");
    tree.write("proc/diskstats", "254 0 vda 5730 3242 1000 6890 571");
    tree.write("proc/net/dev", "eth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0");
    let sample = tree.sample();
    assert_eq!(sample.cpu.unwrap().user_ns, TICK);
    assert_eq!(sample.system.context_switches, None);
    assert_eq!(sample.memory.free_bytes, None);
    assert_eq!(sample.memory.used_bytes(), None);
    assert_eq!(sample.load, None);
    assert_eq!(sample.process.resident_bytes, None);
    assert_eq!(names(&sample), (vec![], vec![]));
}

#[test]
fn garbled_lines_are_left_out_one_by_one() {
    let tree = Tree::machine();
    tree.write(
        "proc/diskstats",
        "254 0 vda x 2 3 4 5 6 7 8 9 10 11\n\n\
         254 0 vda 1 2 -3 4 5 6 7 8 9 10 11\n\
         254 0 vda 1 2 99999999999999999999 4 5 6 7 8 9 10 11\n\
         254 0 vda 1 2 18446744073709551615 4 5 6 7 8 9 10 11\n\
         254 0 vda 7 2 3 4 5 6 7 8 9 10 11\n",
    );
    tree.write(
        "proc/stat",
        "cpu  1 2 3\ncpu0 1 2 3 4\ncpux 1 2 3 4\ncpu1 18446744073709551615 1 1 1\n",
    );
    tree.write(
        "proc/net/dev",
        "eth0 1 2\n: 1 2\neth1: 1 2 3\neth2: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n",
    );
    let sample = tree.sample();
    assert_eq!(sample.disks.as_ref().unwrap()[0].reads, 7);
    assert_eq!(sample.cpu, None);
    let core = CoreSample {
        core: 0,
        times: CpuTimes {
            user_ns: TICK,
            nice_ns: 2 * TICK,
            system_ns: 3 * TICK,
            idle_ns: 4 * TICK,
            ..CpuTimes::default()
        },
    };
    assert_eq!(sample.cores.as_deref(), Some(&[core][..]));
    assert_eq!(interfaces(&sample), ["eth2"]);
}

#[test]
fn core_numbers_may_have_gaps() {
    let tree = Tree::machine();
    let mut reader = tree.reader();
    let mut sample = HostSample::default();
    let mut cores = |stat: &str| {
        tree.write("proc/stat", stat);
        reader.read_into_at(&mut sample, SECOND);
        let cores = sample.cores.iter().flatten();
        cores.map(|c| (c.core, c.times.user_ns / TICK)).collect::<Vec<_>>()
    };
    assert_eq!(cores("cpu0 1 1 1 1\ncpu1 2 1 1 1\ncpu7 3 1 1 1\n"), [(0, 1), (1, 2), (7, 3)]);
    assert_eq!(cores("cpu0 1 1 1 1\ncpu7 3 1 1 1\n"), [(0, 1), (7, 3)]);
    assert_eq!(cores("cpu0 1 1 1 1\ncpu1 2 1 1 1\n"), [(0, 1), (1, 2)]);
}

#[test]
fn the_same_sample_follows_devices_that_come_and_go() {
    let tree = Tree::machine();
    let mut reader = tree.reader();
    let mut sample = HostSample::default();
    reader.read_into_at(&mut sample, SECOND);
    assert_eq!(interfaces(&sample), ["lo", "eth0", "wlan0"]);
    let without_eth0: Vec<_> = fixture::NET_DEV.lines().filter(|l| !l.contains("eth0")).collect();
    tree.write("proc/net/dev", without_eth0.join("\n") + "\n");
    reader.read_into_at(&mut sample, 2 * SECOND);
    assert_eq!(interfaces(&sample), ["lo", "wlan0"]);
    tree.write("proc/net/dev", fixture::NET_DEV);
    reader.read_into_at(&mut sample, 3 * SECOND);
    assert_eq!(sample, read_at(&mut tree.reader(), 3 * SECOND));
}

#[test]
fn categories_that_are_off_are_not_read() {
    let tree = Tree::machine();
    let options = || HostOptions::default().root(tree.root());
    let read = |options| read_at(&mut HostReader::with_options(options), SECOND);
    let all = tree.sample();
    let unread = HostSample::default();

    let sample = read(options().process(false));
    assert_eq!((sample.process, &sample.disks), (unread.process, &all.disks));
    let sample = read(options().cpu(false));
    assert_eq!((sample.cpu, &sample.cores, sample.load), (None, &None, None));
    assert_eq!((sample.system, sample.process), (unread.system, all.process));
    let sample = read(options().per_core(false));
    assert_eq!((sample.cpu, &sample.cores), (all.cpu, &None));
    let sample = read(options().memory(false));
    assert_eq!((sample.memory, sample.paging), (unread.memory, unread.paging));
    let sample = read(options().disks(false));
    assert_eq!((&sample.disks, &sample.interfaces), (&None, &all.interfaces));
    let sample = read(options().network(false));
    assert_eq!((&sample.disks, &sample.interfaces), (&all.disks, &None));
}

#[test]
fn filters_choose_names_and_only_overrides_the_rule_of_whole_disks() {
    let tree = Tree::machine();
    let options = || HostOptions::default().root(tree.root());
    let read = |options| read_at(&mut HostReader::with_options(options), SECOND);
    let sample = read(options().disk_filter(NameFilter::only(["vda1", "dm-*"])));
    assert_eq!(disks(&sample), ["vda1", "dm-0"]);
    let sample = read(options().disk_filter(NameFilter::except(["vd*"])));
    assert_eq!(disks(&sample), [""; 0]);
    let sample = read(options().interface_filter(NameFilter::except(["lo", "w*"])));
    assert_eq!(interfaces(&sample), ["eth0"]);
}

#[test]
fn limits_are_kept_and_what_they_leave_out_is_counted() {
    let tree = Tree::machine();
    tree.dir("sys/block/vdb");
    let line = "254 16 vdb 1 2 3 4 5 6 7 8 9 10 11\n";
    tree.write("proc/diskstats", fixture::DISKSTATS.to_owned() + line);
    let options = HostOptions::default().root(tree.root());
    let options = options.max_cores(1).max_disks(1).max_interfaces(1);
    let sample = read_at(&mut HostReader::with_options(options), SECOND);
    assert_eq!(sample.cores.as_ref().unwrap().len(), 1);
    assert_eq!(names(&sample), (vec!["vda"], vec!["lo"]));
    let left_out = OverLimit { cores: 1, disks: 1, interfaces: 2 };
    assert_eq!(sample.over_limit, left_out);
}

#[test]
fn a_device_made_of_others_later_is_left_out_within_a_minute() {
    let tree = Tree::machine();
    tree.dir("sys/block/bcache0/slaves");
    let line = "251 0 bcache0 1 2 3 4 5 6 7 8 9 10 11\n";
    tree.write("proc/diskstats", fixture::DISKSTATS.to_owned() + line);
    let mut reader = tree.reader();
    assert_eq!(disks(&read_at(&mut reader, SECOND)), ["vda", "bcache0"]);
    tree.dir("sys/block/bcache0/slaves/vda2");
    assert_eq!(disks(&read_at(&mut reader, 60 * SECOND)), ["vda", "bcache0"]);
    assert_eq!(disks(&read_at(&mut reader, 61 * SECOND)), ["vda"]);
}
