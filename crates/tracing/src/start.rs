//! What is known of a span as it begins.

use crate::context::SpanContext;

/// What a span begins below.
#[derive(Clone, Copy)]
pub(crate) enum Parent<'a> {
    /// Nothing: it is the root of a new trace.
    Root,
    /// What the calling thread is in.
    Current,
    /// A span of this process, by its id alone.
    Id(u64),
    Context(&'a SpanContext),
    /// Nothing, as none of it is recorded.
    Untraced,
}

/// How a span begins.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) name: u16,
    pub(crate) kind: u8,
    pub(crate) forced: bool,
    pub(crate) how: How,
    pub(crate) parent: Parent<'a>,
}

/// Who ends a span.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// A guard, on the thread that began it.
    Here,
    /// A value, anywhere.
    Owned,
    /// Whoever has the id; there is nothing but the slot to remember it by.
    ById,
}

/// A span that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    /// In halves: as one number it went through memory as two words in and one vector out, which costs
    /// 4 ns.
    pub(crate) trace: [u64; 2],
    pub(crate) id: u64,
    pub(crate) start_ns: u64,
    /// [`NIL`] if it is not recorded.
    pub(crate) slot: u16,
    pub(crate) name: u16,
    pub(crate) group: u16,
    pub(crate) generation: u16,
    /// Flags of its log.
    pub(crate) flags: u64,
}

impl Begun {
    #[inline(always)]
    pub(crate) fn trace(&self) -> u128 {
        let [high, low] = self.trace;
        u128::from(high) << 64 | u128::from(low)
    }
}

#[inline(always)]
pub(crate) fn halves(trace: u128) -> [u64; 2] {
    [(trace >> 64) as u64, trace as u64]
}
