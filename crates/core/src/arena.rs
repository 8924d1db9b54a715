//! The numbers of cells, the slabs of threads, and the bytes that they may take.

use crate::slab::{CellId, PAGE_CELLS, Page, Slab};
use crate::sync::{AtomicU32, AtomicU64, Guard, Lock, Ordering};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ptr::NonNull;

/// Threads that can have a slab at the same time; the others share cells. A slab with one page
/// takes 3.2 KiB; the default budget has room for 45, and the threads after them share cells.
pub(crate) const SLABS: usize = 64;

/// Bytes that pages, directories, octaves of histograms and label caches of threads may take
/// together by default. The sum of all subsystems' defaults is the ledger's 1 MB.
pub(crate) const PRIVATE_BYTES: usize = 144 * 1024;

/// The cells of one metric: a run of ids in one page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) id: CellId,
    pub(crate) cells: u16,
    /// The last so many cells hold octaves (see `octave`), which are freed with the block.
    pub(crate) octaves: u16,
    pub(crate) octave_cells: u32,
}

/// Who has which cells. One for the process; tests make their own.
pub(crate) struct Arena {
    inner: Lock<Inner>,
    /// Blocks that nobody uses any more. A lock of its own, taken last, so that a handle can be
    /// dropped anywhere: also under the arena's lock.
    returned: Lock<Vec<Block>>,
    private_bytes: AtomicU64,
    budget: AtomicU64,
    /// The part of the private bytes that octaves of histograms take.
    octave_bytes: AtomicU64,
    refused: AtomicU64,
    slabs: AtomicU32,
}

struct Inner {
    /// Pages and slabs that were added.
    changes: u64,
    slabs: Vec<NonNull<Slab>>,
    idle: Vec<NonNull<Slab>>,
    next: u32,
    /// Blocks to use again, by their number of cells.
    free: BTreeMap<u16, Vec<CellId>>,
}

/// What the arena has given to threads.
pub(crate) struct Usage {
    pub(crate) bytes: usize,
    /// The part of it that octaves of histograms take.
    pub(crate) octave_bytes: usize,
    /// Requests that the budget did not allow.
    pub(crate) refused: u64,
    pub(crate) slabs: usize,
}

// SAFETY: the pointers are slabs that the arena allocated and frees only when it goes itself.
unsafe impl Send for Inner {}

/// The arena's lock: slabs can be read and handed on.
pub(crate) struct Slabs<'a> {
    inner: Guard<'a, Inner>,
    pages: RefCell<Pages>,
}

/// The pages that lie under one number, which metrics that are read one after another mostly do.
/// A reader may keep them for its next turn: they are good until pages or slabs are added.
#[derive(Default)]
pub(crate) struct Pages {
    changes: u64,
    number: Option<usize>,
    pages: Vec<NonNull<Page>>,
}

// SAFETY: pages are shared between threads anyway; they live as long as the process's arena.
unsafe impl Send for Pages {}

/// The constructor, which is a constant where locks and atomics are.
macro_rules! constructor {
    ($($constant:ident)?) => {
        pub(crate) $($constant)? fn new() -> Arena {
            let inner = Inner {
                changes: 0,
                slabs: Vec::new(),
                idle: Vec::new(),
                next: 0,
                free: BTreeMap::new(),
            };
            Arena {
                inner: Lock::new(inner),
                returned: Lock::new(Vec::new()),
                private_bytes: AtomicU64::new(0),
                budget: AtomicU64::new(PRIVATE_BYTES as u64),
                octave_bytes: AtomicU64::new(0),
                refused: AtomicU64::new(0),
                slabs: AtomicU32::new(0),
            }
        }
    };
}

impl Arena {
    #[cfg(not(loom))]
    constructor!(const);
    #[cfg(loom)]
    constructor!();

