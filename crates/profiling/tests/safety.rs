//! Sampling does no harm, whatever the threads are doing.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::CStr;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use perf_monitor_profiling::{CpuProfiler, Report};
use support::{burn, soaked, spin, thread_cpu, turn};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The report of a profile at `hz` while `work` runs.
fn profiled(hz: i32, work: impl FnOnce()) -> Report {
    let mut profiler = CpuProfiler::new();
    profiler.start(hz).unwrap();
    work();
    profiler.stop().unwrap()
}

/// Runs `work` over and over in `threads` threads, until the calling thread is done with `until`.
fn beside(threads: usize, work: impl Fn() + Sync, until: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    work();
                }
            });
        }
        until();
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn starts_and_stops_with_signals_on_their_way() {
    let _turn = turn();
    let mut samples = 0;
    beside(3, spin, || {
        for round in 0..soaked(300, 10_000) {
            let mut profiler = CpuProfiler::new();
            profiler.start(1_000).unwrap();
            (0..round % 40).for_each(|_| spin());
            samples += profiler.stop().unwrap().total(0);
        }
    });
    assert!(samples > 0);
}

#[test]
fn a_thousand_short_threads() {
    let _turn = turn();
    let report = profiled(250, || {
        for _ in 0..soaked(100, 1_000) {
            thread::scope(|scope| {
                for _ in 0..10 {
                    scope.spawn(|| burn(ms(2)));
                }
            });
        }
    });
    assert!(!report.notes.is_empty(), "what was not seen is told");
}

/// Goes down by frames of half a kilobyte.
#[inline(never)]
fn down(more: u32) -> u64 {
    let room = black_box([1_u64; 64]);
    if more == 0 {
        spin();
        return 0;
    }
    down(more - 1) ^ room[more as usize % 64]
}

#[test]
fn threads_with_small_stacks_and_deep_calls() {
    let _turn = turn();
    let report = profiled(1_000, || {
        let small = thread::Builder::new().name("small".into()).stack_size(64 * 1024);
        let end = ms(400);
        let thread = small.spawn(move || {
            while thread_cpu() < end {
                black_box(down(25));
            }
        });
        thread.unwrap().join().unwrap();
    });
    let deepest = report.samples.iter().map(|sample| report.frames(sample.leaf).count()).max();
    assert!(deepest > Some(25), "{deepest:?}");
}

#[test]
fn libraries_that_come_and_go() {
    const LIBRARIES: [&CStr; 3] = [c"libBrokenLocale.so.1", c"libanl.so.1", c"libresolv.so.2"];
    let _turn = turn();
    let mut loaded = 0;
    let report = profiled(1_000, || {
        beside(1, spin, || {
            for round in 0..soaked(1_500, 50_000) as usize {
                // SAFETY: these libraries do nothing as they come and go.
                unsafe {
                    let name = LIBRARIES[round % LIBRARIES.len()];
                    let library = libc::dlopen(name.as_ptr(), libc::RTLD_NOW);
                    if !library.is_null() {
                        loaded += 1;
                        libc::dlclose(library);
                    }
                }
            }
        });
    });
    assert!(loaded > 0 && report.total(0) > 0);
}

#[test]
fn forks_and_programs_that_are_started() {
    let _turn = turn();
    let report = profiled(1_000, || {
        beside(2, spin, || {
            for _ in 0..soaked(60, 2_000) {
                assert!(Command::new("/bin/true").status().unwrap().success());
                assert_eq!(status_of_a_fork(|| burn(ms(1))), 0);
            }
        });
    });
    assert!(report.total(0) > 0);
}

#[test]
fn a_forked_child_has_no_profile_until_it_starts_one() {
    let _turn = turn();
    let mut profiler = CpuProfiler::new();
    profiler.start(250).unwrap();
    let child = status_of_a_fork(|| {
        assert!(!profiler.is_running() && profiler.stop().is_err());
        profiler.start(250).unwrap();
        burn(ms(200));
        assert!(profiler.stop().unwrap().weight() > 100_000_000);
    });
    assert_eq!(child, 0);
    burn(ms(100));
    assert!(profiler.stop().unwrap().weight() > 50_000_000);
}

