//! Reading this process.

use std::path::Path;

use crate::kept::KeptFile;
use crate::model::ProcessSample;
use crate::os;
use crate::parse;

/// Reads `proc/self` and asks the system's clocks.
pub(crate) struct ProcessReader {
    own_machine: bool,
    pid: u32,
    stat: KeptFile,
    statm: KeptFile,
    limits: KeptFile,
    boot: KeptFile,
    fds: os::OpenFds,
    start_time_unix_s: Option<f64>,
}

impl ProcessReader {
    pub(crate) fn new(root: &Path, own_machine: bool) -> Self {
        ProcessReader {
            own_machine,
            pid: std::process::id(),
            stat: KeptFile::new(root, &["proc/self/stat"]),
            statm: KeptFile::new(root, &["proc/self/statm"]),
            limits: KeptFile::new(root, &["proc/self/limits"]),
            boot: KeptFile::new(root, &["proc/stat"]),
            fds: os::OpenFds::new(root),
            start_time_unix_s: None,
        }
    }

    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>, now_ns: u64) -> ProcessSample {
        let clock_ns = self.own_machine.then(os::process_cpu_ns).flatten();
        self.forget_parent();
        let stat = self.stat.read(buffer, now_ns).and_then(parse::process::stat);
        let stat = stat.unwrap_or_default();
        let statm = self.statm.read(buffer, now_ns).map(parse::process::statm);
        let (virtual_pages, resident_pages) = statm.unwrap_or_default();
        let bytes = |pages: Option<u64>| pages?.checked_mul(os::page_bytes());
        let switches = self.own_machine.then(os::context_switches).flatten();
        ProcessSample {
            cpu_ns: clock_ns.or_else(|| ticked_cpu_ns(&stat)),
            resident_bytes: bytes(resident_pages),
            virtual_bytes: bytes(virtual_pages),
            threads: stat.threads,
            open_fds: self.fds.count(now_ns),
            max_fds: self.max_fds(buffer, now_ns),
            start_time_unix_s: self.start_time(buffer, now_ns, stat.start_ticks),
            minor_faults: stat.minor_faults,
            major_faults: stat.major_faults,
            voluntary_switches: switches.map(|s| s.voluntary),
            involuntary_switches: switches.map(|s| s.involuntary),
        }
    }

    /// After a fork, kept files of `/proc/self` are still the parent's.
    fn forget_parent(&mut self) {
        let pid = std::process::id();
        if pid != self.pid {
            self.pid = pid;
            self.stat.forget();
            self.statm.forget();
            self.limits.forget();
            self.fds.forget();
            self.start_time_unix_s = None;
        }
    }

    fn max_fds(&mut self, buffer: &mut Vec<u8>, now_ns: u64) -> Option<u64> {
        if self.own_machine {
            return os::max_fds();
        }
        self.limits.read(buffer, now_ns).and_then(parse::process::max_fds)
    }

    /// Computed once: the boot time moves when the wall clock is set, the start of a process does not.
    fn start_time(&mut self, buffer: &mut Vec<u8>, now_ns: u64, ticks: Option<u64>) -> Option<f64> {
        if self.start_time_unix_s.is_none() {
            let after_boot_ns = ticks?.checked_mul(os::tick_ns())?;
            let boot_s = self.boot.read(buffer, now_ns).and_then(parse::stat::boot_time)?;
            self.start_time_unix_s = Some(boot_s as f64 + after_boot_ns as f64 / 1e9);
            self.boot.forget();
        }
        self.start_time_unix_s
    }
}

fn ticked_cpu_ns(stat: &parse::process::Stat) -> Option<u64> {
    let ticks = stat.user_ticks?.checked_add(stat.system_ticks?)?;
    ticks.checked_mul(os::tick_ns())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn after_a_fork_the_parents_files_are_forgotten() {
        let mut reader = ProcessReader::new(Path::new("/"), true);
        let mut buffer = Vec::new();
        let started = reader.read(&mut buffer, 0).start_time_unix_s;
        assert!(started.is_some());
        reader.start_time_unix_s = Some(0.0);
        assert_eq!(reader.read(&mut buffer, 1).start_time_unix_s, Some(0.0));
        reader.pid += 1;
        assert_eq!(reader.read(&mut buffer, 2).start_time_unix_s, started);
    }
}
