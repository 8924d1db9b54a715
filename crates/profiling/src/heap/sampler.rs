//! Taking samples: the way from an allocation that is due to the tables.
//!
//! The switch is thrown in `sampling.rs`. Between the two there are no locks. An allocation or a free that goes to
//! the tables counts itself in [`Switch::inside`] before it looks whether they are there; who throws the switch takes
//! them away before it looks at the count, and clears them once nobody is inside.
//!
//! Samples are rare, so what they need is seldom in the caches of a program that allocates much, nor is their code:
//! that is most of what they cost. So what every sample reads lies in one line, a stack that was seen of late is
//! known while it is walked, and what is rarer still is out of the way.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

use perf_monitor_core::Context;

use super::cells::Cells;
use super::exit::KeepErrno;
use super::frames::{Bounds, frame_pointer};
use super::live::{Live, Lives};
use super::local;
use super::poisson::{self, gap, mixed, weight};
use super::stacks::{Leaf, StackHash, Stacks, TRUNCATED};
use super::tables::Tables;
use super::tallies::{Key, OTHERS};
use crate::walk::MOST_FRAMES;

/// What every sample reads, in one cache line.
#[repr(C, align(64))]
pub(super) struct Switch {
    /// The tables while sampling is on. What it points to stays mapped for ever.
    pub(super) tables: AtomicPtr<Tables>,
    /// Bytes between two samples, on average.
    pub(super) interval: AtomicU64,
    /// State of the random numbers; touched once a sample.
    pub(super) random: AtomicU64,
    /// Allocations that were sampled.
    pub(super) samples: AtomicU64,
    /// Return addresses into the functions by which a program reaches its allocator, where there is but one of
    /// each: they are no part of the stack.
    pub(super) shims: [AtomicU64; 3],
    /// Which sampling this is: odd while it is on, and another number each time.
    pub(super) epoch: AtomicU32,
    /// Those who use the tables.
    pub(super) inside: AtomicU32,
}

pub(super) static SWITCH: Switch = Switch {
    tables: AtomicPtr::new(ptr::null_mut()),
    interval: AtomicU64::new(0),
    random: AtomicU64::new(0),
    samples: AtomicU64::new(0),
    shims: [const { AtomicU64::new(0) }; 3],
    epoch: AtomicU32::new(0),
    inside: AtomicU32::new(0),
};
const _: () = assert!(size_of::<Switch>() == 64);

/// `Cells::next` of a thread that has to look at the switch.
const LOOK: u64 = 0;
/// `Cells::next` of the thread that wants to know by which function the sampler is called.
pub(super) const PROBE: u64 = 1;
/// `Cells::next` while sampling is off.
const NEVER: u64 = u64::MAX;

/// Who called the sampler when [`PROBE`] was set.
pub(super) static PROBED: AtomicU64 = AtomicU64::new(0);

/// The right to use the tables.
struct Inside {
    tables: NonNull<Tables>,
}

impl Inside {
    /// `None`: sampling is off, or is just being switched on.
    fn enter() -> Option<Inside> {
        // In the one order of this and the load below, and of the two of the switch, one sees the other.
        SWITCH.inside.fetch_add(1, Ordering::SeqCst);
        let tables = NonNull::new(SWITCH.tables.load(Ordering::SeqCst));
        let tables = tables.filter(|_| !SWITCH.epoch.load(Ordering::Acquire).is_multiple_of(2));
        if tables.is_none() {
            SWITCH.inside.fetch_sub(1, Ordering::Release);
        }
        tables.map(|tables| Inside { tables })
    }

    fn tables(&self) -> &Tables {
        // SAFETY: the tables are never unmapped, and all in them are atomics.
        unsafe { self.tables.as_ref() }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        SWITCH.inside.fetch_sub(1, Ordering::Release);
    }
}

/// In a forked child nobody is inside: its one thread is here.
pub(super) fn after_fork() {
    SWITCH.inside.store(0, Ordering::SeqCst);
}

/// Sets when the owner of `cells`, which is the calling thread, samples next: by the bytes after the first `from`.
///
/// The switch changes the epoch before it writes [`LOOK`] into all cells. If that is overwritten here, the
/// fences make this thread see the new epoch, and go round again.
#[inline(never)]
pub(super) fn arm(cells: &Cells, from: u64) {
    loop {
        let epoch = SWITCH.epoch.load(Ordering::Acquire);
        cells.next.store(next(from, epoch), Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if SWITCH.epoch.load(Ordering::Relaxed) == epoch {
            return;
        }
    }
}

fn next(from: u64, epoch: u32) -> u64 {
    if epoch.is_multiple_of(2) {
        return NEVER;
    }
    let random = mixed(SWITCH.random.fetch_add(poisson::STEP, Ordering::Relaxed));
    let gap = gap(random, SWITCH.interval.load(Ordering::Relaxed));
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
        LOOK | PROBE if !looked(cells, frame, size) => {}
        _ => {
            sample(cells, frame, block, size);
            arm(cells, allocated);
        }
    }
}

/// The thread had to look at the switch: whether this allocation, the first that may be, is to be sampled.
#[cold]
#[inline(never)]
fn looked(cells: &Cells, frame: u64, size: u64) -> bool {
    let allocated = cells.allocated_bytes();
    if cells.next.load(Ordering::Relaxed) == PROBE {
        probed(cells, frame);
        arm(cells, allocated);
        return false;
    }
    arm(cells, allocated.wrapping_sub(size));
    allocated >= cells.next.load(Ordering::Relaxed)
}

