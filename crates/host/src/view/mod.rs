//! Feeding a registry from what the reader sees.

mod cpu;
mod disks;
mod memory;
mod network;
mod process;
mod rows;
mod steady;
mod table;

use std::fmt::{self, Write};

use perf_monitor_core::{Counter, Desc, Gauge, Registry, Unit};

use crate::model::{CpuTimes, HostSample, MemorySample, OverLimit, ProcessSample};
use crate::options::HostOptions;
use crate::rates::{self, CpuShares, DiskRates};
use crate::reader::HostReader;
use crate::{Error, os};
use disks::DiskTotals;
use network::BothWays;
use rows::Rows;
use table::{CounterDef, GaugeDef, Row, Table};

/// The metrics of this machine and process in a registry.
///
/// | part | counters (`_total`) | gauges |
/// |---|---|---|
/// | process | `process_` `cpu_seconds`, `page_faults{kind}`, `context_switches{kind}` | `process_` `resident_memory_bytes`, `virtual_memory_bytes`, `threads`, `open_fds`, `max_fds`, `start_time_seconds` |
/// | cpu | `host_` `cpu_seconds{mode}`, `context_switches`, `interrupts`, `forks` | `host_` `cpu_usage_ratio`, `cpu_iowait_ratio`, `cpu_steal_ratio`, `load1`, `load5`, `load15`, `threads_running`, `threads_blocked`, `boot_time_seconds` |
/// | core | `host_cpu_core_seconds{core,mode}` | `host_cpu_core_usage_ratio{core}` |
/// | memory | `host_` `page_faults{kind}`, `refaults{kind}`, `swap_`/`paging_` `in_bytes`, `out_bytes`, `oom_kills` | `host_memory_` `total`, `available`, `used`, `free`, `cached`, `buffers`, `shared`, `page_cache`, `slab_reclaimable`, `dirty`, `writeback` `_bytes`; `host_swap_` `total`, `used` `_bytes` |
/// | disk | `host_disk_` `reads`, `writes`, `discards`, `flushes`, `read_bytes`, `written_bytes`, `read_seconds`, `write_seconds`, `busy_seconds` `{device}` | `host_disk_` `utilisation_ratio`, `queue_length`, `read_await_seconds`, `write_await_seconds` `{device}` |
/// | network | `host_network_` and `host_network_interface_{interface}` `received_`/`sent_` `bytes`, `packets`, `errors`, `drops` | |
///
/// Counters are the kernel's own, since boot. Gauges of use (CPU, disks) are over the time between
/// two collects, so they appear with the second one. A value that is unknown has no series; a
/// disk, interface or core that goes away takes its series along. What the limits of the options
/// leave out is counted in `perf_monitor_host_over_limit_total{kind}`.
///
/// One instance feeds a registry. Another one takes its series over at its own first collect, so
/// that a monitor can follow another; dropping one leaves the series as they are.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_host::{HostMetrics, HostOptions};
///
/// let registry = Registry::new();
/// let mut host = HostMetrics::new(&registry, HostOptions::default())?;
/// host.collect(); // once a second, say
/// println!("{:?} bytes in RAM", host.process_rss_bytes());
/// # Ok::<(), perf_monitor_host::Error>(())
/// ```
pub struct HostMetrics {
    reader: HostReader,
    /// Changes its place with `now` at each collect, so that both keep their room.
    before: HostSample,
    now: HostSample,
    feeds: bool,
    resident: Option<Gauge>,
    process: One<ProcessSample, ProcessSample>,
    cpu: One<CpuTimes, CpuShares>,
    cores: Many<CpuTimes, CpuShares, ()>,
    system: One<HostSample, HostSample>,
    memory: One<HostSample, MemorySample>,
    disks: Many<DiskTotals, DiskRates, DiskTotals>,
    interfaces: Many<BothWays, BothWays, ()>,
    traffic: One<BothWays, BothWays>,
    total_traffic: Option<BothWays>,
    over_limit: [Counter; 3],
    core_name: String,
}

