//! Traces that wait for somebody to take them all.

use crate::free::NIL;
use crate::sync::{AtomicU64, Ordering};

/// A trace by its first span's slot, with what whoever takes it wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) first: u16,
    /// Its spans.
    pub(crate) count: u16,
    /// The flags of its group.
    pub(crate) flags: u8,
    /// Where its slots are at home.
    pub(crate) home: u8,
}

/// A stack that any thread pushes to, and that is taken as a whole.
///
/// Protocol. `top` is the first slot of the newest trace with the number of spans on the stack. What lies
/// below a trace is in a word that belongs to it, the spare word of its group: its owner writes that
/// before the exchange that releases it. As nothing is taken out singly, a top that is the same as
/// before may have anything below it, which the exchange then has right.
#[repr(align(64))]
pub(crate) struct Stack {
    top: AtomicU64,
}

impl Stack {
    pub(crate) fn new() -> Stack {
        Stack { top: AtomicU64::new(u64::from(NIL)) }
    }

    /// How many spans are on it.
    pub(crate) fn spans(&self) -> u64 {
        self.top.load(Ordering::Relaxed) >> 16
    }

    /// Puts a trace of the caller's on it; the spans that are on it then.
    pub(crate) fn push(&self, bundle: Bundle, spare: &AtomicU64) -> u64 {
        let Bundle { first, count, flags, home } = bundle;
        let word = u64::from(count) << 16 | u64::from(flags) << 32 | u64::from(home) << 40;
        let mut seen = self.top.load(Ordering::Relaxed);
        loop {
            spare.store(word | seen & u64::from(NIL), Ordering::Relaxed);
            let spans = (seen >> 16) + u64::from(count);
            let next = spans << 16 | u64::from(first);
            // Release: whoever takes it sees its spans.
            let (ok, fail) = (Ordering::Release, Ordering::Relaxed);
            match self.top.compare_exchange_weak(seen, next, ok, fail) {
                Ok(_) => return spans,
                Err(now) => seen = now,
            }
        }
    }

    /// Takes all, the newest first. A trace is the caller's as it comes.
    pub(crate) fn take<'a>(
        &self,
        spare: impl Fn(u16) -> &'a AtomicU64,
    ) -> impl Iterator<Item = Bundle> {
        let mut next = NIL;
        if self.top.load(Ordering::Relaxed) != u64::from(NIL) {
            next = self.top.swap(u64::from(NIL), Ordering::Acquire) as u16;
        }
        std::iter::from_fn(move || {
            let first = Some(next).filter(|first| *first != NIL)?;
            let word = spare(first).load(Ordering::Relaxed);
            next = word as u16;
            let (count, flags, home) =
                ((word >> 16) as u16, (word >> 32) as u8, (word >> 40) as u8);
            Some(Bundle { first, count, flags, home })
        })
    }
}
