//! A thread's own cells, in pages that appear when they are needed.

use crate::sync::{AtomicPtr, AtomicU64, Ordering};
use std::cell::UnsafeCell;
use std::ptr;

/// Cells in a page: 2 KiB, so that a thread which records into a few hundred metrics holds one or
/// two pages. Smaller pages need larger directories, larger ones waste memory on many threads.
#[cfg(not(loom))]
pub(crate) const PAGE_CELLS: usize = 256;
#[cfg(loom)]
pub(crate) const PAGE_CELLS: usize = 8;

/// Records that a page gets through the shared cells before the thread gets the page for itself.
pub(crate) const HOT: u8 = 16;

/// The number of a cell, the same in every slab: its page, and its place in there. Cells of one
/// block lie in one page. The two are kept apart so that a record need not take them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellId {
    /// Below [`PAGES`].
    page: u32,
    /// Below [`PAGE_CELLS`].
    offset: u32,
}

impl CellId {
    /// A cell that no thread has.
    pub(crate) const NONE: CellId = CellId { page: PAGES as u32 - 1, offset: 0 };

    pub(crate) const fn new(number: u32) -> CellId {
        let page = number / PAGE_CELLS as u32;
        let last = PAGES as u32 - 1;
        CellId { page: if page < last { page } else { last }, offset: number % PAGE_CELLS as u32 }
    }

    #[inline(always)]
    pub(crate) const fn page(self) -> usize {
        self.page as usize
    }

    #[inline(always)]
    pub(crate) const fn offset(self) -> usize {
        self.offset as usize
    }
}

/// Some cells that one thread writes by plain load and store, and that anybody may read.
pub(crate) struct Page {
    cells: [AtomicU64; PAGE_CELLS],
}

impl Page {
    #[inline(always)]
    pub(crate) fn at(&self, id: CellId) -> &AtomicU64 {
        // SAFETY: `CellId::new` keeps the offset below `PAGE_CELLS`.
        unsafe { self.cells.get_unchecked(id.offset()) }
    }

    fn new() -> Box<Page> {
        Box::new(Page { cells: std::array::from_fn(|_| AtomicU64::new(0)) })
    }
}

/// Pages that a thread can have, 32,512 cells; the last is never given out. Metrics with higher
/// numbers stay in shared cells: at that count, whose series alone take 6 MB, most are cold.
#[cfg(not(loom))]
pub(crate) const PAGES: usize = 128;
#[cfg(loom)]
pub(crate) const PAGES: usize = 8;

/// A directory of pages: null where the thread has none.
pub(crate) type Directory = [AtomicPtr<Page>; PAGES];

/// The cells of one thread, and of the threads that took them over from it.
///
/// Protocol. The thread that owns the slab is the only one to write its cells, and to install
/// pages, which it does under the arena's lock. The slab is handed on under the same lock, which
/// readers hold. A page lives as long as its slab.
pub(crate) struct Slab {
    directory: Directory,
    /// Belongs to the owner; whoever hands the slab on has the arena's lock.
    own: UnsafeCell<Own>,
}

/// What only the owner of a slab touches.
pub(crate) struct Own {
    /// For each page that is missing, the records that wanted it.
    heat: [u8; PAGES],
    #[cfg(not(loom))]
    pub(crate) labels: crate::cache::LabelCache,
}

// SAFETY: `own` is reached through `own()` only, whose caller owns the slab; ownership passes
// from thread to thread under the arena's lock. All else is atomic.
unsafe impl Sync for Slab {}
// SAFETY: nothing in a slab is bound to the thread that made it.
unsafe impl Send for Slab {}

impl Slab {
    pub(crate) fn new() -> Slab {
        let own = Own {
            heat: [0; PAGES],
            #[cfg(not(loom))]
            labels: crate::cache::LabelCache::default(),
        };
        Slab {
            directory: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            own: UnsafeCell::new(own),
        }
    }

    /// The directory, for the owner's hot path.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What only the owner touches.
    ///
    /// # Safety
    /// The caller is the thread that owns the slab, or holds the arena's lock while nobody owns
    /// it, and no other reference from here is alive.
    #[expect(clippy::mut_from_ref, reason = "exclusive by the caller's promise")]
    pub(crate) unsafe fn own(&self) -> &mut Own {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.own.get() }
    }

    /// A page as a reader sees it. The caller holds the arena's lock.
    pub(crate) fn page(&self, page: usize) -> Option<&Page> {
        // SAFETY: pages live as long as the slab. Acquire: their cells were zeroed before.
        unsafe { self.directory[page].load(Ordering::Acquire).as_ref() }
    }

    /// The cell `id` as a reader sees it. The caller holds the arena's lock.
    pub(crate) fn cell(&self, id: CellId) -> Option<&AtomicU64> {
        Some(self.page(id.page())?.at(id))
    }

    /// The run of cells from `id` to the end of its page, as a reader sees it.
    pub(crate) fn block(&self, id: CellId) -> Option<&[AtomicU64]> {
        let first = self.cell(id)?;
        // SAFETY: `first` is cell `offset` of a page of `PAGE_CELLS`.
        Some(unsafe { std::slice::from_raw_parts(first, PAGE_CELLS - id.offset()) })
    }

    /// Counts a record that had to go to the shared cells; true when the page has become hot.
    ///
    /// # Safety
    /// The caller owns the slab.
    pub(crate) unsafe fn warm(&self, page: usize) -> bool {
        // SAFETY: the caller's promise.
        let heat = unsafe { &mut self.own().heat[page] };
        *heat = heat.saturating_add(1);
        *heat >= HOT && page < PAGES - 1
    }

    /// Forgets a page's heat: it was refused a place and shall ask again later.
    ///
    /// # Safety
    /// The caller owns the slab.
    pub(crate) unsafe fn cool(&self, page: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.own().heat[page] = 0 };
    }

    /// Gives the owner a page of its own, if it lacks it.
    ///
    /// # Safety
    /// The caller owns the slab and holds the arena's lock.
    pub(crate) unsafe fn install(&self, page: usize) {
        let entry = &self.directory[page];
        if entry.load(Ordering::Relaxed).is_null() {
            // Release: whoever sees the page sees its zeroes.
            entry.store(Box::into_raw(Page::new()), Ordering::Release);
        }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        for entry in &self.directory {
            let page = entry.load(Ordering::Relaxed);
            if !page.is_null() {
                // SAFETY: made by `install`, and nobody else has the slab.
                drop(unsafe { Box::from_raw(page) });
            }
        }
    }
}

/// Adds to a cell that only the calling thread writes.
#[inline(always)]
pub(crate) fn bump(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}
