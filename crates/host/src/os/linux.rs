//! Linux: clocks, limits, resource usage, the directory of open descriptors.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{PROC_SUPER_MAGIC, RawDir, SeekFrom};
use rustix::process::Resource;
use rustix::time::{ClockId, Timespec};

use super::ContextSwitches;
use crate::kept::RETRY_NS;

/// What cannot be read on this system: nothing.
pub(crate) const UNSUPPORTED: &[&str] = &[];

/// Nanoseconds of the monotonic clock, which stands still while the machine sleeps.
pub(crate) fn monotonic_ns() -> u64 {
    nanoseconds(rustix::time::clock_gettime(ClockId::Monotonic)).unwrap_or(0)
}

/// CPU time of all threads of this process, to the nanosecond.
pub(crate) fn process_cpu_ns() -> Option<u64> {
    nanoseconds(rustix::time::clock_gettime(ClockId::ProcessCPUTime))
}

fn nanoseconds(time: Timespec) -> Option<u64> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let rest = u64::try_from(time.tv_nsec).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(rest)
}

/// The soft limit of open descriptors; `None` when there is no limit.
pub(crate) fn max_fds() -> Option<u64> {
    rustix::process::getrlimit(Resource::Nofile).current
}

/// Bytes of a page of memory.
pub(crate) fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// Nanoseconds of a tick, the unit of CPU times in `/proc` (10 ms nearly everywhere).
pub(crate) fn tick_ns() -> u64 {
    1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)
}

/// Context switches of all threads of this process, also of those that have ended.
pub(crate) fn context_switches() -> Option<ContextSwitches> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the pointer is valid for writes of a whole rusage, for the time of the call.
    let code = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    if code != 0 {
        return None;
    }
    // SAFETY: the call returned 0, so the kernel has filled the structure.
    let usage = unsafe { usage.assume_init() };
    Some(ContextSwitches {
        voluntary: u64::try_from(usage.ru_nvcsw).ok()?,
        involuntary: u64::try_from(usage.ru_nivcsw).ok()?,
    })
}

/// The number of open descriptors of a process.
///
/// Since Linux 6.2 the directory's size is that number, for the price of an `fstat`. On older
/// kernels the directory is listed, whose cost grows with the number: at most every five seconds.
pub(crate) struct OpenFds {
    path: PathBuf,
    dir: Option<File>,
    next_open_ns: u64,
    listed: Option<u64>,
    next_list_ns: u64,
}

impl OpenFds {
    pub(crate) fn new(root: &Path) -> Self {
        OpenFds {
            path: root.join("proc/self/fd"),
            dir: None,
            next_open_ns: 0,
            listed: None,
            next_list_ns: 0,
        }
    }

    /// Closes the directory; the next count opens it again.
    pub(crate) fn forget(&mut self) {
        self.dir = None;
        self.next_open_ns = 0;
        self.next_list_ns = 0;
    }

    /// Counts; the monitor's own descriptors are among them. `None` when the directory is missing or forbidden.
    pub(crate) fn count(&mut self, now_ns: u64) -> Option<u64> {
        if self.dir.is_none() && now_ns >= self.next_open_ns {
            self.dir = File::open(&self.path).ok();
            self.next_open_ns = now_ns.saturating_add(RETRY_NS);
        }
        let dir = self.dir.as_ref()?.as_fd();
        if let Some(size) = size_of_proc_dir(dir) {
            return Some(size);
        }
        if now_ns >= self.next_list_ns {
            self.listed = entries(dir);
            self.next_list_ns = now_ns.saturating_add(RETRY_NS);
        }
        self.listed
    }
}

/// A directory of another file system has a size that means something else; an old kernel says 0.
fn size_of_proc_dir(dir: BorrowedFd<'_>) -> Option<u64> {
    let size = u64::try_from(rustix::fs::fstat(dir).ok()?.st_size).ok()?;
    let system = rustix::fs::fstatfs(dir).ok()?.f_type;
    (size > 0 && system == PROC_SUPER_MAGIC).then_some(size)
}

fn entries(dir: BorrowedFd<'_>) -> Option<u64> {
    rustix::fs::seek(dir, SeekFrom::Start(0)).ok()?;
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    let mut listing = RawDir::new(dir, &mut buffer);
    let mut count = 0;
    while let Some(entry) = listing.next() {
        let entry = entry.ok()?;
        let name = entry.file_name().to_bytes();
        count += u64::from(name != b"." && name != b"..");
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_the_directory_is_what_a_listing_counts() {
        let dir = File::open("/proc/self/fd").unwrap();
        // other tests open and close files meanwhile, and a file that is being opened is in the
        // size already, so ask until nothing moved in between
        let agrees = (0..1_000_000).any(|_| {
            std::thread::yield_now();
            let size = size_of_proc_dir(dir.as_fd());
            size.is_none_or(|size| entries(dir.as_fd()) == Some(size))
        });
        assert!(agrees);
    }

    #[test]
    fn the_cpu_clock_moves_with_work() {
        let before = process_cpu_ns().unwrap();
        let mut after = before;
        while after == before {
            after = process_cpu_ns().unwrap();
        }
        assert!(after > before);
    }

    #[test]
    fn context_switches_of_this_process_are_known() {
        let first = context_switches().unwrap();
        let second = context_switches().unwrap();
        assert!(second.voluntary >= first.voluntary);
        assert!(second.involuntary >= first.involuntary);
    }
}
