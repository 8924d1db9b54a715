//! The calling thread's way to its own cells.
//!
//! One word of thread-local storage, const-initialised and without a destructor, leads to the
//! directory of the thread's pages. It leads to an empty one until the thread's first record, above
//! the slab cap and after the thread's exit, so that the one null check of the hot path covers all
//! three.

use crate::arena::Arena;
use crate::cache::LabelCache;
use crate::fork;
use crate::slab::{CellId, Directory, PAGES, Page, Slab};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

static ARENA: Arena = Arena::new();

/// The process's arena.
pub(crate) fn arena() -> &'static Arena {
    &ARENA
}

/// The directory of a thread that has no slab.
static NOWHERE: Directory = [const { AtomicPtr::new(ptr::null_mut()) }; PAGES];

/// Records that a thread without a slab makes before it asks for one again.
const ASK_AGAIN: u32 = 1024;

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Attached,
    /// All slabs were taken.
    Waiting,
    /// The exit guard has run; what other destructors record goes to the shared cells.
    Exited,
}

struct Local {
    directory: Cell<*const Directory>,
    slab: Cell<Option<NonNull<Slab>>>,
    state: Cell<State>,
    misses: Cell<u32>,
    refused: Cell<bool>,
    /// Set while this module allocates: an allocator that records must not come in again.
    busy: Cell<bool>,
    /// The slab's label cache; null without a slab, and while `busy`.
    labels: Cell<*const LabelCache>,
}

/// Hands the slab on when the thread ends.
struct ExitGuard;

thread_local! {
    static LOCAL: Local = const { Local {
        directory: Cell::new(&raw const NOWHERE),
        slab: Cell::new(None),
        state: Cell::new(State::New),
        misses: Cell::new(0),
        refused: Cell::new(false),
        busy: Cell::new(false),
        labels: Cell::new(ptr::null()),
    } };
    static GUARD: ExitGuard = const { ExitGuard };
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        LOCAL.with(Local::leave);
    }
}

/// The calling thread's own cell `id`, if it has that page. Only the calling thread may write it.
/// Cells of the process's arena are never freed.
#[inline(always)]
pub(crate) fn own_cell(id: CellId) -> Option<&'static AtomicU64> {
    let directory = LOCAL.with(|local| local.directory.get()).cast::<AtomicPtr<Page>>();
    // SAFETY: the directory is `NOWHERE` or a slab's of the process's arena, which is never freed;
    // a cell's page is below `PAGES`.
    let page = unsafe { &*directory.add(id.page()) };
    // SAFETY: nor are its pages freed. Only this thread installs pages in its slab.
    let page = unsafe { page.load(Ordering::Relaxed).as_ref() }?;
    Some(page.at(id))
}

/// The same after a miss: gives the thread its slab, and the page when it is hot, or at once when
/// `eager`. `None`: record into the shared cells.
#[cold]
#[inline(never)]
pub(crate) fn claim(id: CellId, eager: bool) -> Option<&'static AtomicU64> {
    LOCAL.with(|local| {
        let _busy = Busy::enter(local)?;
        local.claim(id, eager)
    })
}

/// Runs `f` unless the thread is inside an allocation of this crate already.
pub(crate) fn unless_busy<R>(f: impl FnOnce() -> R) -> Option<R> {
    LOCAL.with(|local| {
        let _busy = Busy::enter(local)?;
        Some(f())
    })
}

/// The thread's label cache, if it has one and is not changing it.
///
/// # Safety
/// While the reference lives the thread must neither allocate nor run foreign code: that could
/// record, come in here again and change the cache.
#[inline(always)]
pub(crate) unsafe fn own_labels<'a>() -> Option<&'a LabelCache> {
    // SAFETY: this thread owns the slab that the cache is in, and `with_labels`, which alone makes
    // an exclusive reference, hides it while it has one. The rest is the caller's promise.
    unsafe { LOCAL.with(|local| local.labels.get()).as_ref() }
}