/// Runs `work` in a forked child: 0 if it came to its end.
fn status_of_a_fork(work: impl FnOnce()) -> i32 {
    // SAFETY: the child leaves by `_exit`, and calls nothing that another thread may have locked, but
    // for the allocator, whose locks the C library hands to its children.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let ended = catch_unwind(AssertUnwindSafe(work));
            libc::_exit(i32::from(ended.is_err()));
        }
        let mut status = -1;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        status
    }
}

#[test]
fn threads_inside_of_the_allocator() {
    let _turn = turn();
    let report = profiled(1_000, || {
        beside(
            2,
            || {
                let texts: Vec<String> = (0..50).map(|n| "x".repeat(n * 97 % 3_000)).collect();
                black_box(texts);
            },
            || burn(ms(soaked(400, 30_000))),
        );
    });
    assert!(report.total(0) > 0);
}

#[test]
fn panics_that_unwind() {
    let _turn = turn();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let report = profiled(1_000, || {
        for round in 0..soaked(20_000, 1_000_000) {
            let caught = catch_unwind(|| {
                let text = round.to_string();
                assert!(text.is_empty(), "this panics on purpose");
            });
            assert!(caught.is_err());
        }
    });
    std::panic::set_hook(hook);
    assert!(report.total(0) > 0);
}

#[test]
fn a_high_rate_for_a_while() {
    let _turn = turn();
    let mut profiler = CpuProfiler::new();
    profiler.start(250).unwrap();
    let time = ms(soaked(800, 300_000));
    beside(2, spin, || burn(time));
    let stats = profiler.stats().unwrap();
    assert_eq!((stats.lost, stats.uncounted), (0, 0), "{stats:?}");
    assert!(stats.bytes <= 256 * 1024, "{stats:?}");
}

#[test]
fn a_signal_that_comes_after_the_stop_does_nothing() {
    let _turn = turn();
    drop(profiled(99, || ()));
    // SAFETY: the handler that stays installed takes it.
    assert_eq!(unsafe { libc::raise(libc::SIGPROF) }, 0);
}

#[test]
fn errno_is_left_alone() {
    let _turn = turn();
    let report = profiled(1_000, || {
        // SAFETY: a thread's own errno.
        let errno = unsafe { libc::__errno_location() };
        let end = thread_cpu() + ms(300);
        while thread_cpu() < end {
            // SAFETY: as above.
            unsafe { errno.write_volatile(12_345) };
            spin();
            // SAFETY: as above.
            assert_eq!(unsafe { errno.read_volatile() }, 12_345);
        }
    });
    assert!(report.total(0) > 20);
}

#[test]
fn calls_that_wait_are_interrupted_no_more_often_than_without() {
    let _turn = turn();
    let (without, with) = (interrupted(), {
        let mut counted = 0;
        profiled(1_000, || counted = interrupted());
        counted
    });
    assert!(with <= without, "{with} rather than {without}");
}

/// How often calls that wait were interrupted, in a thread beside one that works.
fn interrupted() -> usize {
    let mut count = 0;
    beside(1, spin, || {
        for _ in 0..300 {
            // SAFETY: waits for nothing, for a millisecond.
            let waited = unsafe { libc::poll(std::ptr::null_mut(), 0, 1) };
            count += usize::from(waited < 0);
        }
    });
    count
}

/// Counts the calling thread's allocations.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[test]
fn a_thread_that_is_sampled_allocates_nothing_by_that() {
    let _turn = turn();
    let mut allocated = 0;
    let report = profiled(1_000, || {
        let before = ALLOCATIONS.with(Cell::get);
        burn(ms(400));
        allocated = ALLOCATIONS.with(Cell::get) - before;
    });
    assert!(report.total(0) > 50);
    assert_eq!(allocated, 0);
}
