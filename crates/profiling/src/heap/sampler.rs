//! Taking samples: the way from an allocation that is due to the tables.
//!
//! The switch is in `sampling.rs`. Between the two there are no locks. An allocation or a free that goes to the
//! tables counts itself in [`INSIDE`] before it looks whether they are there; the switch takes them away
//! before it looks at the count, and clears them once nobody is inside.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

use perf_monitor_core::Context;

use super::cells::Cells;
use super::exit::KeepErrno;
use super::frames::{Bounds, frame_pointer};
use super::local;
use super::poisson::{self, gap, mixed, weight};
use super::stacks::{Leaf, TRUNCATED};
use super::tables::Tables;
use super::tallies::{Key, OTHERS};
use crate::walk::MOST_FRAMES;

/// The tables while sampling is on. What it points to stays mapped for ever.
pub(super) static TABLES: AtomicPtr<Tables> = AtomicPtr::new(ptr::null_mut());
/// Those who use the tables.
pub(super) static INSIDE: AtomicU32 = AtomicU32::new(0);
/// Which sampling this is: odd while it is on, and another number each time.
pub(super) static EPOCH: AtomicU64 = AtomicU64::new(0);
/// Bytes between two samples, on average.
pub(super) static INTERVAL: AtomicU64 = AtomicU64::new(0);
/// State of the random numbers; touched once a sample.
pub(super) static RANDOM: AtomicU64 = AtomicU64::new(0);

/// `Cells::next` of a thread that has to look at the switch.
const LOOK: u64 = 0;
/// `Cells::next` of the thread that wants to know by which function the sampler is called.
pub(super) const PROBE: u64 = 1;
/// `Cells::next` while sampling is off.
const NEVER: u64 = u64::MAX;

/// Who called the sampler when [`PROBE`] was set.
pub(super) static PROBED: AtomicU64 = AtomicU64::new(0);
/// Return addresses into the functions by which a program reaches its allocator, where there is but one of
/// each: they are no part of the stack.
pub(super) static SHIMS: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// The right to use the tables.
struct Inside {
    tables: NonNull<Tables>,
}

impl Inside {
    /// `None`: sampling is off, or is just being switched on.
    fn enter() -> Option<Inside> {
        // In the one order of this and the load below, and of the two of the switch, one sees the other.
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let tables = NonNull::new(TABLES.load(Ordering::SeqCst));
        let tables = tables.filter(|_| !EPOCH.load(Ordering::Acquire).is_multiple_of(2));
        if tables.is_none() {
            INSIDE.fetch_sub(1, Ordering::Release);
        }
        tables.map(|tables| Inside { tables })
    }

    fn tables(&self) -> &Tables {
        // SAFETY: the tables are never unmapped, and all in them are atomics.
        unsafe { self.tables.as_ref() }
    }

    /// What the live heap knew as `word` lives no more.
    fn gone(&self, word: u64) {
        let (place, size) = unword(word);
        let weight = weight(size, INTERVAL.load(Ordering::Relaxed));
        self.tables().tallies.gone(place, weight);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::Release);
    }
}

/// In a forked child nobody is inside: its one thread is here.
pub(super) fn after_fork() {
    INSIDE.store(0, Ordering::SeqCst);
}

