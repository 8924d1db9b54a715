//! Threads on cores of their own.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The first two cores that this process may use; `None` where there is no second one or the
/// system does not say.
pub(crate) fn cpus() -> [Option<usize>; 2] {
    let allowed = sched_getaffinity(None).ok();
    let mut cpus =
        allowed.iter().flat_map(|set| (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)));
    let first = cpus.next();
    [first, cpus.next()]
}

/// Keeps the calling thread on `cpu`, so that two-thread rows measure contention, not the scheduler.
pub(crate) fn this_thread_to(cpu: Option<usize>) {
    let Some(cpu) = cpu else { return };
    let mut set = CpuSet::new();
    set.set(cpu);
    let _ = sched_setaffinity(None, &set); // refused in some containers: then the scheduler places it
}
