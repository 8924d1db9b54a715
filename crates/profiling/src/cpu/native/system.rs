//! Clocks and signals of the system.

use perf_monitor_core::Instant;

use super::threads;

/// CPU time that the process has used.
pub(crate) fn process_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time that the calling thread has used.
pub(crate) fn thread_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the time, which lives across the call; both clocks exist wherever Linux runs.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    (time.tv_sec as u64).saturating_mul(1_000_000_000) + time.tv_nsec as u64
}

/// What it takes to send this thread `signal` and to come back from a handler that does nothing with
/// it: the least of a few tries.
pub(crate) fn delivery_ns(signal: i32) -> u64 {
    const SIGNALS: u64 = 16;
    let send = || {
        // SAFETY: sends a signal, whose handler is ours, to this thread of this process.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), threads::own(), signal) };
    };
    let batch = |_| {
        let begun = Instant::now();
        (0..SIGNALS).for_each(|_| send());
        begun.elapsed_ns() / SIGNALS
    };
    (0..5).map(batch).min().unwrap_or(0)
}
