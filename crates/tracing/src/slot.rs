//! One span as the pool keeps it, in a cache line.

use crate::free::NIL;
use crate::sync::{AtomicU16, AtomicU64, Ordering, fence};

/// A span that is open or ended, or nothing.
///
/// Protocol. Whoever took the slot from the free list writes it, then publishes it by its id, which no
/// other span ever has. A reader loads the id before and after what it wants: if both are the id that
/// it looks for, what it read belongs together. `id` is 0 while the slot is nobody's.
///
/// Only the span's owner writes `end_ns`; who owns a span that may be ended from anywhere is decided
/// by setting [`ENDED`] in `log`.
#[repr(align(64))]
pub(crate) struct Slot {
    pub(crate) id: AtomicU64,
    pub(crate) trace_high: AtomicU64,
    pub(crate) trace_low: AtomicU64,
    pub(crate) parent: AtomicU64,
    /// Nanoseconds since the tracer's origin.
    pub(crate) start_ns: AtomicU64,
    /// The same; 0 while the span is open.
    pub(crate) end_ns: AtomicU64,
    /// What follows: the slot below in the free list, the next span in the list of a trace.
    pub(crate) next: AtomicU16,
    pub(crate) name: AtomicU16,
    /// The slot of the local root, whose [`Group`](crate::group::Group) the span belongs to.
    pub(crate) group: AtomicU16,
    /// Which of the groups that this slot has had.
    pub(crate) generation: AtomicU16,
    /// See [`Log`].
    pub(crate) log: AtomicU64,
}

/// What changes while a span is open, in one word: the newest cell of its payload, its status, its
/// flags, and a mark of its id, so that an exchange meant for an earlier span fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Log(pub(crate) u64);

/// The span has ended.
pub(crate) const ENDED: u64 = 1 << 16;
/// The work failed.
pub(crate) const FAILED: u64 = 1 << 17;
/// Somebody said that the work came out well.
pub(crate) const FINE: u64 = 1 << 18;
const KIND_SHIFT: u32 = 19;
/// The trace was sampled as it began.
pub(crate) const SAMPLED: u64 = 1 << 22;
/// The trace is kept whatever happens.
pub(crate) const FORCED: u64 = 1 << 23;
/// It ends on the thread that began it, within a trace whose root does too: no exchange is needed.
pub(crate) const PLAIN: u64 = 1 << 24;
/// It has no parent in this process.
pub(crate) const ROOT: u64 = 1 << 25;
/// Its parent is in another process.
pub(crate) const REMOTE: u64 = 1 << 26;
/// It took longer than nearly all of its name.
pub(crate) const SLOW: u64 = 1 << 27;
/// The trace's id came from somebody who does not say that it is random.
pub(crate) const GIVEN: u64 = 1 << 29;
/// Its payload begins with a trace state.
pub(crate) const STATE: u64 = 1 << 30;
/// Its slot is for measuring it only.
pub(crate) const MEASURED: u64 = 1 << 28;
const LOST_SHIFT: u32 = 32;
const MARK_SHIFT: u32 = 40;

impl Log {
    /// An open span without payload; `sequence` marks it.
    #[inline(always)]
    pub(crate) fn open(flags: u64, kind: u8, sequence: u64) -> Log {
        Log(u64::from(NIL) | flags | u64::from(kind) << KIND_SHIFT | sequence << MARK_SHIFT)
    }

    #[inline(always)]
    pub(crate) fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    /// Whether it is of the span of this sequence.
    #[inline(always)]
    pub(crate) fn is_of(self, sequence: u64) -> bool {
        self.0 >> MARK_SHIFT == sequence << MARK_SHIFT >> MARK_SHIFT
    }

    /// The newest cell of its payload.
    #[inline(always)]
    pub(crate) fn cell(self) -> u16 {
        self.0 as u16
    }

    #[inline(always)]
    pub(crate) fn with_cell(self, cell: u16) -> Log {
        Log(self.0 & !0xffff | u64::from(cell))
    }

    pub(crate) fn kind(self) -> u64 {
        self.0 >> KIND_SHIFT & 7
    }

    pub(crate) fn with_kind(self, kind: u8) -> Log {
        Log(self.0 & !(7 << KIND_SHIFT) | u64::from(kind) << KIND_SHIFT)
    }

    /// Records of its payload that found no room, up to 255.
    pub(crate) fn lost(self) -> u8 {
        (self.0 >> LOST_SHIFT) as u8
    }

