//! The spans of one trace within this process, gathered as they end.

use crate::free::NIL;
use crate::sync::{AtomicU16, AtomicU64, Ordering};

/// Something in the trace failed.
pub(crate) const FAILED: u64 = 1;
/// A span took longer than nearly all of its name.
pub(crate) const SLOW: u64 = 2;
/// It is kept whatever happens.
pub(crate) const FORCED: u64 = 4;
/// It was sampled as it began.
pub(crate) const SAMPLED: u64 = 8;
/// A span is among the slowest of its name.
pub(crate) const SLOWEST: u64 = 16;
const FLAGS: u64 = 31;

/// The group of a local root, which lies beside its slot.
///
/// Protocol. `head` is shared: spans that end anywhere push themselves on its list by an exchange,
/// and the root's end closes it by one, which takes the list. `own` belongs to the thread of a root
/// that ends where it began: spans that do so too are on its list, by plain stores, which that thread
/// alone makes until the root closes the group. A closed group keeps its decision until the slot has
/// another one.
pub(crate) struct Group {
    head: AtomicU64,
    own: AtomicU64,
}

/// `first:16 started:12 ended:12 state:2 flags:5 generation:16`, from the lowest bit.
#[derive(Clone, Copy)]
struct Head(u64);

const STARTED: u64 = 1 << 16;
const ENDED: u64 = 1 << 28;
const COUNT: u64 = 0xfff;
const STATE_SHIFT: u32 = 40;
const FLAGS_SHIFT: u32 = 42;
const GENERATION_SHIFT: u32 = 48;
const OPEN: u64 = 1;
const KEPT: u64 = 2;
const DROPPED: u64 = 3;

impl Head {
    fn first(self) -> u16 {
        self.0 as u16
    }

    fn started(self) -> u64 {
        (self.0 / STARTED) & COUNT
    }

    fn ended(self) -> u64 {
        (self.0 / ENDED) & COUNT
    }

    fn state(self) -> u64 {
        self.0 >> STATE_SHIFT & 3
    }

    fn flags(self) -> u64 {
        self.0 >> FLAGS_SHIFT & FLAGS
    }

    fn generation(self) -> u16 {
        (self.0 >> GENERATION_SHIFT) as u16
    }

    fn is_open(self, generation: u16) -> bool {
        self.generation() == generation && self.state() == OPEN
    }
}

/// What became of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Kept,
    Dropped,
    /// The slot has had another group since.
    Gone,
}

/// Whether a span may begin in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    Joined,
    Full,
    Late(State),
}

/// A group that has just been closed: its spans but the root, as up to two lists.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Those of the root's own thread.
    pub(crate) own: u16,
    /// Those that ended by exchange.
    pub(crate) shared: u16,
    /// How many there are in both.
    pub(crate) count: u16,
    pub(crate) flags: u64,
    pub(crate) kept: bool,
}

impl Group {
    pub(crate) fn new() -> Group {
        Group { head: AtomicU64::new(0), own: AtomicU64::new(0) }
    }

    /// Begins a group; the caller owns the slot. Its generation.
    #[inline(always)]
    pub(crate) fn open(&self, flags: u64) -> u16 {
        let before = Head(self.head.load(Ordering::Relaxed));
        let generation = before.generation().wrapping_add(1);
        let head = u64::from(NIL)
            | STARTED
            | OPEN << STATE_SHIFT
            | flags << FLAGS_SHIFT
            | u64::from(generation) << GENERATION_SHIFT;
        self.own.store(u64::from(NIL), Ordering::Relaxed);
        self.head.store(head, Ordering::Release);
        generation
    }

    fn state(head: Head, generation: u16) -> State {
        match head.state() {
            _ if head.generation() != generation => State::Gone,
            OPEN => State::Open,
            KEPT => State::Kept,
            _ => State::Dropped,
        }
    }

