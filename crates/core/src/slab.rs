//! A thread's own cells, in pages that appear when they are needed.

use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
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

/// The number of a cell, the same in every slab. Cells of one block lie in one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CellId(pub(crate) u32);

impl CellId {
    #[inline(always)]
    pub(crate) const fn page(self) -> usize {
        self.0 as usize / PAGE_CELLS
    }

    #[inline(always)]
    pub(crate) const fn offset(self) -> usize {
        self.0 as usize % PAGE_CELLS
    }
}

/// Some cells that one thread writes by plain load and store, and that anybody may read.
pub(crate) struct Page {
    cells: [AtomicU64; PAGE_CELLS],
}

impl Page {
    fn new() -> Box<Page> {
        Box::new(Page {
            cells: std::array::from_fn(|_| AtomicU64::new(0)),
        })
    }
}

/// A directory of pages: null where the thread has none.
pub(crate) type Entry = AtomicPtr<Page>;

/// The cells of one thread, and of the threads that took them over from it.
///
/// Protocol. The thread that owns the slab is the only one to write its cells, and to install
/// pages. The directory is replaced and the slab handed on under the arena's lock; readers hold
/// that lock, so that an old directory can be freed at once. A page lives as long as its slab.
pub(crate) struct Slab {
    directory: AtomicPtr<Entry>,
    len: AtomicU32,
    /// Belongs to the owner; whoever hands the slab on has the arena's lock.
    own: UnsafeCell<Own>,
}

/// What only the owner of a slab touches.
#[derive(Default)]
pub(crate) struct Own {
    /// For each page that is missing, the records that wanted it.
    heat: Vec<u8>,
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
        Slab {
            directory: AtomicPtr::new(ptr::null_mut()),
            len: AtomicU32::new(0),
            own: UnsafeCell::new(Own::default()),
        }
    }

    /// The directory and its length, for the owner's hot path.
    pub(crate) fn directory(&self) -> (*const Entry, u32) {
        (
            self.directory.load(Ordering::Acquire),
            self.len.load(Ordering::Relaxed),
        )
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

    /// The cell `id`, if this slab has its page. `ordering`: the owner needs none, others acquire
    /// the page's zeroed cells.
    fn cell_ordered(&self, id: CellId, ordering: Ordering) -> Option<&AtomicU64> {
        let (directory, len) = self.directory();
        if id.page() >= len as usize {
            return None;
        }
        // SAFETY: the directory has `len` entries; it is freed only under the arena's lock, which
        // a reader holds, or by the owner itself. Pages live as long as the slab.
        let page = unsafe { (*directory.add(id.page())).load(ordering).as_ref() };
        page.map(|p| &p.cells[id.offset()])
    }

    /// The cell `id` as a reader sees it. The caller holds the arena's lock.
    pub(crate) fn cell(&self, id: CellId) -> Option<&AtomicU64> {
        self.cell_ordered(id, Ordering::Acquire)
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
        let heat = unsafe { &mut self.own().heat };
        if heat.len() <= page {
            heat.resize(page + 1, 0);
        }
        heat[page] += 1;
        heat[page] >= HOT
    }

    /// Forgets a page's heat: it was refused a place and shall ask again later.
    ///
    /// # Safety
    /// The caller owns the slab.
    pub(crate) unsafe fn cool(&self, page: usize) {
        // SAFETY: the caller's promise.
        if let Some(heat) = unsafe { self.own().heat.get_mut(page) } {
            *heat = 0;
        }
    }

    /// The bytes that a page more, and the directory for it, would take.
    pub(crate) fn page_cost(&self, page: usize) -> usize {
        let len = self.len.load(Ordering::Relaxed) as usize;
        let grown = grown_len(len, page);
        size_of::<Page>() + (grown - len) * (size_of::<Entry>() + 1)
    }

    /// Gives the owner a page of its own.
    ///
    /// # Safety
    /// The caller owns the slab, or nobody does, and the caller holds the arena's lock.
    pub(crate) unsafe fn install(&self, page: usize) {
        let (old, len) = self.directory();
        if page >= len as usize {
            // SAFETY: the caller's promise is the one that `grow` asks for.
            unsafe { self.grow(old, len as usize, grown_len(len as usize, page)) };
        }
        let (directory, _) = self.directory();
        // SAFETY: `page` is below the directory's length now.
        let entry = unsafe { &*directory.add(page) };
        if entry.load(Ordering::Relaxed).is_null() {
            // Release: whoever sees the page sees its zeroes.
            entry.store(Box::into_raw(Page::new()), Ordering::Release);
        }
    }

    /// # Safety
    /// As [`install`](Self::install).
    unsafe fn grow(&self, old: *const Entry, len: usize, grown: usize) {
        let entries: Box<[Entry]> = (0..grown)
            .map(|i| match i < len {
                // SAFETY: the old directory has `len` entries and is alive: only this function
                // frees it, under the lock that the caller holds.
                true => AtomicPtr::new(unsafe { (*old.add(i)).load(Ordering::Relaxed) }),
                false => AtomicPtr::new(ptr::null_mut()),
            })
            .collect();
        self.directory
            .store(Box::into_raw(entries).cast(), Ordering::Release);
        self.len.store(grown as u32, Ordering::Release);
        // SAFETY: made below by an earlier call, and unreachable now: readers hold the lock, the
        // owner takes the new one from `directory()` before its next record.
        unsafe { free_directory(old.cast_mut(), len) };
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let (directory, len) = self.directory();
        for i in 0..len as usize {
            // SAFETY: entries hold null or a page from `install`; nobody else has the slab.
            unsafe {
                let page = (*directory.add(i)).load(Ordering::Relaxed);
                if !page.is_null() {
                    drop(Box::from_raw(page));
                }
            }
        }
        // SAFETY: made by `grow`, and the slab is going.
        unsafe { free_directory(directory.cast_mut(), len as usize) };
    }
}

/// # Safety
/// `directory` is null, or comes from `Slab::grow` with this length and is not used any more.
unsafe fn free_directory(directory: *mut Entry, len: usize) {
    if !directory.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(directory, len)) });
    }
}

/// Directories double, so that growing stays rare, from 4 entries on (1,024 cells).
fn grown_len(len: usize, page: usize) -> usize {
    if page < len {
        len
    } else {
        (page + 1).next_power_of_two().max(4)
    }
}

/// Adds to a cell that only the calling thread writes.
#[inline(always)]
pub(crate) fn bump(cell: &AtomicU64, n: u64) {
    cell.store(
        cell.load(Ordering::Relaxed).wrapping_add(n),
        Ordering::Relaxed,
    );
}
