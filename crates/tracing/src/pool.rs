//! How spans come by slots and cells, which they give back.

use crate::engine::Core;
use crate::free::{HOMES, NIL};
use crate::local::{CACHED, Local};
use crate::slot::Slot;
use crate::stack::Bundle;
use crate::sync::{AtomicU64, Ordering};

/// Looks at a pool without a free place before a span goes without: about 5 µs, in which somebody else
/// frees a trace of a hundred spans.
const PATIENCE: usize = 100;

/// Cells or slots as a chain that grows at its end.
struct Chain {
    first: u16,
    last: u16,
    count: u16,
}

const EMPTY: Chain = Chain { first: NIL, last: NIL, count: 0 };

impl Core {
    /// How many slots are free, beside those that threads have in hand.
    pub(crate) fn free(&self) -> usize {
        self.free.count() + self.returned_spans()
    }

    /// How many spans have made room whose cells are not free yet.
    pub(crate) fn returned_spans(&self) -> usize {
        self.returned.iter().map(|returned| returned.spans() as usize).sum()
    }

    fn spare(&self, first: u16) -> &AtomicU64 {
        self.group(first).spare()
    }

    /// Sends the slots of a trace home. Who evicts does not look at them: they are in the caches of the
    /// thread that used them, and the lock is held meanwhile.
    pub(crate) fn send_home(&self, bundle: Bundle) {
        self.returned[usize::from(bundle.home) % HOMES].push(bundle, self.spare(bundle.first));
    }

    /// Frees what has come home.
    fn release_returned(&self, home: usize) {
        for bundle in self.returned[home % HOMES].take(|first| self.spare(first)) {
            self.release(bundle.first);
        }
    }

    /// A slot for a span.
    #[inline(always)]
    pub(crate) fn take_slot(&self, local: Local) -> Option<u16> {
        local.take(self.id).or_else(|| self.take_slot_cold(local))
    }

    #[cold]
    #[inline(never)]
    fn take_slot_cold(&self, local: Local) -> Option<u16> {
        let most = if local.serve(self) { CACHED as u16 } else { 1 };
        self.pop_slot(local, most).or_else(|| self.pop_freed(local, most))
    }

    /// From the thread's own home as long as there is anything, then from others.
    fn pop_slot(&self, local: Local, most: u16) -> Option<u16> {
        let home = local.home();
        self.pop_own(local, most)
            .or_else(|| {
                self.finished.free_own(self, home);
                self.pop_own(local, most)
            })
            .or_else(|| self.pop(local, most))
            .or_else(|| {
                (1..HOMES).find_map(|n| {
                    self.release_returned(home + n);
                    local.take(self.id).or_else(|| self.pop(local, most))
                })
            })
    }

    fn pop_own(&self, local: Local, most: u16) -> Option<u16> {
        self.release_returned(local.home());
        local.take(self.id).or_else(|| {
            let link = |slot| &self.slot(slot).next;
            self.take_chain(local, self.free.of(local.home()).pop(most, link)?)
        })
    }

    fn pop(&self, local: Local, most: u16) -> Option<u16> {
        let link = |slot| &self.slot(slot).next;
        self.take_chain(local, self.free.pop(local.home(), most, link)?)
    }

    fn take_chain(&self, local: Local, (first, count): (u16, u16)) -> Option<u16> {
        let mut slot = first;
        for _ in 1..count {
            slot = self.slot(slot).next.load(Ordering::Relaxed);
            local.keep(self.id, slot);
        }
        Some(first)
    }

    /// Frees slots, or gives somebody who does so a moment.
    #[cold]
    fn pop_freed(&self, local: Local, most: u16) -> Option<u16> {
        (0..PATIENCE).find_map(|_| {
            self.finished.free_slots(self);
            self.pop_slot(local, most).or_else(|| {
                std::hint::spin_loop();
                None
            })
        })
    }

    /// Frees the spans of a chain for the calling thread.
    pub(crate) fn release(&self, first: u16) {
        let (local, mut slots, mut cells) = (Local, EMPTY, EMPTY);
        let mut next = first;
        while next != NIL {
            let (place, slot) = (next, self.slot(next));
            next = slot.next.load(Ordering::Relaxed);
            self.clear(local, slot, &mut cells);
            if local.keep(self.id, place) {
                continue;
            }
            match slots.last {
                NIL => slots.first = place,
                last => self.slot(last).next.store(place, Ordering::Relaxed),
            }
            (slots.last, slots.count) = (place, slots.count + 1);
        }
        if slots.count > 0 {
            let home = self.free.of(local.home());
            home.push(slots.first, slots.last, slots.count, |slot| &self.slot(slot).next);
        }
        if cells.count > 0 {
            self.cells.push(local.home(), cells.first, cells.last, cells.count);
        }
    }

    /// Takes a span from its slot, with its cells.
    #[inline(always)]
    fn clear(&self, local: Local, slot: &Slot, cells: &mut Chain) {
        slot.id.store(0, Ordering::Relaxed);
        let mut next = slot.log().cell();
        while next != NIL {
            let cell = next;
            next = self.cells.next(cell);
            if local.keep_cell(self.id, cell) {
                continue;
            }
            match cells.last {
                NIL => cells.first = cell,
                last => self.cells.lead(last, cell),
            }
            (cells.last, cells.count) = (cell, cells.count + 1);
        }
    }

    /// A cell for payload.
    #[inline]
    pub(crate) fn take_cell(&self) -> Option<u16> {
        Local.take_cell(self.id).or_else(|| self.take_cell_cold(Local))
    }

    #[cold]
    #[inline(never)]
    fn take_cell_cold(&self, local: Local) -> Option<u16> {
        self.pop_cell(local).or_else(|| {
            (0..HOMES).for_each(|home| self.release_returned(home));
            self.pop_cell(local).or_else(|| {
                (0..PATIENCE).find_map(|_| {
                    self.finished.free_cells(self);
                    self.pop_cell(local)
                })
            })
        })
    }

    fn pop_cell(&self, local: Local) -> Option<u16> {
        local.take_cell(self.id).or_else(|| {
            let most = if local.serve(self) { CACHED as u16 / 2 } else { 1 };
            let (first, count) = self.cells.pop(local.home(), most)?;
            let mut cell = first;
            for _ in 1..count {
                cell = self.cells.next(cell);
                local.keep_cell(self.id, cell);
            }
            Some(first)
        })
    }

    /// Takes back what a thread had in hand that ends.
    pub(crate) fn give_back(&self, home: usize, slots: &[u16], cells: &[u16]) {
        self.caches.fetch_sub(1, Ordering::Relaxed);
        for slot in slots {
            self.free.of(home).push(*slot, *slot, 1, |slot| &self.slot(slot).next);
        }
        cells.iter().for_each(|cell| self.cells.push(home, *cell, *cell, 1));
    }
}
