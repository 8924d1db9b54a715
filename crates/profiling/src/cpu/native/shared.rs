//! What signal handlers and the sampler share.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::mapped::Zeroes;
use super::ring::Ring;
use super::rows::Rows;

/// Threads that are sampled at once. A slot that is not used costs no memory.
pub(crate) const SLOTS: usize = 512;

/// Written by handlers, in memory that a stop gives back once no handler is inside.
#[repr(C)]
pub(crate) struct Shared {
    pub(crate) ring: Ring,
    pub(crate) slots: [Slot; SLOTS],
    /// Code whose callers are not found by its frame pointer.
    pub(crate) rows: Rows,
    /// Whether callers are looked for.
    pub(crate) walks: AtomicBool,
    /// How far a thread's context lies from its thread pointer; 0 if that is not known.
    pub(crate) context_offset: AtomicI64,
    pub(crate) counts: Counts,
}

/// What handlers count.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Counts {
    /// Signals that asked for a sample.
    pub(crate) signals: AtomicU64,
    /// Periods that passed without a signal, because the thread was not interrupted in time.
    pub(crate) overruns: AtomicU64,
    /// Samples that found no room in the ring.
    pub(crate) lost: AtomicU64,
    /// Time that handlers took.
    pub(crate) handler_ns: AtomicU64,
}

/// What a handler knows of the thread that it interrupts.
#[repr(C)]
pub(crate) struct Slot {
    /// The ticket whose signals count here; 0 while the slot is free. A late signal of a thread that
    /// had the slot before has another one.
    ticket: AtomicU64,
    /// Where the thread's stack begins, and in `high` where it ends; both written by the sampler, `low` last.
    /// 0 until a handler asks: it writes the thread pointer into `high`, then its stack pointer with the lowest
    /// bit set, [`ASKED`], into this. That bit alone, [`REFUSED`], if there is no answer.
    low: AtomicU64,
    high: AtomicU64,
}

/// Stacks and stack pointers are even.
const ASKED: u64 = 1;
const REFUSED: u64 = ASKED;

// SAFETY: atomics of integers, arrays and structs of them; a false bool is a zero.
unsafe impl Zeroes for Shared {}

/// A slot's number with a number that no other registration has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Ticket {
    pub(crate) fn new(slot: usize, registration: u64) -> Ticket {
        debug_assert!(slot < SLOTS && registration > 0);
        Ticket(registration << 16 | slot as u64)
    }

    /// As a signal carries it.
    pub(crate) fn value(self) -> usize {
        self.0 as usize
    }
}

impl Shared {
    /// The slot that a signal's value means, unless another thread has it now.
    #[inline]
    pub(crate) fn slot_of(&self, value: usize) -> Option<(usize, &Slot)> {
        let number = value & 0xffff;
        let slot = self.slots.get(number)?;
        (slot.ticket.load(Ordering::Relaxed) == value as u64 && value != 0)
            .then_some((number, slot))
    }
}

impl Slot {
    /// Gives the slot to a thread. Nobody else may have it: handlers of the thread before are over.
    pub(crate) fn give(&self, ticket: Ticket) {
        self.low.store(0, Ordering::Relaxed);
        self.ticket.store(ticket.0, Ordering::Release);
    }

    /// Takes it back.
    pub(crate) fn take_back(&self) {
        self.ticket.store(0, Ordering::Relaxed);
    }

    /// Tells handlers where the thread's stack is.
    pub(crate) fn set_stack(&self, stack: &Range<u64>) {
        self.high.store(stack.end, Ordering::Relaxed);
        // Release: a handler that sees where it begins sees where it ends.
        self.low.store(stack.start, Ordering::Release);
    }

    /// The end of the stack that `pointer` points into, if it is the known one.
    #[inline]
    pub(crate) fn stack_end(&self, pointer: u64) -> Option<u64> {
        let low = self.low.load(Ordering::Acquire);
        let high = self.high.load(Ordering::Relaxed);
        let known = low != 0 && low & ASKED == 0;
        (known && low <= pointer && pointer < high).then_some(high)
    }

    /// Asks the sampler where the stack that `stack` points into ends.
    #[inline]
    pub(crate) fn ask(&self, stack: u64, thread_pointer: u64) {
        if self.low.load(Ordering::Relaxed) == 0 {
            self.high.store(thread_pointer, Ordering::Relaxed);
            // Release: who sees that it was asked sees the thread pointer.
            self.low.store(stack | ASKED, Ordering::Release);
        }
    }

    /// The stack pointer and the thread pointer that were asked about, if no answer was given.
    pub(crate) fn asked(&self) -> Option<(u64, u64)> {
        let low = self.low.load(Ordering::Acquire);
        let asked = low & ASKED != 0 && low != REFUSED;
        asked.then(|| (low & !ASKED, self.high.load(Ordering::Relaxed)))
    }

    /// There is no answer: handlers ask no more until [`ask_again`](Self::ask_again).
    pub(crate) fn refuse(&self) {
        self.low.store(REFUSED, Ordering::Relaxed);
    }

    /// What was refused may be asked again.
    pub(crate) fn ask_again(&self) {
        let _ = self.low.compare_exchange(REFUSED, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapped::Mapped;
    use super::*;

    #[test]
    fn a_stack_is_asked_for_once_and_answered_or_refused() {
        let shared = Mapped::<Shared>::new().unwrap();
        let slot = &shared.slots[3];
        slot.give(Ticket::new(3, 1));
        assert_eq!((slot.asked(), slot.stack_end(0x5008)), (None, None));
        slot.ask(0x5008, 0x7000);
        slot.ask(0x5108, 0x7000);
        assert_eq!((slot.asked(), slot.stack_end(0x5010)), (Some((0x5008, 0x7000)), None));
        slot.refuse();
        slot.ask(0x5008, 0x7000);
        assert_eq!((slot.asked(), slot.stack_end(0x5008)), (None, None));
        slot.ask_again();
        slot.ask(0x5008, 0x7000);
        slot.set_stack(&(0x4000..0x7000));
        assert_eq!((slot.asked(), slot.stack_end(0x5008)), (None, Some(0x7000)));
        assert_eq!((slot.stack_end(0x3ff8), slot.stack_end(0x7000)), (None, None));
        slot.ask(0x9000, 0x7000);
        assert_eq!((slot.asked(), slot.stack_end(0x5008)), (None, Some(0x7000)));
    }
}