/// Runs `f` with the thread's label cache, if the thread has a slab. `f` may allocate.
pub(crate) fn with_labels<R>(f: impl FnOnce(&mut LabelCache) -> R) -> Option<R> {
    LOCAL.with(|local| {
        let slab = local.slab.get()?;
        let _busy = Busy::enter(local)?;
        // SAFETY: this thread owns the slab, and `busy` keeps a second reference away.
        Some(f(unsafe { &mut slab.as_ref().own().labels }))
    })
}

/// Gives the thread a slab if it has none yet.
pub(crate) fn attach() {
    LOCAL.with(|local| {
        if let Some(_busy) = Busy::enter(local) {
            local.attached();
        }
    });
}

/// The thread is inside an allocation of this crate. No fork happens meanwhile, so that a child
/// inherits no half-made cache. Inside a critical section, where an allocator or a visitor may
/// record, there is none: what is behind it would take locks that the thread may have.
struct Busy<'a> {
    local: &'a Local,
    _pass: fork::Pass,
}

impl<'a> Busy<'a> {
    fn enter(local: &'a Local) -> Option<Busy<'a>> {
        if local.busy.get() || fork::inside() {
            return None;
        }
        local.busy.set(true);
        local.labels.set(ptr::null());
        Some(Busy { local, _pass: fork::enter() })
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.local.busy.set(false);
        if let Some(slab) = self.local.slab.get() {
            // SAFETY: this thread owns the slab; nothing refers to its own part any more.
            self.local.labels.set(unsafe { &raw const slab.as_ref().own().labels });
        }
    }
}

impl Local {
    fn claim(&self, id: CellId, eager: bool) -> Option<&'static AtomicU64> {
        let slab = self.attached()?;
        // An adopted slab may have the page.
        if let Some(cell) = own_cell(id) {
            return Some(cell);
        }
        let wait = eager && !self.refused.get();
        // SAFETY: this thread owns the slab.
        unsafe {
            if !slab.warm(id.page()) && !wait {
                return None;
            }
            if !ARENA.give_page(slab, id, wait) {
                // Having waited for the lock, it was the budget that refused.
                self.refused.set(self.refused.get() || wait);
                slab.cool(id.page());
                return None;
            }
        }
        own_cell(id)
    }

    fn attached(&self) -> Option<&'static Slab> {
        if let Some(slab) = self.slab.get() {
            // SAFETY: slabs of the process's arena are never freed.
            return Some(unsafe { &*slab.as_ptr() });
        }
        if !self.may_ask() {
            return None;
        }
        let Some(slab) = ARENA.attach() else {
            self.state.set(State::Waiting);
            return None;
        };
        self.slab.set(Some(slab));
        self.state.set(State::Attached);
        // SAFETY: as above.
        let slab = unsafe { &*slab.as_ptr() };
        self.directory.set(slab.directory());
        Some(slab)
    }

    fn may_ask(&self) -> bool {
        match self.state.get() {
            State::New => {
                let guarded = GUARD.try_with(|_| ()).is_ok();
                if !guarded {
                    self.state.set(State::Exited);
                }
                guarded
            }
            State::Waiting => {
                self.misses.set(self.misses.get().wrapping_add(1));
                self.misses.get().is_multiple_of(ASK_AGAIN)
            }
            State::Attached | State::Exited => false,
        }
    }

    fn leave(&self) {
        self.directory.set(&raw const NOWHERE);
        self.labels.set(ptr::null());
        self.state.set(State::Exited);
        if let Some(slab) = self.slab.take() {
            // SAFETY: this thread owns the slab until `detach`.
            unsafe { slab.as_ref().own().labels.clear(&ARENA) };
            ARENA.detach(slab);
        }
    }
}

/// In a forked child: the slabs of threads that do not exist here are free.
#[cfg(unix)]
pub(crate) fn after_fork() {
    ARENA.keep_only(LOCAL.with(|local| local.slab.get()));
}