    /// With one more of them.
    pub(crate) fn with_loss(self) -> Log {
        if self.lost() == u8::MAX { self } else { Log(self.0 + (1 << LOST_SHIFT)) }
    }
}

/// What a span is when it begins.
pub(crate) struct Begin {
    pub(crate) id: u64,
    pub(crate) trace: u128,
    pub(crate) parent: u64,
    pub(crate) start_ns: u64,
    pub(crate) name: u16,
    pub(crate) group: u16,
    pub(crate) generation: u16,
    pub(crate) log: Log,
}

/// A slot as a reader sees it.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) trace: u128,
    pub(crate) parent: u64,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) name: u16,
    pub(crate) group: u16,
    pub(crate) generation: u16,
    pub(crate) log: Log,
}

impl Slot {
    pub(crate) fn new() -> Slot {
        Slot {
            id: AtomicU64::new(0),
            trace_high: AtomicU64::new(0),
            trace_low: AtomicU64::new(0),
            parent: AtomicU64::new(0),
            start_ns: AtomicU64::new(0),
            end_ns: AtomicU64::new(0),
            next: AtomicU16::new(NIL),
            name: AtomicU16::new(0),
            group: AtomicU16::new(NIL),
            generation: AtomicU16::new(0),
            log: AtomicU64::new(0),
        }
    }

    /// Writes a span. The caller owns the slot, whose id is 0.
    #[inline(always)]
    pub(crate) fn publish(&self, begin: &Begin) {
        // A reader that sees any of these also sees that the id was 0 before.
        fence(Ordering::Release);
        self.trace_high.store((begin.trace >> 64) as u64, Ordering::Relaxed);
        self.trace_low.store(begin.trace as u64, Ordering::Relaxed);
        self.parent.store(begin.parent, Ordering::Relaxed);
        self.start_ns.store(begin.start_ns, Ordering::Relaxed);
        self.end_ns.store(0, Ordering::Relaxed);
        self.name.store(begin.name, Ordering::Relaxed);
        self.group.store(begin.group, Ordering::Relaxed);
        self.generation.store(begin.generation, Ordering::Relaxed);
        self.log.store(begin.log.0, Ordering::Relaxed);
        self.id.store(begin.id, Ordering::Release);
    }

    /// The span in the slot, if there is one that stays while it is read.
    pub(crate) fn read(&self) -> Option<Seen> {
        let id = self.id.load(Ordering::Acquire);
        let seen = Seen {
            id,
            trace: self.trace(),
            parent: self.parent.load(Ordering::Relaxed),
            start_ns: self.start_ns.load(Ordering::Relaxed),
            end_ns: self.end_ns.load(Ordering::Relaxed),
            name: self.name.load(Ordering::Relaxed),
            group: self.group.load(Ordering::Relaxed),
            generation: self.generation.load(Ordering::Relaxed),
            log: Log(self.log.load(Ordering::Relaxed)),
        };
        fence(Ordering::Acquire);
        (id != 0 && self.id.load(Ordering::Relaxed) == id).then_some(seen)
    }

    /// The same, if it is the span of this id.
    pub(crate) fn read_if(&self, id: u64) -> Option<Seen> {
        self.read().filter(|seen| seen.id == id)
    }

    /// The trace of the span, for whoever knows that it stays.
    #[inline(always)]
    pub(crate) fn trace(&self) -> u128 {
        let high = u128::from(self.trace_high.load(Ordering::Relaxed));
        high << 64 | u128::from(self.trace_low.load(Ordering::Relaxed))
    }

    #[inline(always)]
    pub(crate) fn log(&self) -> Log {
        Log(self.log.load(Ordering::Relaxed))
    }

    /// Changes the log of the span `id` of this sequence, unless there is another one or it has
    /// ended: then what was found.
    pub(crate) fn change(
        &self,
        id: u64,
        sequence: u64,
        change: impl Fn(Log) -> Log,
    ) -> Result<Log, Refused> {
        let mut seen = self.log.load(Ordering::Acquire);
        loop {
            let log = Log(seen);
            // The id is looked at after the log: were it of an earlier span, the exchange fails.
            if !log.is_of(sequence) || self.id.load(Ordering::Acquire) != id {
                return Err(Refused::Gone);
            }
            if log.has(ENDED) {
                return Err(Refused::Ended);
            }
            let next = change(log).0;
            match self.log.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(log),
                Err(now) => seen = now,
            }
        }
    }
}

/// Why a span was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It has ended.
    Ended,
    /// Its slot is free, or another span's.
    Gone,
    /// A guard on another thread has it.
    Held,
}
