//! What one reading of the machine says, as plain structs.
//!
//! A value that the system does not tell is `None`, never 0. Counters are absolute, as the kernel
//! keeps them: since the machine (or the device) started.

/// One reading of this process and its machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostSample {
    /// When it was read: nanoseconds of the monotonic clock.
    pub at_ns: u64,
    /// This process.
    pub process: ProcessSample,
    /// CPU time of all cores together.
    pub cpu: Option<CpuTimes>,
    /// CPU time by core, in ascending order of core numbers, which may have gaps.
    pub cores: Option<Vec<CoreSample>>,
    /// Scheduler and interrupt counters.
    pub system: SystemSample,
    /// Load averages.
    pub load: Option<LoadSample>,
    /// Memory and swap space.
    pub memory: MemorySample,
    /// Page faults, paging and swap traffic.
    pub paging: PagingSample,
    /// Whole disks, each byte of I/O counted once.
    pub disks: Option<Vec<DiskSample>>,
    /// Network interfaces of this process's network namespace.
    pub interfaces: Option<Vec<InterfaceSample>>,
    /// What the limits of the options left out of the lists above.
    pub over_limit: OverLimit,
}

/// This process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessSample {
    /// CPU time of all its threads, user and system, in nanoseconds. In steps of 10 ms when read
    /// from an injected root, exact otherwise.
    pub cpu_ns: Option<u64>,
    /// Memory in RAM. The kernel batches this count per core: it may be some pages off.
    pub resident_bytes: Option<u64>,
    /// Address space.
    pub virtual_bytes: Option<u64>,
    /// Threads alive.
    pub threads: Option<u64>,
    /// Open file descriptors, the reader's own among them.
    pub open_fds: Option<u64>,
    /// The soft limit of open descriptors; `None` also when there is no limit.
    pub max_fds: Option<u64>,
    /// When it started, in seconds since 1970. Read once.
    pub start_time_unix_s: Option<f64>,
    /// Page faults served without I/O.
    pub minor_faults: Option<u64>,
    /// Page faults that had to read from a disk.
    pub major_faults: Option<u64>,
    /// Context switches because a thread waited.
    pub voluntary_switches: Option<u64>,
    /// Context switches because another thread was due.
    pub involuntary_switches: Option<u64>,
}

/// CPU time since boot by what it went to, in nanoseconds (kernel steps of 10 ms).
///
/// Guest time is inside `user_ns` and `nice_ns`. `idle_ns` and `iowait_ns` may go backwards by a
/// little: proc_stat(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// User mode, guests included.
    pub user_ns: u64,
    /// User mode at low priority.
    pub nice_ns: u64,
    /// Kernel mode.
    pub system_ns: u64,
    /// Nothing to do.
    pub idle_ns: u64,
    /// Nothing to do while a task waited for a disk; of little meaning for one core.
    pub iowait_ns: Option<u64>,
    /// Interrupts.
    pub irq_ns: Option<u64>,
    /// Soft interrupts.
    pub softirq_ns: Option<u64>,
    /// Wanted to run, but the hypervisor gave the core to another machine.
    pub steal_ns: Option<u64>,
}

/// CPU time of one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreSample {
    /// The kernel's number of the core.
    pub core: u32,
    /// Where its time went.
    pub times: CpuTimes,
}

/// Scheduler and interrupt counters since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemSample {
    /// Context switches of all cores.
    pub context_switches: Option<u64>,
    /// Interrupts served, of all kinds.
    pub interrupts: Option<u64>,
    /// Processes and threads created.
    pub forks: Option<u64>,
    /// When the machine started, in seconds since 1970.
    pub boot_time_unix_s: Option<u64>,
    /// Threads that run or could.
    pub running: Option<u64>,
    /// Threads that wait for a disk.
    pub blocked: Option<u64>,
}

/// Threads that run, could run or wait for a disk, averaged; the kernel computes it every five seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadSample {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
}

