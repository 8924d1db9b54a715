//! Switching the sampler on and off, under the lock of `sampling.rs`.

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{SAMPLING_BYTES, Sampled, SampledStack, SamplingOptions, SamplingStats};
use crate::Error;
use crate::heap::live::{Filter, NOTHING};
use crate::heap::sampler::{PROBE, PROBED, SWITCH};
use crate::heap::tables::{self, Sums, Tables};
use crate::heap::{frames, local};

/// The tables, once they were mapped.
static MAPPED: AtomicPtr<Tables> = AtomicPtr::new(ptr::null_mut());

pub(super) fn on(options: SamplingOptions) -> Result<(), Error> {
    let tables = mapped()?;
    frames::are_there(); // found out here, so that no allocation has to
    find_shims();
    SWITCH.interval.store(options.interval_bytes.clamp(1, u64::MAX / 64), Ordering::Relaxed);
    SWITCH.random.store(options.seed.unwrap_or_else(arbitrary), Ordering::Relaxed);
    SWITCH.tables.store(tables.as_ptr(), Ordering::SeqCst);
    // SAFETY: mapped, and never unmapped.
    advance(unsafe { &tables.as_ref().live.filter });
    Ok(())
}

pub(super) fn off() {
    if SWITCH.tables.swap(ptr::null_mut(), Ordering::SeqCst).is_null() {
        return;
    }
    advance(&NOTHING);
    // Those inside are gone in microseconds: they wait for nothing.
    while SWITCH.inside.load(Ordering::SeqCst) != 0 {
        std::thread::yield_now();
    }
    if let Some(tables) = NonNull::new(MAPPED.load(Ordering::Relaxed)) {
        // SAFETY: mapped below; nobody is inside, and nobody comes in while `SWITCH.tables` is null.
        unsafe { tables::clear(tables) };
        SWITCH.samples.store(0, Ordering::Relaxed);
    }
}

/// The next epoch, of which every thread learns at its next allocation; of its `filter`, before that.
fn advance(filter: &'static Filter) {
    let filter = ptr::from_ref(filter).cast_mut();
    local::private().iter().for_each(|cells| cells.filter.store(filter, Ordering::Relaxed));
    SWITCH.epoch.fetch_add(1, Ordering::Release);
    fence(Ordering::SeqCst);
    for cells in local::private().iter().chain([local::shared()]) {
        cells.next.store(0, Ordering::Relaxed);
    }
}

fn mapped() -> Result<NonNull<Tables>, Error> {
    if let Some(tables) = NonNull::new(MAPPED.load(Ordering::Relaxed)) {
        return Ok(tables);
    }
    let refused = |cause| Error::System("memory for samples of allocations", cause);
    let tables = tables::map().map_err(refused)?;
    MAPPED.store(tables.as_ptr(), Ordering::Relaxed);
    Ok(tables)
}

fn arbitrary() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ u64::from(std::process::id()) << 32
}

/// Finds out who calls the sampler: as programs are linked mostly, one function for each way to allocate, which
/// says nothing in a stack. Where that function was inlined, its place here is like no other, and skips nothing.
fn find_shims() {
    let (layout, larger) = (Layout::new::<[u64; 2]>(), Layout::new::<[u64; 4]>());
    // SAFETY: the layouts have a size; each block is freed once, with the layout that it then has.
    unsafe {
        let first = asked(0, || std::alloc::alloc(layout));
        let second = asked(1, || std::alloc::alloc_zeroed(layout));
        if !first.is_null() {
            let moved = asked(2, || std::alloc::realloc(first, layout, larger.size()));
            match moved.is_null() {
                true => std::alloc::dealloc(first, layout),
                false => std::alloc::dealloc(moved, larger),
            }
        }
        if !second.is_null() {
            std::alloc::dealloc(second, layout);
        }
    }
}

/// What `allocate` gives, with the function that it goes through noted.
fn asked(which: usize, allocate: impl FnOnce() -> *mut u8) -> *mut u8 {
    PROBED.store(0, Ordering::Relaxed);
    if let Some(cells) = local::own() {
        cells.next.store(PROBE, Ordering::Relaxed);
    }
    let block = black_box(allocate());
    SWITCH.shims[which].store(PROBED.load(Ordering::Relaxed), Ordering::Relaxed);
    block
}

pub(super) fn read() -> Sampled {
    let stats = stats(SamplingStats { frame_pointers: frames::are_there(), ..Default::default() });
    let interval_bytes = SWITCH.interval.load(Ordering::Relaxed);
    let stacks = tables().map_or_else(Vec::new, |tables| {
        let stack = |sums: Sums| SampledStack { frames: frames_of(tables, sums), sums };
        tables.read(interval_bytes).into_iter().map(stack).collect()
    });
    Sampled { interval_bytes, stacks, stats }
}

fn frames_of(tables: &Tables, sums: Sums) -> Vec<u64> {
    let node = sums.key.and_then(|key| key.leaf.node);
    tables.stacks.frames(node).collect()
}

pub(super) fn stats(stats: SamplingStats) -> SamplingStats {
    let Some(tables) = tables() else { return stats };
    let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
    SamplingStats {
        samples: load(&SWITCH.samples),
        flat: load(&tables.flat),
        cut: load(&tables.cut),
        not_live: load(&tables.not_live),
        live: tables.live.len(),
        frames: tables.stacks.len(),
        memory_bytes: SAMPLING_BYTES,
        ..stats
    }
}

/// The tables while sampling is on, which it stays while the lock is held.
fn tables() -> Option<&'static Tables> {
    // SAFETY: null, or tables that are never unmapped.
    unsafe { SWITCH.tables.load(Ordering::Relaxed).as_ref() }
}