#[inline(always)]
fn sample(cells: &Cells, frame: u64, block: *mut u8, size: u64) {
    // Until it is set anew: where the C library's own allocations lead here, those below are not sampled.
    cells.next.store(NEVER, Ordering::Relaxed);
    let Some(inside) = Inside::enter() else { return };
    inside.tables().live.expect(block as usize);
    let stack = Stack { bounds: bounds(cells), frame };
    record(inside.tables(), stack, block, size);
}

/// The same for cells that threads share: one of those that come at once takes the sample. Threads that have no
/// cells have nowhere to keep where their stack is, so their callers are not known.
fn due_shared(cells: &Cells, block: *mut u8, size: u64) {
    let seen = cells.next.load(Ordering::Relaxed);
    let epoch = SWITCH.epoch.load(Ordering::Acquire);
    let fresh = next(cells.allocated_bytes(), epoch);
    if cells.next.compare_exchange(seen, fresh, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        return;
    }
    if seen > PROBE
        && let Some(inside) = Inside::enter()
    {
        record(inside.tables(), Stack::UNKNOWN, block, size);
    }
    // As in `arm`: what the switch wrote meanwhile is not lost.
    fence(Ordering::SeqCst);
    if SWITCH.epoch.load(Ordering::Relaxed) != epoch {
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
    let mut caller = 0;
    bounds(cells).walk(frame, 1, |_, address| caller = address);
    PROBED.store(caller, Ordering::Relaxed);
}

/// Where an allocation's callers are to be found.
#[derive(Clone, Copy)]
struct Stack {
    bounds: Bounds,
    /// The frame pointer of the innermost.
    frame: u64,
}

impl Stack {
    const UNKNOWN: Stack = Stack { bounds: Bounds::NONE, frame: 0 };

    /// The stack in the tables. One that was seen of late is known by its hash, without a copy of it.
    #[inline(always)]
    fn leaf(self, stacks: &Stacks) -> Leaf {
        let mut hash = StackHash::new();
        self.bounds.walk(self.frame, MOST_FRAMES, |_, address| hash.add(address));
        stacks.lately(hash).unwrap_or_else(|| self.new_leaf(stacks, hash))
    }

    #[cold]
    #[inline(never)]
    fn new_leaf(self, stacks: &Stacks, hash: StackHash) -> Leaf {
        let mut frames = [0; MOST_FRAMES];
        let count = self.bounds.walk(self.frame, MOST_FRAMES, |n, address| frames[n] = address);
        stacks.put(own(&mut frames, count), hash)
    }
}

/// The program's own part of a stack, with a mark where its outer end was cut.
fn own(frames: &mut [u64; MOST_FRAMES], count: usize) -> &[u64] {
    if count == MOST_FRAMES {
        frames[MOST_FRAMES - 1] = TRUNCATED;
    }
    let is_shim =
        |address: &u64| SWITCH.shims.iter().any(|shim| shim.load(Ordering::Relaxed) == *address);
    let shims = usize::from(count > 0 && is_shim(&frames[0]));
    &frames[shims..count]
}

fn record(tables: &Tables, stack: Stack, block: *mut u8, size: u64) {
    let count = |cell: &AtomicU64| cell.fetch_add(1, Ordering::Relaxed);
    count(&SWITCH.samples);
    let context = Context::current();
    let name_id = (context.span_id != 0).then_some(context.name_id);
    let leaf = stack.leaf(&tables.stacks);
    if leaf.node.is_none() && !leaf.cut {
        count(&tables.flat);
    }
    let place = tables.tallies.place(Key { leaf, name_id });
    if leaf.cut || place == OTHERS {
        count(&tables.cut);
    }
    let weight = weight(size, SWITCH.interval.load(Ordering::Relaxed));
    let lives = Lives { place, size };
    // Before the block can be found, so that nothing lives that was not allocated.
    tables.tallies.allocated(place, weight);
    if !tables.live.put(block as usize, lives.word()) {
        count(&tables.not_live);
    }
}

/// `block` is about to be freed, and may have been sampled.
pub(super) fn freed(block: *mut u8) {
    found(block, Live::forget);
}

/// `block` is about to be reallocated, which may fail.
#[inline(always)]
pub(super) fn taken(block: *mut u8) -> Held {
    if local::cells().may_be_sampled(block) { taken_out(block) } else { Held::NOTHING }
}

#[cold]
#[inline(never)]
fn taken_out(block: *mut u8) -> Held {
    let epoch = SWITCH.epoch.load(Ordering::Relaxed);
    found(block, Live::take).flatten().map_or(Held::NOTHING, |word| Held { epoch, word })
}

/// Takes `block` out of the live heap, if it may have been sampled.
#[inline(always)]
fn found<T>(block: *mut u8, take: impl FnOnce(&Live, usize) -> T) -> Option<T> {
    // A thread without cells has not looked yet. As with cells, whoever has the block sees the tables.
    // SAFETY: null, or tables that are never unmapped.
    let tables = unsafe { SWITCH.tables.load(Ordering::Acquire).as_ref() }?;
    if !tables.live.filter.probably_holds(block as usize) {
        return None;
    }
    tables.live.expect(block as usize);
    Some(take(&Inside::enter()?.tables().live, block as usize))
}

/// What the live heap knew of a block, while it is not known what becomes of it.
pub(super) struct Held {
    /// The sampling that it belongs to; 0 if there is nothing.
    epoch: u32,
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

    #[cold]
    fn put_back_at(self, block: *mut u8) {
        // Into the tables that it was taken from, if these still are.
        let Some(inside) = Inside::enter() else { return };
        let tables = inside.tables();
        if SWITCH.epoch.load(Ordering::Relaxed) == self.epoch
            && !tables.live.put(block as usize, self.word)
        {
            tables.not_live.fetch_add(1, Ordering::Relaxed);
        }
    }
}
