//! The calling thread's way to its own cells.
//!
//! One word of thread-local storage, const-initialised and without a destructor, leads to them. Until the
//! thread's first allocation, past the last thread that can have cells, and after the thread's exit it leads
//! [`nowhere`](is_nowhere): to cells that nobody reads, which send every allocation and every free to where
//! the cells that all share are counted into. The checks for the sampler cover that, so there is no other.

use std::cell::Cell;
use std::ptr;

use super::cells::{Cells, THREADS};
use super::live::EVERYTHING;
use super::{exit, sampler};

static CELLS: [Cells; THREADS] = [const { Cells::new() }; THREADS];
static SHARED: Cells = Cells::new();

/// Its `next` stays 0, and its filter lets nothing pass.
static NOWHERE: Cells = Cells::with_filter(&EVERYTHING);

/// Allocations that a thread without cells makes before it asks for some again.
const ASK_AGAIN: u32 = 1024;

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    /// The thread is getting its cells: what it allocates for that must not come in again.
    Busy,
    /// All cells were taken.
    Waiting,
    Attached,
    /// The thread ends; what is freed from here on goes to the shared cells.
    Exited,
}

struct Local {
    cells: Cell<*const Cells>,
    state: Cell<State>,
    misses: Cell<u32>,
}

thread_local! {
    static LOCAL: Local = const { Local {
        cells: Cell::new(&raw const NOWHERE),
        state: Cell::new(State::New),
        misses: Cell::new(0),
    } };
}

/// The calling thread's cells, or those that lead nowhere.
#[inline(always)]
pub(super) fn cells() -> &'static Cells {
    // SAFETY: `NOWHERE`, or one of `CELLS`, which are statics.
    unsafe { &*LOCAL.with(|local| local.cells.get()) }
}

/// Whether what is counted into `cells` is read by nobody.
pub(super) fn is_nowhere(cells: &Cells) -> bool {
    ptr::eq(cells, &NOWHERE)
}

/// The calling thread's cells, if it has some.
pub(super) fn own() -> Option<&'static Cells> {
    Some(cells()).filter(|cells| !is_nowhere(cells))
}

/// The same for a thread that has none yet: gets it some, if there are any.
#[cold]
#[inline(never)]
pub(super) fn claim() -> Option<&'static Cells> {
    LOCAL.with(|local| {
        if !local.may_ask() {
            return None;
        }
        local.state.set(State::Busy);
        let cells = attach();
        local.cells.set(cells.map_or(&raw const NOWHERE, ptr::from_ref));
        local.state.set(if cells.is_some() { State::Attached } else { State::Waiting });
        cells
    })
}

/// Cells of nobody's for the calling thread, if it can be told when the thread ends.
fn attach() -> Option<&'static Cells> {
    let _errno = exit::KeepErrno::new();
    exit::watch_forks();
    let thread = exit::thread_number();
    let cells = CELLS.iter().find(|cells| cells.take(thread))?;
    if !exit::watch_thread() {
        cells.give_back();
        return None;
    }
    sampler::arm(cells, cells.allocated_bytes());
    Some(cells)
}

impl Local {
    fn may_ask(&self) -> bool {
        match self.state.get() {
            State::New => true,
            State::Waiting => {
                self.misses.set(self.misses.get().wrapping_add(1));
                self.misses.get().is_multiple_of(ASK_AGAIN)
            }
            State::Busy | State::Attached | State::Exited => false,
        }
    }
}

/// The calling thread ends: its cells are for the next one.
pub(super) fn leave() {
    LOCAL.with(|local| {
        local.state.set(State::Exited);
        let own = own();
        local.cells.set(&raw const NOWHERE);
        if let Some(cells) = own {
            cells.give_back();
        }
    });
}

/// In a forked child: the threads that had the other cells do not exist here.
pub(super) fn after_fork() {
    for cells in &CELLS {
        match own().is_some_and(|own| ptr::eq(own, cells)) {
            true => cells.rename(exit::thread_number()),
            false => cells.give_back(),
        }
    }
}

/// The cells that threads share which have none of their own.
pub(super) fn shared() -> &'static Cells {
    &SHARED
}

/// Those that threads have, or had.
pub(super) fn private() -> &'static [Cells] {
    &CELLS
}
