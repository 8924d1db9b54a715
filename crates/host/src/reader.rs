//! Reading the kernel's files into a sample.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::devices;
use crate::kept::KeptFile;
use crate::model::{
    HostSample, MemorySample, OverLimit, PagingSample, ProcessSample, SystemSample,
};
use crate::options::HostOptions;
use crate::os;
use crate::parse;
use crate::process::ProcessReader;
use crate::refill::Refill;

/// Reads this machine and this process, keeping the files open.
///
/// A file that is missing or forbidden leaves its part of the sample unknown; it is tried again
/// every five seconds.
///
/// ```
/// use perf_monitor_host::{HostReader, HostSample};
///
/// let mut reader = HostReader::new();
/// let mut sample = HostSample::default();
/// reader.read_into(&mut sample);
/// if let Some(bytes) = sample.memory.available_bytes {
///     println!("{bytes} bytes of memory are available");
/// }
/// ```
///
/// # Cost
///
/// Row `host/collect` of `benches/budgets.toml`. Reading into the same sample again allocates
/// nothing while no device comes or goes. Up to 10 descriptors stay open.
pub struct HostReader {
    options: HostOptions,
    files: Files,
    process: ProcessReader,
    disks: devices::Disks,
    interfaces: devices::Interfaces,
    buffer: Vec<u8>,
}

struct Files {
    stat: KeptFile,
    loadavg: KeptFile,
    meminfo: KeptFile,
    vmstat: KeptFile,
    diskstats: KeptFile,
    net_dev: KeptFile,
}

impl Files {
    fn new(root: &Path, own_machine: bool) -> Self {
        // /proc/net is that of the process which opens it, and stays so while it is open; below
        // another root, the host's first process shows the host's interfaces
        let net_dev: &[&str] = match own_machine {
            true => &["proc/net/dev"],
            false => &["proc/1/net/dev", "proc/net/dev"],
        };
        Files {
            stat: KeptFile::new(root, &["proc/stat"]),
            loadavg: KeptFile::new(root, &["proc/loadavg"]),
            meminfo: KeptFile::new(root, &["proc/meminfo"]),
            vmstat: KeptFile::new(root, &["proc/vmstat"]),
            diskstats: KeptFile::new(root, &["proc/diskstats"]),
            net_dev: KeptFile::new(root, net_dev),
        }
    }
}

impl fmt::Debug for HostReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostReader").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Default for HostReader {
    fn default() -> Self {
        Self::new()
    }
}

impl HostReader {
    /// A reader of everything on this machine.
    pub fn new() -> Self {
        Self::with_options(HostOptions::default())
    }

    /// A reader of everything below `root`: see [`HostOptions::root`].
    pub fn with_root(root: impl Into<PathBuf>) -> Self {
        Self::with_options(HostOptions::default().root(root))
    }

    /// A reader of what the options choose. Files are opened by the first reading.
    pub fn with_options(options: HostOptions) -> Self {
        let root = options.root.clone();
        let own_machine = root == Path::new("/");
        HostReader {
            files: Files::new(&root, own_machine),
            process: ProcessReader::new(&root, own_machine),
            disks: devices::Disks::new(&root),
            interfaces: devices::Interfaces::new(&root),
            buffer: Vec::new(),
            options,
        }
    }

    /// Reads everything once, now.
    pub fn read(&mut self) -> HostSample {
        let mut sample = HostSample::default();
        self.read_into(&mut sample);
        sample
    }

    /// Reads everything once, now, into a sample whose room is used again.
    pub fn read_into(&mut self, sample: &mut HostSample) {
        self.read_into_at(sample, os::monotonic_ns());
    }

    /// Reads as if the monotonic clock stood at `at_ns`; for tests and for files that were recorded.
    pub fn read_into_at(&mut self, sample: &mut HostSample, at_ns: u64) {
        sample.at_ns = at_ns;
        sample.over_limit = OverLimit::default();
        // first, so that the process's CPU clock is read right after the time
        sample.process = match self.options.process {
            true => self.process.read(&mut self.buffer, at_ns),
            false => ProcessSample::default(),
        };
        self.read_cpu(sample);
        self.read_memory(sample);
        self.read_disks(sample);
        self.read_interfaces(sample);
    }

    fn read_cpu(&mut self, sample: &mut HostSample) {
        let (files, buffer) = (&mut self.files, &mut self.buffer);
        sample.cpu = None;
        sample.system = SystemSample::default();
        sample.load = None;
        if !self.options.cpu {
            sample.cores = None;
            return;
        }
        let max_cores = self.options.per_core.then_some(self.options.max_cores);
        let text = files.stat.read(buffer, sample.at_ns).unwrap_or_default();
        parse::stat::fill(sample, text, os::tick_ns(), max_cores);
        sample.load = files.loadavg.read(buffer, sample.at_ns).and_then(parse::stat::load);
    }

    fn read_memory(&mut self, sample: &mut HostSample) {
        let (files, buffer) = (&mut self.files, &mut self.buffer);
        sample.memory = MemorySample::default();
        sample.paging = PagingSample::default();
        if !self.options.memory {
            return;
        }
        if let Some(text) = files.meminfo.read(buffer, sample.at_ns) {
            sample.memory = parse::memory::memory(text);
        }
        if let Some(text) = files.vmstat.read(buffer, sample.at_ns) {
            sample.paging = parse::memory::paging(text, os::page_bytes());
        }
    }

    fn read_disks(&mut self, sample: &mut HostSample) {
        let before = sample.disks.take();
        if !self.options.disks {
            return;
        }
        let Some(text) = self.files.diskstats.read(&mut self.buffer, sample.at_ns) else {
            return;
        };
        let filter = &self.options.disk_filter;
        let mut list = Refill::new(before, self.options.max_disks);
        self.disks.start(sample.at_ns);
        for (name, counters) in parse::disks::devices(text) {
            let wanted = filter.asks_for(name)
                || (filter.takes_bytes(name) && self.disks.is_whole(name, text));
            if wanted {
                list.put(name, counters);
            }
        }
        sample.over_limit.disks = list.over_limit;
        sample.disks = Some(list.finish());
    }

    fn read_interfaces(&mut self, sample: &mut HostSample) {
        let before = sample.interfaces.take();
        if !self.options.network {
            return;
        }
        let Some(text) = self.files.net_dev.read(&mut self.buffer, sample.at_ns) else {
            return;
        };
        let mut list = Refill::new(before, self.options.max_interfaces);
        self.interfaces.start(sample.at_ns);
        let mut any = false; // there always is one, at least the loopback
        for (name, mut counters) in parse::interfaces::interfaces(text) {
            any = true;
            if self.options.interface_filter.takes_bytes(name) {
                counters.in_totals = self.interfaces.in_totals(name);
                list.put(name, counters);
            }
        }
        sample.over_limit.interfaces = list.over_limit;
        sample.interfaces = any.then(|| list.finish());
    }
}
