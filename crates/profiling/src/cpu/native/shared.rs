//! What signal handlers and the sampler share.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::mapped::Zeroes;
use super::ring::Ring;
#[cfg(target_arch = "x86_64")]
use super::rows::Rows;

/// Threads that are sampled at once. A slot that is not used costs no memory.
pub(crate) const SLOTS: usize = 512;

/// Written by handlers, in memory that a stop gives back once no handler is inside.
#[repr(C)]
pub(crate) struct Shared {
    pub(crate) ring: Ring,
    pub(crate) slots: [Slot; SLOTS],
    /// Code whose callers are not found by its frame pointer.
    #[cfg(target_arch = "x86_64")]
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
    /// Where the thread's stack is. Written once while a thread has the slot, `low` last.
    low: AtomicU64,
    high: AtomicU64,
    /// A stack pointer outside of that, and the thread's pointer, for the sampler to look at; 0 for none.
    asked_stack: AtomicU64,
    asked_pointer: AtomicU64,
}

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
        self.high.store(0, Ordering::Relaxed);
        self.asked_stack.store(0, Ordering::Relaxed);
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
        (low != 0 && low <= pointer && pointer < high).then_some(high)
    }

    /// Asks the sampler where the stack that `stack` points into ends.
    #[inline]
    pub(crate) fn ask(&self, stack: u64, thread_pointer: u64) {
        if self.asked_stack.load(Ordering::Relaxed) == 0 {
            self.asked_pointer.store(thread_pointer, Ordering::Relaxed);
            self.asked_stack.store(stack, Ordering::Release);
        }
    }

    /// The stack pointer and the thread pointer that were asked about, if no answer was given.
    pub(crate) fn asked(&self) -> Option<(u64, u64)> {
        let stack = self.asked_stack.load(Ordering::Acquire);
        let known = self.low.load(Ordering::Relaxed) != 0;
        (stack > REFUSED && !known).then(|| (stack, self.asked_pointer.load(Ordering::Relaxed)))
    }

    /// There is no answer: handlers ask no more until [`ask_again`](Self::ask_again).
    pub(crate) fn refuse(&self) {
        self.asked_stack.store(REFUSED, Ordering::Relaxed);
    }

    /// What was refused may be asked again.
    pub(crate) fn ask_again(&self) {
        let _ = self.asked_stack.compare_exchange(REFUSED, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// No stack is there.
const REFUSED: u64 = 1;
