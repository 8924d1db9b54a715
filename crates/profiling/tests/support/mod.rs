//! What the tests of the profilers share.
#![allow(dead_code)]

use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perf_monitor_profiling::{Names, Report};

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
    let (mut sum, mut n) = (1_u64, 0);
    while n < 20_000 {
        sum ^= sum << 13;
        sum ^= sum >> 7;
        sum ^= sum << 17;
        n += 1;
    }
    black_box(sum);
}

/// The weight of stacks that `function` is in, and of those that end in it, as shares.
pub(crate) fn shares_of(report: &Report, function: &str) -> (f64, f64) {
    let names = Names::of(report);
    let is = |node: u32| {
        let lines = names.lines(report.stacks[node as usize].place);
        lines.iter().any(|line| line.function.ends_with(function))
    };
    let (mut within, mut at) = (0, 0);
    for sample in &report.samples {
        let weight = sample.values[sample.values.len() - 1];
        within += if report.frames(sample.leaf).any(is) { weight } else { 0 };
        at += if sample.leaf.is_some_and(is) { weight } else { 0 };
    }
    let all = report.weight().max(1) as f64;
    (within as f64 / all, at as f64 / all)
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
