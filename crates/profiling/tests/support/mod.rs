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
pub(crate) fn burn(time: Duration) {
    let end = thread_cpu() + time;
    while thread_cpu() < end {
        spin();
    }
}

/// Some microseconds of work that calls nothing.
#[inline(never)]
pub(crate) fn spin() {
    let mut sum = 1_u64;
    for n in 0..20_000_u64 {
        sum = black_box(sum.wrapping_mul(0x9e37_79b9).rotate_left(7) ^ n);
    }
}

/// The share of the thread called `name`.
pub(crate) fn share_of_thread(report: &Report, name: &str) -> f64 {
    let threads = report.by_thread();
    let weight = threads.iter().find(|(thread, _)| thread == name).map_or(0, |(_, weight)| *weight);
    weight as f64 / report.weight().max(1) as f64
}

/// `rounds`, or many times as many when `PERF_MONITOR_SOAK=1` asks for the long tier.
pub(crate) fn soaked(rounds: u64, long: u64) -> u64 {
    let soak = std::env::var("PERF_MONITOR_SOAK").is_ok_and(|v| v == "1");
    if soak { long } else { rounds }
}

/// Runs the test called `name` of this program in a process of its own, with `PERF_MONITOR_CHILD` set.
/// What it prints is shown if it fails.
pub(crate) fn in_a_process(name: &str) {
    let program = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new(program);
    child.args(["--exact", name, "--nocapture", "--test-threads", "1"]);
    let output = child.env("PERF_MONITOR_CHILD", "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name}: {}\n{told}\n{said}", output.status);
    assert!(told.contains("1 passed"), "{name} is no test: {told}");
}

/// Whether this is such a process.
pub(crate) fn is_child() -> bool {
    std::env::var_os("PERF_MONITOR_CHILD").is_some()
}