impl HostMetrics {
    /// Registers the metrics of the categories that are on. Nothing is read yet.
    ///
    /// # Errors
    ///
    /// When one of the names is in use by another kind of metric.
    pub fn new(registry: &Registry, options: HostOptions) -> Result<Self, Error> {
        let on = &options;
        let per_core = on.cpu && on.per_core;
        Ok(HostMetrics {
            before: HostSample::default(),
            now: HostSample::default(),
            feeds: false,
            resident: on.process.then(|| resident(registry)).transpose()?,
            process: One::register(registry, on.process, process::COUNTERS, process::GAUGES)?,
            cpu: One::register(registry, on.cpu, cpu::TOTAL_COUNTERS, cpu::TOTAL_GAUGES)?,
            cores: Many::register(
                registry,
                per_core,
                "core",
                cpu::CORE_COUNTERS,
                cpu::CORE_GAUGES,
            )?,
            system: One::register(registry, on.cpu, cpu::SYSTEM_COUNTERS, cpu::SYSTEM_GAUGES)?,
            memory: One::register(registry, on.memory, memory::COUNTERS, memory::GAUGES)?,
            disks: Many::register(registry, on.disks, "device", disks::COUNTERS, disks::GAUGES)?,
            interfaces: Many::register(
                registry,
                on.network,
                "interface",
                network::INTERFACE_COUNTERS,
                network::GAUGES,
            )?,
            traffic: One::register(registry, on.network, network::TOTAL_COUNTERS, network::GAUGES)?,
            total_traffic: None,
            over_limit: over_limit(registry)?,
            core_name: String::new(),
            reader: HostReader::with_options(options),
        })
    }

    /// Reads everything once, now, and feeds the registry.
    ///
    /// # Cost
    ///
    /// Row `host/collect` of `benches/budgets.toml`: 57 µs of CPU time (2026-11, 2-core VM of
    /// 2.5 GHz, one disk, four interfaces), nearly all of it the kernel's. Allocates only when
    /// series come or go.
    pub fn collect(&mut self) {
        self.collect_at(os::monotonic_ns());
    }

    /// Collects as if the monotonic clock stood at `at_ns`; for tests and for files that were recorded.
    pub fn collect_at(&mut self, at_ns: u64) {
        self.take_over();
        std::mem::swap(&mut self.before, &mut self.now);
        self.reader.read_into_at(&mut self.now, at_ns);
        self.show_process();
        self.show_cpu();
        self.show_cores();
        self.memory.show(Some(&self.now), Some(&self.now.memory));
        self.show_disks();
        self.show_interfaces();
        self.show_over_limit();
    }

    /// What the last collect read.
    pub fn last(&self) -> &HostSample {
        &self.now
    }

    /// CPU use of this process between the last two collects: 1 is one core, all the time.
    /// `None` before the second collect, or when it is unknown.
    pub fn process_cpu_ratio(&self) -> Option<f64> {
        rates::process_cpu_ratio(&self.before, &self.now)
    }

    /// Memory of this process in RAM at the last collect; `None` when it is unknown.
    pub fn process_rss_bytes(&self) -> Option<u64> {
        self.now.process.resident_bytes
    }

    /// The totals of another feeder have a history of their own, which ours cannot go on with.
    fn take_over(&mut self) {
        if std::mem::replace(&mut self.feeds, true) {
            return;
        }
        self.process.table.clear();
        self.cpu.table.clear();
        self.cores.table.clear();
        self.system.table.clear();
        self.memory.table.clear();
        self.disks.table.clear();
        self.interfaces.table.clear();
        self.traffic.table.clear();
    }

    fn elapsed_ns(&self) -> u64 {
        self.now.at_ns.saturating_sub(self.before.at_ns)
    }

    fn show_process(&mut self) {
        let process = &self.now.process;
        self.process.show(Some(process), Some(process));
        if let (Some(gauge), Some(bytes)) = (&self.resident, process.resident_bytes) {
            gauge.set(bytes as f64);
        }
    }

    fn show_cpu(&mut self) {
        self.system.show(Some(&self.now), Some(&self.now));
        let shares = match (&self.before.cpu, &self.now.cpu) {
            (Some(before), Some(now)) => CpuShares::between(before, now),
            _ => None,
        };
        self.cpu.show(self.now.cpu.as_ref(), shares.as_ref());
    }

    fn show_cores(&mut self) {
        let Many { table, rows } = &mut self.cores;
        let before = self.before.cores.as_deref().unwrap_or_default();
        rows.start();
        for (index, core) in self.now.cores.iter().flatten().enumerate() {
            let shares = find(before, index, |b| b.core == core.core)
                .and_then(|before| CpuShares::between(&before.times, &core.times));
            self.core_name.clear();
            // writing into a String cannot fail
            let _ = write!(self.core_name, "{}", core.core);
            let row = rows.get(table, &self.core_name);
            table.show(&mut row.row, Some(&self.core_name), Some(&core.times), shares.as_ref());
        }
        rows.finish(table);
    }