/// Sets when the owner of `cells`, which is the calling thread, samples next: by the bytes after the first `from`.
///
/// The switch changes the epoch before it writes [`LOOK`] into all cells. If that is overwritten here, the
/// fences make this thread see the new epoch, and go round again.
pub(super) fn arm(cells: &Cells, from: u64) {
    loop {
        let epoch = EPOCH.load(Ordering::Acquire);
        cells.next.store(next(from, epoch), Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if EPOCH.load(Ordering::Relaxed) == epoch {
            return;
        }
    }
}

fn next(from: u64, epoch: u64) -> u64 {
    if epoch.is_multiple_of(2) {
        return NEVER;
    }
    let random = mixed(RANDOM.fetch_add(poisson::STEP, Ordering::Relaxed));
    let gap = gap(random, INTERVAL.load(Ordering::Relaxed));
    // Neither LOOK nor PROBE, however little was allocated.
    from.saturating_add(gap).max(PROBE + 1)
}

/// An allocation of the owner of `cells`, which is the calling thread, reached `cells.next`.
///
/// This function's caller is the one that the program calls to allocate: all between are inlined.
#[cold]
#[inline(never)]
pub(super) fn due(cells: &Cells, block: *mut u8, size: u64) {
    let frame = frame_pointer();
    let _errno = KeepErrno::new();
    if !local::is_nowhere(cells) {
        return due_to(cells, frame, block, size);
    }
    match local::claim() {
        Some(cells) if cells.allocated(size) => due_to(cells, frame, block, size),
        Some(_) => {}
        None if local::shared().allocated_shared(size) => due_shared(local::shared(), block, size),
        None => {}
    }
}

fn due_to(cells: &Cells, frame: u64, block: *mut u8, size: u64) {
    let allocated = cells.allocated_bytes();
    match cells.next.load(Ordering::Relaxed) {
        PROBE => probed(cells, frame),
        LOOK => {
            // This allocation is the first that may be sampled.
            arm(cells, allocated.wrapping_sub(size));
            if allocated < cells.next.load(Ordering::Relaxed) {
                return;
            }
            sample(cells, frame, block, size);
        }
        _ => sample(cells, frame, block, size),
    }
    arm(cells, allocated);
}

fn sample(cells: &Cells, frame: u64, block: *mut u8, size: u64) {
    // Until it is set anew: where the C library's own allocations lead here, those below are not sampled.
    cells.next.store(NEVER, Ordering::Relaxed);
    let Some(inside) = Inside::enter() else { return };
    let mut frames = [0; MOST_FRAMES];
    let count = bounds(cells).walk(frame, &mut frames);
    record(inside.tables(), own(&mut frames, count), block, size);
}

/// The same for cells that threads share: one of those that come at once takes the sample. Threads that have no
/// cells have nowhere to keep where their stack is, so their callers are not known.
fn due_shared(cells: &Cells, block: *mut u8, size: u64) {
    let seen = cells.next.load(Ordering::Relaxed);
    let epoch = EPOCH.load(Ordering::Acquire);
    let fresh = next(cells.allocated_bytes(), epoch);
    if cells.next.compare_exchange(seen, fresh, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        return;
    }
    if seen > PROBE
        && let Some(inside) = Inside::enter()
    {
        record(inside.tables(), &[], block, size);
    }
    // As in `arm`: what the switch wrote meanwhile is not lost.
    fence(Ordering::SeqCst);
    if EPOCH.load(Ordering::Relaxed) != epoch {
        cells.next.store(LOOK, Ordering::Relaxed);
    }
}

/// The calling thread's stack, found out at its first sample.
fn bounds(cells: &Cells) -> Bounds {
    let [low, end] = [0, 1].map(|i: usize| cells.stack[i].load(Ordering::Relaxed));
    if end != 0 {
        return Bounds { low, end };
    }
    let bounds = match super::frames::are_there() {
        true => Bounds::of_this_thread(),
        false => Bounds::NONE,
    };
    cells.stack[0].store(bounds.low, Ordering::Relaxed);
    cells.stack[1].store(bounds.end, Ordering::Relaxed);
    bounds
}

fn probed(cells: &Cells, frame: u64) {
    let mut caller = [0];
    bounds(cells).walk(frame, &mut caller);
    PROBED.store(caller[0], Ordering::Relaxed);
}

/// The program's own part of a stack, with a mark where its outer end was cut.
fn own(frames: &mut [u64; MOST_FRAMES], count: usize) -> &[u64] {
    if count == MOST_FRAMES {
        frames[MOST_FRAMES - 1] = TRUNCATED;
    }
    let is_shim = |address: &u64| SHIMS.iter().any(|shim| shim.load(Ordering::Relaxed) == *address);
    let shims = usize::from(count > 0 && is_shim(&frames[0]));
    &frames[shims..count]
}

fn record(tables: &Tables, frames: &[u64], block: *mut u8, size: u64) {
    let count = |cell: &AtomicU64| cell.fetch_add(1, Ordering::Relaxed);
    count(&tables.samples);
    if frames.is_empty() {
        count(&tables.flat);
    }
    let context = Context::current();
    let name_id = (context.span_id != 0).then_some(context.name_id);
    let leaf: Leaf = tables.stacks.put(frames);
    let place = tables.tallies.place(Key { leaf, name_id });
    if leaf.cut || place == OTHERS {
        count(&tables.cut);
    }
    let weight = weight(size, INTERVAL.load(Ordering::Relaxed));
    // Before the block can be found, so that nothing is gone that is not there yet.
    tables.tallies.allocated(place, weight);
    if !tables.live.put(block as usize, word(place, size)) {
        tables.tallies.gone(place, weight);
        count(&tables.not_live);
    }
}

/// What the live heap remembers of a block: 10 bits of its tally's place, 54 of its size.
fn word(place: u16, size: u64) -> u64 {
    size << 10 | u64::from(place)
}

fn unword(word: u64) -> (u16, u64) {
    ((word & 0x3ff) as u16, word >> 10)
}

/// `block` is about to be freed, and may have been sampled.
pub(super) fn freed(block: *mut u8) {
    if let Some((inside, word)) = found(block) {
        inside.gone(word);
    }
}

/// `block` is about to be reallocated, which may fail.
#[inline(always)]
pub(super) fn taken(block: *mut u8) -> Held {
    if local::cells().may_be_sampled(block) { taken_out(block) } else { Held::NOTHING }
}

#[cold]
#[inline(never)]
fn taken_out(block: *mut u8) -> Held {
    let held = |(_, word)| Held { epoch: EPOCH.load(Ordering::Relaxed), word };
    found(block).map_or(Held::NOTHING, held)
}

/// Takes `block` out of the live heap, if it was sampled; who has this is inside.
fn found(block: *mut u8) -> Option<(Inside, u64)> {
    // A thread without cells has not looked yet. As with cells, whoever has the block sees the tables.
    // SAFETY: null, or tables that are never unmapped.
    let tables = unsafe { TABLES.load(Ordering::Acquire).as_ref() };
    if !tables?.live.filter.may_hold(block as usize) {
        return None;
    }
    let inside = Inside::enter()?;
    let word = inside.tables().live.take(block as usize)?;
    Some((inside, word))
}

/// What the live heap knew of a block, while it is not known what becomes of it.
pub(super) struct Held {
    /// The sampling that it belongs to; 0 if there is nothing.
    epoch: u64,
    word: u64,
}

impl Held {
    const NOTHING: Held = Held { epoch: 0, word: 0 };

    /// The block is where it was.
    #[inline(always)]
    pub(super) fn put_back(self, block: *mut u8) {
        if self.epoch != 0 {
            self.put_back_at(block);
        }
    }

    /// The block is no more.
    #[inline(always)]
    pub(super) fn gone(self) {
        if self.epoch != 0 {
            self.take_away();
        }
    }

    #[cold]
    fn put_back_at(self, block: *mut u8) {
        let back =
            self.inside().is_none_or(|inside| inside.tables().live.put(block as usize, self.word));
        if !back {
            self.take_away();
        }
    }

    fn take_away(self) {
        if let Some(inside) = self.inside() {
            inside.gone(self.word);
        }
    }

    /// The tables, if they are still those that it was taken from.
    fn inside(&self) -> Option<Inside> {
        Inside::enter().filter(|_| EPOCH.load(Ordering::Relaxed) == self.epoch)
    }
}
