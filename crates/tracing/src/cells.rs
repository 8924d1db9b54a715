//! What spans carry beside their fixed part, as words in chained cells.

use crate::free::{Homes, NIL};
use crate::sync::{AtomicU16, AtomicU64, Ordering};

/// Words of a cell that carry payload.
#[cfg(not(loom))]
pub(crate) const CELL_WORDS: usize = 7;
#[cfg(loom)]
pub(crate) const CELL_WORDS: usize = 2;

/// 64 bytes. `next` leads to the cell before; `used` says how many words count.
///
/// Protocol. Whoever popped a cell writes it, then publishes it with the span's log. In a span that
/// ends on its own thread that thread goes on writing into the newest cell; nobody reads the payload
/// of such a span before its end.
#[repr(align(64))]
pub(crate) struct Cell {
    next: AtomicU16,
    used: AtomicU16,
    words: [AtomicU64; CELL_WORDS],
}

/// The cells of a pool.
pub(crate) struct Cells {
    cells: Box<[Cell]>,
    free: Homes,
}

impl Cells {
    pub(crate) const CELL_BYTES: usize = size_of::<Cell>();

    pub(crate) fn new(count: u16) -> Cells {
        let cell = |_| Cell {
            next: AtomicU16::new(NIL),
            used: AtomicU16::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        let cells: Box<[Cell]> = (0..count).map(cell).collect();
        let free = Homes::full(count, |place| &cells[usize::from(place)].next);
        Cells { cells, free }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.cells)
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// How many are free, beside those that threads have in hand.
    pub(crate) fn free(&self) -> usize {
        self.free.count()
    }

    fn at(&self, cell: u16) -> &Cell {
        &self.cells[usize::from(cell)]
    }

    /// The cell before.
    pub(crate) fn next(&self, cell: u16) -> u16 {
        self.at(cell).next.load(Ordering::Relaxed)
    }

    pub(crate) fn used(&self, cell: u16) -> u16 {
        self.at(cell).used.load(Ordering::Relaxed).min(CELL_WORDS as u16)
    }

    pub(crate) fn set_used(&self, cell: u16, used: u16) {
        self.at(cell).used.store(used, Ordering::Relaxed);
    }

    pub(crate) fn word(&self, cell: u16, index: u16) -> u64 {
        self.at(cell).words[usize::from(index)].load(Ordering::Relaxed)
    }

    pub(crate) fn set_word(&self, cell: u16, index: u16, word: u64) {
        self.at(cell).words[usize::from(index)].store(word, Ordering::Relaxed);
    }

    /// Puts `cell`, empty, before `below`.
    pub(crate) fn chain(&self, cell: u16, below: u16) {
        self.at(cell).next.store(below, Ordering::Relaxed);
        self.set_used(cell, 0);
    }

    /// Leads from `cell` to `below` from now on.
    pub(crate) fn lead(&self, cell: u16, below: u16) {
        self.at(cell).next.store(below, Ordering::Relaxed);
    }

    /// Up to `most` cells, as a chain, for a thread of this home.
    pub(crate) fn pop(&self, home: usize, most: u16) -> Option<(u16, u16)> {
        self.free.pop(home, most, |cell| &self.at(cell).next)
    }

    /// Gives a chain back.
    pub(crate) fn push(&self, home: usize, first: u16, last: u16, count: u16) {
        self.free.of(home).push(first, last, count, |cell| &self.at(cell).next);
    }

    /// Gives back all cells from `newest` to the oldest.
    pub(crate) fn push_all(&self, home: usize, newest: u16) {
        let (mut last, mut count) = (newest, 1);
        if newest == NIL {
            return;
        }
        loop {
            let next = self.next(last);
            if next == NIL || usize::from(count) >= self.cells.len() {
                return self.push(home, newest, last, count);
            }
            (last, count) = (next, count + 1);
        }
    }
}