    /// Counts a span that begins, if the group is open with fewer than `most`.
    pub(crate) fn join(&self, generation: u16, most: u64) -> Join {
        let mut seen = self.head.load(Ordering::Acquire);
        loop {
            let head = Head(seen);
            if !head.is_open(generation) {
                return Join::Late(Group::state(head, generation));
            }
            if head.started() + self.own_started() >= most {
                return Join::Full;
            }
            let (ok, fail) = (Ordering::AcqRel, Ordering::Acquire);
            match self.head.compare_exchange_weak(seen, seen + STARTED, ok, fail) {
                Ok(_) => return Join::Joined,
                Err(now) => seen = now,
            }
        }
    }

    fn own_started(&self) -> u64 {
        Head(self.own.load(Ordering::Relaxed)).started()
    }

    /// The same on the root's own thread.
    #[inline(always)]
    pub(crate) fn join_own(&self, generation: u16, most: u64) -> Join {
        let head = Head(self.head.load(Ordering::Relaxed));
        if !head.is_open(generation) {
            return Join::Late(Group::state(head, generation));
        }
        let own = self.own.load(Ordering::Relaxed);
        if head.started() + Head(own).started() >= most {
            return Join::Full;
        }
        self.own.store(own + STARTED, Ordering::Relaxed);
        Join::Joined
    }

    /// Puts a span that has ended on the list, unless the group is no longer open.
    pub(crate) fn push(&self, generation: u16, slot: u16, flags: u64, next: &AtomicU16) -> State {
        let mut seen = self.head.load(Ordering::Relaxed);
        loop {
            let head = Head(seen);
            if !head.is_open(generation) {
                return Group::state(head, generation);
            }
            next.store(head.first(), Ordering::Relaxed);
            let pushed = (seen & !0xffff | u64::from(slot) | flags << FLAGS_SHIFT) + ENDED;
            // Release: the root's end sees the span as its owner left it.
            match self.head.compare_exchange_weak(seen, pushed, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return State::Open,
                Err(now) => seen = now,
            }
        }
    }

    /// The same on the root's own thread.
    #[inline(always)]
    pub(crate) fn push_own(
        &self,
        generation: u16,
        slot: u16,
        flags: u64,
        next: &AtomicU16,
    ) -> State {
        let head = Head(self.head.load(Ordering::Relaxed));
        if !head.is_open(generation) {
            return Group::state(head, generation);
        }
        let own = self.own.load(Ordering::Relaxed);
        next.store(own as u16, Ordering::Relaxed);
        let pushed = (own & !0xffff | u64::from(slot) | flags << FLAGS_SHIFT) + ENDED;
        self.own.store(pushed, Ordering::Relaxed);
        State::Open
    }

    /// Says more about an open group.
    pub(crate) fn mark(&self, generation: u16, flags: u64) {
        let mut seen = self.head.load(Ordering::Relaxed);
        while Head(seen).is_open(generation) {
            let next = seen | flags << FLAGS_SHIFT;
            let (ok, fail) = (Ordering::Relaxed, Ordering::Relaxed);
            match self.head.compare_exchange_weak(seen, next, ok, fail) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// Ends the group. Only the root's owner does, once: `flags` are the root's own, and `keep`
    /// decides by those of all.
    #[inline(always)]
    pub(crate) fn close(&self, flags: u64, keep: impl Fn(u64) -> bool) -> Closed {
        let own = Head(self.own.load(Ordering::Relaxed));
        let mut seen = self.head.load(Ordering::Relaxed);
        loop {
            let head = Head(seen);
            let flags = flags | own.flags() | head.flags();
            let kept = keep(flags);
            let state = if kept { KEPT } else { DROPPED };
            let next = seen & !(3 << STATE_SHIFT) | state << STATE_SHIFT;
            // Acquire: the spans on the list are seen as their owners left them.
            match self.head.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    let count = (own.ended() + head.ended()) as u16;
                    return Closed { own: own.first(), shared: head.first(), count, flags, kept };
                }
                Err(now) => seen = now,
            }
        }
    }

    /// A word that nobody else uses between the end of a group and the next one in this slot.
    pub(crate) fn spare(&self) -> &AtomicU64 {
        &self.own
    }
}
