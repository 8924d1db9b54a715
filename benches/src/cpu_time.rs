//! CPU time that was used.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Of the calling thread, so far.
pub(crate) fn of_this_thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// Of all threads of this process, also those that ended.
pub(crate) fn of_this_process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
