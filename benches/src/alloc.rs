//! The allocator that can count.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long memory may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(3);

/// The system's allocator; once [`Counting::start`] was called it keeps account of live bytes.
///
/// Off, it adds one relaxed load to an allocation, so that controls that allocate pay nothing.
pub(crate) struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

impl Counting {
    /// Counts from here on: blocks that exist already are not known.
    pub(crate) fn start() {
        ON.store(true, Relaxed);
    }

    /// Bytes asked for and not given back since the start.
    pub(crate) fn live() -> i64 {
        LIVE.load(Relaxed)
    }

    /// Until nothing was allocated or freed for a while: connections that were closed are gone.
    pub(crate) fn wait_until_still() {
        let (start, mut last, mut still) = (Instant::now(), Counting::live(), 0);
        while still < 5 && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
            still = if Counting::live() == last { still + 1 } else { 0 };
            last = Counting::live();
        }
    }

    /// The most that were ever live since the last call.
    pub(crate) fn take_peak() -> i64 {
        PEAK.swap(LIVE.load(Relaxed), Relaxed)
    }
}

fn count(bytes: i64) {
    if ON.load(Relaxed) {
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
    }
}

// SAFETY: every call is handed to `System` unchanged; counting touches no memory but statics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - layout.size() as i64);
        // SAFETY: as above; `block` came from `System` through this allocator.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as above; `block` came from `System` through this allocator.
        unsafe { System.dealloc(block, layout) }
    }
}
