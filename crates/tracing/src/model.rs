//! The lock-free parts of the storage, each driven by hand.

use crate::cells::Cells;
use crate::free::{FreeList, NIL};
use crate::group::{Group, Join, State};
use crate::slot::{Begin, ENDED, Log, Slot};
use crate::stack::{Bundle, Stack};
use crate::sync::Ordering;

/// A few slots with their groups, some cells.
pub struct Pool {
    slots: Vec<Slot>,
    groups: Vec<Group>,
    free: FreeList,
    cells: Cells,
    pending: Stack,
}

/// What became of a span that ended after others.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    InTime,
    Late { kept: bool },
}

impl Pool {
    pub fn new(slots: u16, cells: u16) -> Pool {
        let groups = (0..slots).map(|_| Group::new()).collect();
        let slots: Vec<Slot> = (0..slots).map(|_| Slot::new()).collect();
        let free = FreeList::full(0..slots.len() as u16, |slot| &slots[usize::from(slot)].next);
        Pool { slots, groups, free, cells: Cells::new(cells), pending: Stack::new() }
    }

    fn slot(&self, slot: u16) -> &Slot {
        &self.slots[usize::from(slot)]
    }

    pub fn free_slots(&self) -> u16 {
        self.free.count()
    }

    pub fn free_cells(&self) -> usize {
        self.cells.free()
    }

    /// Takes a chain of up to `most` slots.
    pub fn take(&self, most: u16) -> Vec<u16> {
        let popped = self.free.pop(most, |slot| &self.slot(slot).next);
        let Some((first, count)) = popped else { return Vec::new() };
        let next = |slot: &u16| Some(self.slot(*slot).next.load(Ordering::Relaxed));
        std::iter::successors(Some(first), next).take(count.into()).collect()
    }

    /// Frees a slot with the cells of its span.
    pub fn give(&self, slot: u16) {
        self.slot(slot).id.store(0, Ordering::Relaxed);
        self.cells.push_all(0, self.slot(slot).log().cell());
        self.free.push(slot, slot, 1, |slot| &self.slot(slot).next);
    }

    /// Publishes a span that has this number in each of its fields.
    pub fn publish(&self, slot: u16, number: u64) {
        self.slot(slot).publish(&Begin {
            id: number,
            trace: u128::from(number) << 64 | u128::from(number),
            parent: number,
            start_ns: number,
            name: number as u16,
            group: 0,
            generation: number as u16,
            log: Log::open(0, 0, number),
        });
    }

    /// The number of the span in the slot; panics if its fields are of different spans.
    pub fn read(&self, slot: u16) -> Option<u64> {
        let seen = self.slot(slot).read()?;
        let number = seen.id;
        assert_eq!(seen.trace, u128::from(number) << 64 | u128::from(number));
        assert_eq!((seen.parent, seen.start_ns), (number, number));
        assert_eq!((u64::from(seen.name), u64::from(seen.generation)), (number, number));
        assert!(seen.log.is_of(number));
        Some(number)
    }

    /// Ends the span of this number, if it is there.
    pub fn end(&self, slot: u16, number: u64) -> bool {
        self.slot(slot).change(number, number, |log| Log(log.0 | ENDED)).is_ok()
    }

    pub fn is_ended(&self, slot: u16) -> bool {
        self.slot(slot).log().has(ENDED)
    }

    /// Adds a cell to the span of this number, or gives it back.
    pub fn append(&self, slot: u16, number: u64) -> bool {
        let Some((cell, _)) = self.cells.pop(0, 1) else { return false };
        self.cells.chain(cell, NIL);
        let added = self.slot(slot).change(number, number, |log| {
            self.cells.lead(cell, log.cell());
            log.with_cell(cell)
        });
        if added.is_err() {
            self.cells.lead(cell, NIL);
            self.cells.push_all(0, cell);
        }
        added.is_ok()
    }

    /// Puts a trace of one span aside, with this number in all that goes with it; the spans that are then.
    pub fn put_aside(&self, slot: u16, number: u16) -> u64 {
        let bundle = Bundle { first: slot, count: number, flags: number as u8, home: number as u8 };
        self.pending.push(bundle, self.groups[usize::from(slot)].spare())
    }

    /// The slots of the traces that were put aside with their numbers, the newest first.
    pub fn take_aside(&self) -> Vec<(u16, u16)> {
        let taken = self.pending.take(|slot| self.groups[usize::from(slot)].spare());
        let number = |bundle: Bundle| {
            let number = bundle.count;
            assert_eq!((bundle.flags, bundle.home), (number as u8, number as u8));
            (bundle.first, number)
        };
        taken.map(number).collect()
    }

    pub fn spans_aside(&self) -> u64 {
        self.pending.spans()
    }

    pub fn open_group(&self, slot: u16) -> u16 {
        self.groups[usize::from(slot)].open(0)
    }

    pub fn join(&self, group: u16, generation: u16) -> bool {
        self.groups[usize::from(group)].join(generation, 100) == Join::Joined
    }

    /// Puts a span on the list of its group, from any thread or from the root's own.
    pub fn gather(&self, group: u16, generation: u16, slot: u16, own: bool) -> Ended {
        let (list, next) = (&self.groups[usize::from(group)], &self.slot(slot).next);
        let state = match own {
            true => list.push_own(generation, slot, 0, next),
            false => list.push(generation, slot, 0, next),
        };
        match state {
            State::Open => Ended::InTime,
            state => Ended::Late { kept: state == State::Kept },
        }
    }

    /// Closes the group; the slots of the spans that ended in time.
    pub fn close(&self, group: u16, kept: bool) -> Vec<u16> {
        let closed = self.groups[usize::from(group)].close(0, |_| kept);
        let chain = |first: u16| {
            std::iter::successors(Some(first).filter(|slot| *slot != NIL), |slot| {
                Some(self.slot(*slot).next.load(Ordering::Relaxed)).filter(|slot| *slot != NIL)
            })
        };
        let all: Vec<u16> = chain(closed.own).chain(chain(closed.shared)).collect();
        assert_eq!(all.len(), usize::from(closed.count));
        all
    }
}
