//! Samples lead to the function that holds memory, and their sums to what was allocated.
#![cfg(target_os = "linux")]

use std::alloc::{Layout, System};
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use perf_monitor_core::Context;
use perf_monitor_profiling::heap::{self, HeapProfile, SamplingOptions, SamplingStats};
use perf_monitor_profiling::{Error, MemoryProfiler, MemorySource, Place, Report, TrackedAlloc};

#[global_allocator]
static ALLOCATOR: TrackedAlloc<System> = TrackedAlloc::new(System);

const MIB: u64 = 1 << 20;

/// Sampling is the process's: one test at a time has it on.
struct On(#[allow(dead_code)] MutexGuard<'static, ()>);

impl On {
    fn every(interval_bytes: u64) -> On {
        static ONE: Mutex<()> = Mutex::new(());
        let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        heap::start_sampling(SamplingOptions::new().interval_bytes(interval_bytes).seed(7))
            .unwrap();
        On(guard)
    }
}

impl Drop for On {
    fn drop(&mut self) {
        heap::stop_sampling();
    }
}

unsafe extern "C" {
    /// Of the unwinder that the standard library brings: where the function that has this address begins.
    fn _Unwind_FindEnclosingFunction(pc: *mut c_void) -> *mut c_void;
}

fn function_of(place: Place) -> u64 {
    let Place::Code { address, .. } = place else { return 0 };
    // SAFETY: it looks the address up in tables.
    unsafe { _Unwind_FindEnclosingFunction(address as *mut c_void) as u64 }
}

/// The value at `index` of samples that `function` is in.
fn below(report: &Report, function: *const (), index: usize) -> u64 {
    let is_in = |leaf| {
        report.frames(leaf).any(|n| function_of(report.stacks[n as usize].place) == function as u64)
    };
    let samples = report.samples.iter().filter(|sample| is_in(sample.leaf));
    samples.map(|sample| sample.values[index]).sum()
}

fn live_below(profile: &HeapProfile, function: *const ()) -> u64 {
    below(&profile.report(), function, 3)
}

#[inline(never)]
fn holder(blocks: usize) -> Vec<Vec<u8>> {
    black_box((0..blocks).map(|_| vec![1; 64 << 10]).collect())
}

#[inline(never)]
fn dropper(blocks: usize) {
    (0..blocks).for_each(|_| drop(black_box(vec![1_u8; 64 << 10])));
}

fn has_frame_pointers() -> bool {
    heap::sampling_stats().frame_pointers
}

#[test]
fn a_holder_is_in_the_live_heap_until_it_lets_go() {
    let _on = On::every(64 << 10);
    let held = holder(512); // 32 MiB, by some 320 samples
    dropper(512);
    let profile = heap::profile().unwrap();
    assert!((24 * MIB..40 * MIB).contains(&profile.live_bytes()), "{}", profile.live_bytes());
    if !has_frame_pointers() {
        assert!(profile.notes()[0].contains("force-frame-pointers"), "{:?}", profile.notes());
        return;
    }
    let live = live_below(&profile, holder as *const ());
    assert!((24 * MIB..40 * MIB).contains(&live), "{live}");
    assert_eq!(live_below(&profile, dropper as *const ()), 0);
    let allocated = below(&profile.report(), dropper as *const (), 1);
    assert!((24 * MIB..40 * MIB).contains(&allocated), "{allocated}");

    drop(held);
    let after = heap::profile().unwrap();
    assert_eq!(live_below(&after, holder as *const ()), 0);
    assert_eq!(
        below(&after.report(), holder as *const (), 1),
        below(&profile.report(), holder as *const (), 1)
    );
    let growth = after.growth_since(&profile);
    assert!(growth.iter().map(|growth| growth.bytes).sum::<i64>() < -20 * MIB as i64);
}

#[inline(never)]
fn direct() {
    let layout = Layout::new::<[u64; 512]>();
    // SAFETY: the layout has a size; the block is freed once, with it.
    unsafe {
        let block = black_box(std::alloc::alloc(layout));
        std::alloc::dealloc(block, layout);
    }
}

#[test]
fn the_allocators_own_frames_are_left_out() {
    let _on = On::every(1);
    direct();
    if !has_frame_pointers() {
        return;
    }
    let report = heap::profile().unwrap().report();
    // Between `direct` and the allocator is at most the standard library's `alloc`, where that is not inlined.
    let depth_of = |leaf| {
        let mut frames = report.frames(leaf).map(|n| function_of(report.stacks[n as usize].place));
        frames.position(|function| function == direct as *const () as u64)
    };
    let depths: Vec<_> = report.samples.iter().filter_map(|sample| depth_of(sample.leaf)).collect();
    assert!(!depths.is_empty() && depths.iter().all(|depth| *depth <= 1), "{depths:?}");
}

#[test]
fn sums_are_unbiased_for_small_and_large_blocks() {
    for (count, size) in [(100_000_usize, 40_usize), (2_000, 3_000), (60, 200_000)] {
        let _on = On::every(8 << 10);
        let own = heap::this_thread().unwrap();
        let held: Vec<_> = (0..count).map(|_| Box::<[u8]>::from(vec![1; size])).collect();
        let allocated = heap::this_thread().unwrap().since(own).allocated_bytes as f64;
        let profile = heap::profile().unwrap();
        drop(held);
        // Other threads allocate little meanwhile; at 4,000,000 bytes there are some 490 samples, so that
        // 0.3 are over 6 standard deviations.
        let [of_all, of_live] = [profile.allocated_bytes().unwrap(), profile.live_bytes()];
        assert!((of_all as f64 / allocated - 1.0).abs() < 0.3, "{size}: {of_all} of {allocated}");
        assert!(of_live <= of_all);
    }
}

#[test]
fn what_is_reallocated_lives_on_once() {
    let _on = On::every(1);
    let mut block: Vec<u8> = Vec::with_capacity(1 << 20);
    let before = heap::profile().unwrap().live_bytes();
    for size in [2, 3, 4, 8] {
        block.reserve_exact(size << 20);
    }
    assert!(block.try_reserve_exact(isize::MAX as usize / 2).is_err());
    let grown = heap::profile().unwrap().live_bytes() - before;
    assert!((7 * MIB - MIB / 8..7 * MIB + MIB / 8).contains(&grown), "{grown}");
    drop(block);
    assert!(heap::profile().unwrap().live_bytes() < before);
}

#[test]
fn spans_hold_what_was_allocated_in_them() {
    let _on = On::every(16 << 10);
    let before = Context { trace_id: 1, span_id: 9, name_id: 40 }.enter();
    let held = holder(64);
    before.enter();
    let mut profile = heap::profile().unwrap();
    profile.name_spans(|id| (id == 40).then(|| "GET /".to_owned()));
    let by_span = profile.report().by_span();
    assert_eq!(by_span[0].0, "GET /");
    assert!((3 * MIB..5 * MIB).contains(&by_span[0].1), "{by_span:?}");
    drop(held);
}

#[test]
fn what_has_no_room_is_counted_and_told() {
    let _on = On::every(1); // each allocation
    let held: Vec<_> = (0..10_000).map(|n| Box::new(n as u64)).collect();
    let stats = heap::sampling_stats();
    assert!(stats.live <= 4096 && stats.not_live > 5_000, "{stats:?}");
    assert_eq!(stats.memory_bytes, heap::SAMPLING_BYTES);
    const { assert!(heap::SAMPLING_BYTES <= 200_000) };
    let profile = heap::profile().unwrap();
    assert!(
        profile.notes().iter().any(|note| note.contains("want of room")),
        "{:?}",
        profile.notes()
    );
    drop(held);
}

#[test]
fn small_stacks_and_short_threads_are_sampled() {
    let _on = On::every(1 << 10);
    for _ in 0..200 {
        let thread = thread::Builder::new().stack_size(64 << 10);
        thread.spawn(|| drop(holder(1))).unwrap().join().unwrap();
    }
    let report = heap::profile().unwrap().report();
    if has_frame_pointers() {
        assert!(below(&report, holder as *const (), 1) > 200 * (64 << 10) * 9 / 10);
    }
}

/// Threads allocate and free while the switch is thrown: what they hold must never go wrong.
#[test]
fn it_can_be_switched_while_threads_allocate() {
    let on = On::every(512);
    thread::scope(|scope| {
        for seed in 0..3_usize {
            scope.spawn(move || {
                let mut held: Vec<Vec<usize>> = vec![Vec::new(); 64];
                for n in 0..60_000_usize {
                    let place = (n.wrapping_mul(7) + seed) % held.len();
                    let sound = held[place].iter().all(|word| *word == place);
                    assert!(sound);
                    held[place] = vec![place; n % 50];
                }
            });
        }
        for interval in (1..60).cycle().take(120) {
            heap::start_sampling(SamplingOptions::new().interval_bytes(interval * 64)).unwrap();
            heap::profile().unwrap();
        }
        heap::stop_sampling();
    });
    assert_eq!(heap::sampling_stats().samples, 0);
    drop(on);
}

#[test]
fn off_there_is_no_profile_and_no_memory() {
    let on = On::every(1 << 20);
    heap::stop_sampling();
    assert!(matches!(heap::profile(), Err(Error::ProfilerNotStarted)));
    let nothing = SamplingStats { frame_pointers: has_frame_pointers(), ..Default::default() };
    assert_eq!(heap::sampling_stats(), nothing);
    drop(on);
}

#[test]
fn snapshots_have_counts_and_while_sampling_is_on_a_profile() {
    let on = On::every(16 << 10);
    let profiler = MemoryProfiler::new();
    let before = profiler.collect_snapshot_blocking().unwrap();
    assert_eq!(before.source, MemorySource::TrackedAlloc);
    let held = holder(256);
    let after = profiler.collect_snapshot_blocking().unwrap();
    let growth = after.growth_since(&before);
    assert!((15 * MIB as i64..20 * MIB as i64).contains(&growth.allocated.unwrap()), "{growth:?}");
    assert!(growth.rss.is_some() && growth.active.is_none());
    let by_stack = growth.stacks.iter().map(|stack| stack.bytes).sum::<i64>();
    assert!((12 * MIB as i64..20 * MIB as i64).contains(&by_stack), "{by_stack}");
    assert_eq!(profiler.growth().unwrap().allocated, growth.allocated);
    heap::stop_sampling();
    assert!(profiler.collect_snapshot_blocking().unwrap().heap_profile.is_none());
    drop((held, on));
}
