//! An allocator inside that allocates by the program's own allocator, and a thread's first allocation there.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::thread;

use perf_monitor_profiling::TrackedAlloc;
use perf_monitor_profiling::heap::{self, SamplingOptions};

#[global_allocator]
static ALLOCATOR: TrackedAlloc<Nested> = TrackedAlloc::new(Nested);

/// The system's allocator, which comes in again for blocks of one size.
struct Nested;

const OUTER: usize = 12_345;
const INNER: usize = 777;

fn come_in_again(layout: Layout) {
    if layout.size() == OUTER {
        drop(black_box(Box::<[u8]>::from([1; INNER])));
    }
}

// SAFETY: every call is handed to `System` unchanged; what is allocated beside it is freed at once.
unsafe impl GlobalAlloc for Nested {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        come_in_again(layout);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        come_in_again(layout);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

fn nested() -> Option<(u64, u64)> {
    let before = heap::this_thread()?;
    drop(black_box(Vec::<u8>::with_capacity(OUTER)));
    let during = heap::this_thread()?.since(before);
    Some((during.allocated_bytes, during.freed_bytes))
}

#[test]
fn what_is_allocated_inside_is_counted_too() {
    let both = (OUTER + 2 * INNER) as u64;
    for interval_bytes in [None, Some(1), Some(512)] {
        if let Some(interval_bytes) = interval_bytes {
            let options = SamplingOptions::new().interval_bytes(interval_bytes);
            if heap::start_sampling(options).is_err() {
                return;
            }
        }
        assert_eq!(nested(), Some((both, both)));
        assert_eq!(thread::spawn(nested).join().unwrap(), Some((both, both)));
    }
    heap::stop_sampling();
}
