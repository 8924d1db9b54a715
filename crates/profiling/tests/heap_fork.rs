//! A forked child counts and samples on, whatever its parent's threads were doing.
#![cfg(target_os = "linux")]

use std::alloc::System;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use perf_monitor_profiling::TrackedAlloc;
use perf_monitor_profiling::heap::{self, SamplingOptions};

#[global_allocator]
static ALLOCATOR: TrackedAlloc<System> = TrackedAlloc::new(System);

const FORKS: usize = 40;

#[test]
fn a_child_counts_on() {
    heap::start_sampling(SamplingOptions::new().interval_bytes(2_048)).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    (1..500_usize).for_each(|n| drop(black_box(vec![0_u8; n])));
                }
            });
        }
        let failed = (0..FORKS).filter(|_| !child_succeeds()).count();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(failed, 0, "of {FORKS} children");
    });
}

fn child_succeeds() -> bool {
    // SAFETY: the child calls nothing but the allocator, and functions that start threads, before it exits.
    match unsafe { libc::fork() } {
        0 => {
            let status = i32::from(!counts_on());
            // SAFETY: ends the process without running what belongs to the parent.
            unsafe { libc::_exit(status) }
        }
        child => {
            let mut status = -1;
            // SAFETY: `status` is writable; the child is this process's.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            status == 0
        }
    }
}

/// In the child: this thread's counts are exact, and those of the parent's threads are free for new ones.
fn counts_on() -> bool {
    let before = heap::this_thread();
    let held = black_box(vec![0_u8; 10_000]);
    let during = before.and_then(|before| Some(heap::this_thread()?.since(before)));
    let exact = during.is_some_and(|during| during.allocated_bytes == 10_000);
    let samples = heap::sampling_stats().samples;
    (0..500).for_each(|_| drop(black_box(vec![0_u8; 1_000])));
    let samples = heap::sampling_stats().samples - samples;
    heap::stop_sampling(); // waits for those inside: there are none
    drop(held);
    exact && samples > 50 && heap::threads().threads.len() == 1
}
