//! Sampling does no harm, whatever the threads are doing.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::CStr;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use perf_monitor_core::Context;
use perf_monitor_profiling::{ContinuousProfiler, CpuOptions, CpuProfiler, Report};
use support::{burn, in_a_process, is_child, soaked, spin, thread_cpu, turn};

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

/// Counts the calling thread's allocations, and those and the frees of the sampler's thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static IS_SAMPLER: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Calls of the allocator by the sampler's thread.
static OF_THE_SAMPLER: AtomicU64 = AtomicU64::new(0);

/// Whether the calling thread had the sampler's name when it first asked.
fn is_sampler() -> bool {
    IS_SAMPLER.with(|known| {
        known.get().unwrap_or_else(|| {
            let mut name = [0_u8; 16];
            // SAFETY: the kernel writes up to 16 bytes.
            unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
            known.set(Some(name.starts_with(b"perf-sampler\0")));
            known.get() == Some(true)
        })
    })
}

fn count() {
    ALLOCATIONS.with(|count| count.set(count.get() + 1));
    if is_sampler() {
        OF_THE_SAMPLER.fetch_add(1, Ordering::Relaxed);
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if is_sampler() {
            OF_THE_SAMPLER.fetch_add(1, Ordering::Relaxed);
        }
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

/// Everything that the sampler's thread has something to do with: threads that come and go with names of
/// their own, code without frames, libraries that are loaded, many stacks, spans.
fn all_kinds_of_work() {
    let texts: Vec<String> = (0..50).map(|n| "x".repeat(n * 97 % 3_000)).collect();
    black_box(texts.concat());
    for number in 0..5 {
        let named = thread::Builder::new().name(format!("named-{number}"));
        named.spawn(|| burn(ms(10))).unwrap().join().unwrap();
    }
    // SAFETY: this library does nothing as it comes and goes.
    unsafe {
        let library = libc::dlopen(c"libBrokenLocale.so.1".as_ptr(), libc::RTLD_NOW);
        if !library.is_null() {
            libc::dlclose(library);
        }
    }
    let span = Context { trace_id: 1, span_id: 2, name_id: 3 }.enter();
    (0..20).for_each(|depth| _ = black_box(down(depth)));
    span.enter();
}

#[test]
fn the_sampler_s_own_thread_allocates_and_frees_nothing() {
    let _turn = turn();
    let before = OF_THE_SAMPLER.load(Ordering::Relaxed);
    let always = ContinuousProfiler::start(100, CpuOptions::default()).unwrap();
    let report = profiled(1_000, || beside(2, all_kinds_of_work, || burn(ms(1_200))));
    drop(always);
    assert!(report.total(0) > 50, "{:?}", report.notes);
    assert_eq!(OF_THE_SAMPLER.load(Ordering::Relaxed) - before, 0);
    let named = thread::Builder::new().name("perf-sampler".into());
    named.spawn(|| black_box(vec![1_u8; 100])).unwrap().join().unwrap();
    assert_ne!(OF_THE_SAMPLER.load(Ordering::Relaxed), before, "it would have been seen");
}

/// What is mapped, but for the heap of the main thread.
fn mappings() -> Vec<String> {
    let list = std::fs::read_to_string("/proc/self/maps").unwrap();
    let lines = list.lines().filter(|line| !line.ends_with("[heap]"));
    lines.map(|line| line.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn when_it_has_ended_nothing_of_it_is_mapped() {
    if !is_child() {
        return in_a_process("when_it_has_ended_nothing_of_it_is_mapped");
    }
    let (ready, end) = (Barrier::new(2), Barrier::new(2));
    let (before, after) = thread::scope(|scope| {
        scope.spawn(|| {
            burn(ms(10));
            ready.wait();
            burn(ms(300));
            end.wait();
        });
        ready.wait();
        let before = mappings();
        let report = profiled(1_000, || burn(ms(200)));
        drop(report);
        let after = mappings();
        end.wait();
        (before, after)
    });
    assert_eq!(after, before);
}