    /// Reads slabs. Writers are not stopped: they only ever try this lock.
    pub(crate) fn read(&self) -> Slabs<'_> {
        self.read_with(Pages::default())
    }

    /// The same with the pages of the last time.
    pub(crate) fn read_with(&self, mut pages: Pages) -> Slabs<'_> {
        let inner = self.inner.lock();
        if pages.changes != inner.changes {
            pages = Pages { changes: inner.changes, ..Pages::default() };
        }
        Slabs { inner, pages: RefCell::new(pages) }
    }

    /// A slab for the calling thread: one that an ended thread left, with its counts, or a new
    /// one, or none when all are taken.
    pub(crate) fn attach(&self) -> Option<NonNull<Slab>> {
        let mut inner = self.inner.lock();
        if let Some(slab) = inner.idle.pop() {
            return Some(slab);
        }
        if inner.slabs.len() >= SLABS || !self.charge(size_of::<Slab>()) {
            return None;
        }
        let slab = NonNull::from(Box::leak(Box::new(Slab::new())));
        inner.slabs.push(slab);
        inner.changes += 1;
        let free_places = inner.slabs.capacity() - inner.idle.len();
        inner.idle.reserve(free_places);
        self.slabs.fetch_add(1, Ordering::Relaxed);
        Some(slab)
    }

    /// Takes back the slab of a thread that ends, counts intact, for the next one. The lock
    /// orders the old owner's writes before the new owner's.
    pub(crate) fn detach(&self, slab: NonNull<Slab>) {
        self.inner.lock().idle.push(slab);
    }

    /// Gives `slab`'s owner, the calling thread, the page of `id`, unless the budget is used up
    /// or, when not asked to `wait`, a reader has the lock at this moment.
    ///
    /// # Safety
    /// The calling thread owns `slab`.
    pub(crate) unsafe fn give_page(&self, slab: &Slab, id: CellId, wait: bool) -> bool {
        let guard = if wait { Some(self.inner.lock()) } else { self.inner.try_lock() };
        let Some(mut guard) = guard else { return false };
        if !self.charge(size_of::<Page>()) {
            return false;
        }
        // SAFETY: the caller owns the slab, and the lock is held.
        unsafe { slab.install(id.page()) };
        guard.changes += 1;
        true
    }

    /// Takes `bytes` from the budget of private memory, or counts the refusal.
    pub(crate) fn charge(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let before = self.private_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= self.budget.load(Ordering::Relaxed) {
            return true;
        }
        self.private_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// The same for an octave of a histogram.
    pub(crate) fn charge_octave(&self, bytes: usize) -> bool {
        let charged = self.charge(bytes);
        if charged {
            self.octave_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        charged
    }

    fn discharge_octave(&self, bytes: usize) {
        self.discharge(bytes);
        self.octave_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// Gives bytes back to the budget.
    pub(crate) fn discharge(&self, bytes: usize) {
        self.private_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn set_budget(&self, bytes: usize) {
        self.budget.store(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            bytes: self.private_bytes.load(Ordering::Relaxed) as usize,
            octave_bytes: self.octave_bytes.load(Ordering::Relaxed) as usize,
            refused: self.refused.load(Ordering::Relaxed),
            slabs: self.slabs.load(Ordering::Relaxed) as usize,
        }
    }

    /// Numbers for a block of `cells` cells, all zero, in one page.
    pub(crate) fn alloc(&self, cells: u16, octaves: u16, octave_cells: u32) -> Block {
        assert!(cells as usize <= PAGE_CELLS && octaves <= cells);
        let mut inner = self.inner.lock();
        self.reclaim(&mut inner);
        let id = inner.take_free(cells).unwrap_or_else(|| inner.take_new(cells));
        Block { id, cells, octaves, octave_cells }
    }

    /// Takes a block back. Its last handle is gone, so nobody writes or reads its cells; whoever
    /// did has released that handle before. Zeroing them waits for the lock.
    pub(crate) fn release(&self, block: Block) {
        self.returned.lock().push(block);
    }

    /// Frees what has been given back; a registry does this with each of its reads.
    pub(crate) fn sweep(&self) {
        let mut inner = self.inner.lock();
        self.reclaim(&mut inner);
    }

    fn reclaim(&self, inner: &mut Inner) {
        let returned = std::mem::take(&mut *self.returned.lock());
        for block in returned {
            for slab in &inner.slabs {
                // SAFETY: slabs live as long as the arena.
                self.clear(unsafe { slab.as_ref() }, block);
            }
            inner.free.entry(block.cells).or_default().push(block.id);
        }
    }

    /// Zeroes a returned block in one slab. The owner of the slab does not write these cells: it
    /// would need a handle, and the next one is made after this, under the lock.
    fn clear(&self, slab: &Slab, block: Block) {
        let Some(cells) = slab.block(block.id) else {
            return;
        };
        let (plain, octaves) =
            cells[..block.cells as usize].split_at((block.cells - block.octaves) as usize);
        for cell in octaves {
            let word = cell.load(Ordering::Relaxed);
            // SAFETY: these cells hold octaves of this size, and the block's last handle is gone.
            self.discharge_octave(unsafe { crate::octave::free(word, block.octave_cells) });
            cell.store(0, Ordering::Relaxed);
        }
        for cell in plain {
            cell.store(0, Ordering::Relaxed);
        }
    }

    /// After a fork: the threads that owned the other slabs do not exist in this process.
    #[cfg(all(unix, not(loom)))]
    pub(crate) fn keep_only(&self, own: Option<NonNull<Slab>>) {
        let inner = &mut *self.inner.lock();
        inner.idle.clear();
        inner.idle.extend(inner.slabs.iter().filter(|s| Some(**s) != own));
    }
}

impl Inner {
    fn take_free(&mut self, cells: u16) -> Option<CellId> {
        self.free.get_mut(&cells)?.pop()
    }

    /// New numbers. What is left of a page that a block does not fit into goes to single cells.
    fn take_new(&mut self, cells: u16) -> CellId {
        let left = PAGE_CELLS - CellId::new(self.next).offset();
        if (cells as usize) > left {
            let rest = (self.next..self.next + left as u32).map(CellId::new);
            self.free.entry(1).or_default().extend(rest);
            self.next += left as u32;
        }
        let id = CellId::new(self.next);
        self.next += u32::from(cells);
        id
    }
}

impl Slabs<'_> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slab> {
        // SAFETY: slabs live as long as the arena, which the guard borrows.
        self.inner.slabs.iter().map(|s| unsafe { s.as_ref() })
    }

    /// The sum of a cell over all threads. Each addend only grows while a handle lives, so the
    /// sum does too.
    pub(crate) fn sum(&self, id: CellId) -> u64 {
        let Pages { number, pages, .. } = &mut *self.pages.borrow_mut();
        if *number != Some(id.page()) {
            *number = Some(id.page());
            pages.clear();
            pages.extend(self.iter().filter_map(|slab| slab.page(id.page())).map(NonNull::from));
        }
        // SAFETY: pages live as long as their slabs. A page that its thread got since the lock
        // was taken cannot be: that takes the lock.
        let cells = pages.iter().map(|page| unsafe { page.as_ref() }.at(id));
        cells.fold(0, |sum, cell| sum.wrapping_add(cell.load(Ordering::Relaxed)))
    }

    /// Gives the lock back and keeps the pages.
    pub(crate) fn into_pages(self) -> Pages {
        self.pages.into_inner()
    }

    /// The blocks that begin at `id`, one for each thread that has its page.
    pub(crate) fn blocks(&self, id: CellId) -> impl Iterator<Item = &[AtomicU64]> {
        self.iter().filter_map(move |slab| slab.block(id))
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        for slab in inner.slabs.drain(..) {
            // SAFETY: made by `attach`; without the arena nobody can reach it.
            drop(unsafe { Box::from_raw(slab.as_ptr()) });
        }
    }
}

/// The arena that a metric's cells come from: the process's, or a model's.
#[cfg(not(loom))]
pub(crate) type ArenaRef = &'static Arena;
#[cfg(loom)]
pub(crate) type ArenaRef = crate::sync::Arc<Arena>;

/// A block that is given back when its metric goes.
pub(crate) struct OwnedBlock {
    pub(crate) arena: ArenaRef,
    pub(crate) block: Block,
}

impl OwnedBlock {
    pub(crate) fn new(arena: ArenaRef, cells: usize) -> OwnedBlock {
        let block = arena.alloc(cells as u16, 0, 0);
        OwnedBlock { arena, block }
    }

    pub(crate) fn with_octaves(
        arena: ArenaRef,
        header: usize,
        octaves: usize,
        octave_cells: usize,
    ) -> OwnedBlock {
        let block = arena.alloc((header + octaves) as u16, octaves as u16, octave_cells as u32);
        OwnedBlock { arena, block }
    }

    pub(crate) fn id(&self) -> CellId {
        self.block.id
    }
}

impl Drop for OwnedBlock {
    fn drop(&mut self) {
        self.arena.release(self.block);
    }
}

impl std::fmt::Debug for OwnedBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.block.fmt(f)
    }
}
