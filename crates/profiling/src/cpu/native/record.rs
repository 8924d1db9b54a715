//! A sample as the ring carries it.

use perf_monitor_core::Context;

use super::ring::{Full, MOST_WORDS, Ring};
use crate::walk::MOST_FRAMES;

/// In the first word, above the length: the slot's number.
const SLOT_SHIFT: u32 = 16;
/// How many periods the sample stands for.
const PERIODS_SHIFT: u32 = 32;
/// The thread is in a span, whose context follows.
const IN_SPAN: u64 = 1 << 48;
/// There were more callers than those that were found.
const CUT: u64 = 1 << 49;

const _: () = assert!(MOST_FRAMES + 4 <= MOST_WORDS);

/// A sample, taken out of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) slot: usize,
    pub(crate) periods: u32,
    pub(crate) context: Option<Context>,
    /// Where the thread was.
    pub(crate) code: u64,
    /// The addresses that its callers go on at, innermost first.
    pub(crate) callers: &'a [u64],
    /// Whether there are callers beyond those.
    pub(crate) cut: bool,
}

impl Record<'_> {
    /// Puts it into `ring`.
    #[inline]
    pub(crate) fn push(&self, ring: &Ring) -> Result<(), Full> {
        let periods = u64::from(self.periods.min(0xffff));
        let mut first = (self.slot as u64) << SLOT_SHIFT | periods << PERIODS_SHIFT;
        first |= if self.cut { CUT } else { 0 };
        match self.context {
            Some(Context { trace_id, name_id, .. }) => {
                let span = [u64::from(name_id), (trace_id >> 64) as u64, trace_id as u64];
                ring.push(first | IN_SPAN, &[&span, &[self.code], self.callers])
            }
            None => ring.push(first, &[&[self.code], self.callers]),
        }
    }

    /// Reads what [`push`](Self::push) wrote. The span's own id is not carried.
    pub(crate) fn read(first: u64, rest: &[u64]) -> Option<Record<'_>> {
        let (context, rest) = match rest {
            [name, high, low, rest @ ..] if first & IN_SPAN != 0 => {
                let trace_id = u128::from(*high) << 64 | u128::from(*low);
                (Some(Context { trace_id, span_id: 0, name_id: *name as u32 }), rest)
            }
            rest => (None, rest),
        };
        let (code, callers) = rest.split_first()?;
        Some(Record {
            slot: (first >> SLOT_SHIFT) as usize & 0xffff,
            periods: (first >> PERIODS_SHIFT) as u32 & 0xffff,
            context,
            code: *code,
            callers,
            cut: first & CUT != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            slot in 0_usize..512,
            periods in 1_u32..70_000,
            span: Option<(u128, u32)>,
            code: u64,
            callers in prop::collection::vec(any::<u64>(), 0..=MOST_FRAMES),
            cut: bool,
        ) {
            let context =
                span.map(|(trace_id, name_id)| Context { trace_id, span_id: 0, name_id });
            let record = Record { slot, periods, context, code, callers: &callers, cut };
            let ring = Ring::new();
            prop_assert!(record.push(&ring).is_ok());
            let expected = Record { periods: periods.min(0xffff), ..record };
            ring.drain(|first, rest| assert_eq!(Record::read(first, rest), Some(expected)));
        }
    }
}