/// Memory and swap space of the machine, in bytes. In a container this is still the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemorySample {
    /// RAM that the kernel manages.
    pub total_bytes: Option<u64>,
    /// RAM that holds nothing, not even cache. Not what a program can get: that is `available_bytes`.
    pub free_bytes: Option<u64>,
    /// What programs can still get without swapping: the kernel's estimate (Linux 3.14 and later).
    pub available_bytes: Option<u64>,
    /// Cached blocks of devices.
    pub buffers_bytes: Option<u64>,
    /// Cached files, shared memory included.
    pub cached_bytes: Option<u64>,
    /// Shared memory and tmpfs.
    pub shared_bytes: Option<u64>,
    /// Kernel caches that can be given back.
    pub slab_reclaimable_bytes: Option<u64>,
    /// Waits to be written to a disk.
    pub dirty_bytes: Option<u64>,
    /// Is being written to a disk.
    pub writeback_bytes: Option<u64>,
    /// Swap space.
    pub swap_total_bytes: Option<u64>,
    /// Swap space not in use.
    pub swap_free_bytes: Option<u64>,
}

impl MemorySample {
    /// Total less available: what would not be there for a new program.
    pub fn used_bytes(&self) -> Option<u64> {
        Some(self.total_bytes?.saturating_sub(self.available_bytes?))
    }

    /// File and block cache that can be given back: cached + buffers - shared.
    pub fn page_cache_bytes(&self) -> Option<u64> {
        let cached = self.cached_bytes?.saturating_add(self.buffers_bytes?);
        Some(cached.saturating_sub(self.shared_bytes?))
    }

    /// Swap total less free.
    pub fn swap_used_bytes(&self) -> Option<u64> {
        Some(self.swap_total_bytes?.saturating_sub(self.swap_free_bytes?))
    }
}

/// Page faults, paging and swap traffic of the machine since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PagingSample {
    /// Page faults of both kinds.
    pub faults: Option<u64>,
    /// Page faults that had to read from a disk.
    pub major_faults: Option<u64>,
    /// Read from swap space.
    pub swap_in_bytes: Option<u64>,
    /// Written to swap space.
    pub swap_out_bytes: Option<u64>,
    /// Read from disks into memory.
    pub read_bytes: Option<u64>,
    /// Written from memory to disks.
    pub written_bytes: Option<u64>,
    /// Cached file pages that were evicted, then needed again: a sign of too little memory.
    pub file_refaults: Option<u64>,
    /// Pages of programs that were swapped out, then needed again.
    pub anon_refaults: Option<u64>,
    /// Processes that were killed for want of memory.
    pub oom_kills: Option<u64>,
}

impl PagingSample {
    /// Page faults served without I/O: all less the major ones.
    pub fn minor_faults(&self) -> Option<u64> {
        Some(self.faults?.saturating_sub(self.major_faults?))
    }
}

/// One whole disk since it appeared. The kernel keeps times in 32 bits of milliseconds: they wrap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskSample {
    /// The kernel's name, such as `nvme0n1`.
    pub name: String,
    /// Reads that completed; merged requests count once.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Milliseconds that reads took, queueing included, summed over requests.
    pub read_time_ms: u64,
    /// Writes that completed; merged requests count once.
    pub writes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Milliseconds that writes took, queueing included, summed over requests.
    pub write_time_ms: u64,
    /// Requests under way at this moment.
    pub in_flight: u64,
    /// Milliseconds with at least one request under way.
    pub busy_time_ms: u64,
    /// Milliseconds that requests were under way, summed over requests.
    pub queue_time_ms: u64,
    /// Discards that completed (Linux 4.18 and later).
    pub discards: Option<u64>,
    /// Flushes that completed (Linux 5.5 and later).
    pub flushes: Option<u64>,
}

/// One network interface since it appeared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceSample {
    /// The kernel's name, such as `eth0`.
    pub name: String,
    /// Whether totals over interfaces count it: not the loopback, nor an interface whose packets
    /// pass another one too (a bridge, a bond, a VLAN, a container's end of a bridge).
    pub in_totals: bool,
    /// What came in.
    pub received: Traffic,
    /// What went out.
    pub sent: Traffic,
}

/// One direction of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Packets with an error.
    pub errors: u64,
    /// Packets dropped, for want of room or of a taker.
    pub drops: u64,
}

/// How many entries the limits of the options left out of one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OverLimit {
    /// Cores.
    pub cores: u64,
    /// Disks.
    pub disks: u64,
    /// Interfaces. Totals over interfaces lack them too.
    pub interfaces: u64,
}