    fn show_disks(&mut self) {
        let elapsed_ns = self.elapsed_ns();
        let Many { table, rows } = &mut self.disks;
        let before = self.before.disks.as_deref().unwrap_or_default();
        rows.start();
        for (index, disk) in self.now.disks.iter().flatten().enumerate() {
            let before = find(before, index, |b| b.name == disk.name);
            let rates = before.and_then(|before| DiskRates::between(before, disk, elapsed_ns));
            let row = rows.get(table, &disk.name);
            row.kept.observe(before.map(|before| (before, elapsed_ns)), disk);
            table.show(&mut row.row, Some(&disk.name), Some(&row.kept), rates.as_ref());
        }
        rows.finish(table);
    }

    fn show_interfaces(&mut self) {
        let Many { table, rows } = &mut self.interfaces;
        let before = self.before.interfaces.as_deref().unwrap_or_default();
        rows.start();
        for interface in self.now.interfaces.iter().flatten() {
            let row = rows.get(table, &interface.name);
            table.show(&mut row.row, Some(&interface.name), Some(&BothWays::of(interface)), None);
        }
        rows.finish(table);

        let Some(interfaces) = &self.now.interfaces else {
            self.traffic.show(None, None);
            return;
        };
        let known = self.total_traffic.is_some();
        let total = self.total_traffic.get_or_insert_default();
        for (index, interface) in interfaces.iter().enumerate().filter(|(_, i)| i.in_totals) {
            match find(before, index, |b| b.name == interface.name) {
                Some(before) => total.add_growth(before, interface),
                None if known => {} // it may come from another namespace, with a past
                None => total.add_all(interface),
            }
        }
        self.traffic.show(Some(total), None);
    }

    fn show_over_limit(&self) {
        let OverLimit { cores, disks, interfaces } = self.now.over_limit;
        for (counter, count) in self.over_limit.iter().zip([cores, disks, interfaces]) {
            if count > 0 {
                counter.add(count);
            }
        }
    }
}

impl fmt::Debug for HostMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostMetrics")
            .field("reader", &self.reader)
            .field("last", &self.now)
            .finish_non_exhaustive()
    }
}

/// One thing of its kind: this process, the machine.
struct One<C: 'static, G: 'static> {
    table: Table<C, G>,
    row: Row,
}

impl<C, G> One<C, G> {
    fn register(
        registry: &Registry,
        on: bool,
        counters: &'static [CounterDef<C>],
        gauges: &'static [GaugeDef<G>],
    ) -> Result<Self, Error> {
        let table = Table::register(registry, on, None, counters, gauges)?;
        Ok(One { row: table.row(), table })
    }

    fn show(&mut self, counters: Option<&C>, gauges: Option<&G>) {
        self.table.show(&mut self.row, None, counters, gauges);
    }
}

/// Several things of a kind, told apart by their first label.
struct Many<C: 'static, G: 'static, E> {
    table: Table<C, G>,
    rows: Rows<E>,
}

impl<C, G, E: Default> Many<C, G, E> {
    fn register(
        registry: &Registry,
        on: bool,
        key: &'static str,
        counters: &'static [CounterDef<C>],
        gauges: &'static [GaugeDef<G>],
    ) -> Result<Self, Error> {
        let table = Table::register(registry, on, Some(key), counters, gauges)?;
        Ok(Many { table, rows: Rows::new() })
    }
}

/// Looks where it should be first: lists keep their order while nothing comes or goes.
fn find<T>(list: &[T], index: usize, same: impl Fn(&T) -> bool) -> Option<&T> {
    match list.get(index) {
        Some(entry) if same(entry) => Some(entry),
        _ => list.iter().find(|entry| same(entry)),
    }
}

fn resident(registry: &Registry) -> Result<Gauge, Error> {
    let desc = Desc::new(process::RESIDENT, process::RESIDENT_HELP).unit(Unit::Bytes);
    registry.gauge(desc).map_err(|cause| Error::new(process::RESIDENT, cause))
}

fn over_limit(registry: &Registry) -> Result<[Counter; 3], Error> {
    const NAME: &str = "perf_monitor_host_over_limit_total";
    let help =
        "Times that a collect left out a core, disk or interface for the limits of the options.";
    let register = || {
        let family = registry.counter_family(Desc::new(NAME, help), &["kind"])?;
        Ok([family.with(&["core"])?, family.with(&["disk"])?, family.with(&["interface"])?])
    };
    register().map_err(|cause| Error::new(NAME, cause))
}
