//! What the tests of the profilers share.
#![allow(dead_code)]

use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perf_monitor_profiling::Report;

/// A process has one sampler, so tests of one binary take turns.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// CPU time that the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time that the process has used.
pub(crate) fn process_cpu() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time lives across the call.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Uses up so much CPU time of the calling thread, here.
#[inline(never)]
pub(crate) fn burn(time: Duration) -> u64 {
    let end = thread_cpu() + time;
    let mut sum = 0;
    while thread_cpu() < end {
        sum ^= spin();
    }
    black_box(sum)
}

/// Some microseconds of work that calls nothing.
#[inline(never)]
pub(crate) fn spin() -> u64 {
    let mut sum = 1_u64;
    for n in 0..20_000_u64 {
        sum = black_box(sum.wrapping_mul(0x9e37_79b9).rotate_left(7) ^ n);
    }
    sum
}

/// The share of the thread called `name`.
pub(crate) fn share_of_thread(report: &Report, name: &str) -> f64 {
    let threads = report.by_thread();
    let weight = threads.iter().find(|(thread, _)| thread == name).map_or(0, |(_, weight)| *weight);
    weight as f64 / report.weight().max(1) as f64
}
