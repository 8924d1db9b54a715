//! How to get from code without a frame of its own to its caller.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::registers::Registers;
use crate::walk::plain;

/// Pieces of code that are known at once.
pub(crate) const ROWS: usize = 384;

/// A longer piece is known in part.
const LONGEST: u64 = 0xffff;

/// The frame pointer of a function that has none, or has not set it up yet or any more, is that of a
/// caller: whoever follows it passes over who called. The tables that a program has for its exceptions
/// tell where the caller's address lies then. The sampler reads them for code that it has seen, and puts
/// what they say here in a form that a handler can use.
///
/// There are two tables: handlers read the one while the sampler fills the other. One that is so slow
/// that the sampler comes round may mix two rows. That costs a frame of its sample and no more, since
/// whatever a row says is only read within the thread's stack.
#[repr(C)]
pub(crate) struct Rows {
    current: AtomicUsize,
    tables: [Table; 2],
}

#[repr(C)]
struct Table {
    count: AtomicUsize,
    /// Where the code begins and how long it is, in the order of addresses.
    ranges: [AtomicU64; ROWS],
    steps: [AtomicU32; ROWS],
}

/// What leads from one piece of code to its caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Words from the stack pointer to where the caller's stack begins; [`MOST_WORDS`](Step::MOST_WORDS) at most.
    pub(crate) size: u16,
    /// Words below that where the caller's frame pointer was put; 0 if the register still has it. As of `back`,
    /// [`MOST_BELOW`](Step::MOST_BELOW) at most.
    pub(crate) saved: u16,
    /// Words below that where the address to go back to is; 0 if the link register has it. x86-64 has none: a call puts
    /// the address just below the caller's stack.
    pub(crate) back: u16,
}

/// A piece of code with its step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) step: Step,
}

impl Row {
    /// At most [`LONGEST`] bytes of it, with `address` among them.
    pub(crate) fn around(self, address: u64) -> Row {
        let start = self.start.max(address.saturating_sub(LONGEST / 2));
        Row { start, end: self.end.min(start + LONGEST), ..self }
    }
}

impl Rows {
    /// The step from `code`, if it is known to need one.
    #[inline]
    pub(crate) fn step(&self, code: u64) -> Option<Step> {
        let table = &self.tables[self.current.load(Ordering::Acquire) % 2];
        let (mut low, mut high) = (0, table.count.load(Ordering::Relaxed).min(ROWS));
        while low < high {
            let middle = low.midpoint(high);
            let range = table.ranges[middle].load(Ordering::Relaxed);
            let start = range >> 16;
            if code < start {
                high = middle;
            } else if code >= start + (range & LONGEST) {
                low = middle + 1;
            } else {
                return Some(Step::unpacked(table.steps[middle].load(Ordering::Relaxed)));
            }
        }
        None
    }

    /// Adds `rows`, which it puts in order, to what is known; without room for them, they alone are known
    /// then. Only the sampler may call this. It allocates nothing.
    pub(crate) fn add(&self, rows: &mut [Row]) {
        rows.sort_unstable_by_key(|row| row.start);
        let known = self.tables[self.current.load(Ordering::Relaxed) % 2].rows();
        let fit = known.len() + rows.len() <= ROWS;
        let mut known = known.take(if fit { ROWS } else { 0 }).peekable();
        let mut added = rows.iter().copied().filter(|row| row.end > row.start).peekable();
        self.put(std::iter::from_fn(|| match (known.peek(), added.peek()) {
            (Some(one), Some(other)) if other.start < one.start => added.next(),
            (None, _) => added.next(),
            _ => known.next(),
        }));
    }

    /// Forgets all, since other code may be there now.
    pub(crate) fn clear(&self) {
        self.put(std::iter::empty());
    }

    /// Fills the table that is not used with `rows`, which come in the order of addresses, and uses it from
    /// then on. Of those that begin at one address only the first is put in.
    fn put(&self, rows: impl Iterator<Item = Row>) {
        let next = self.current.load(Ordering::Relaxed) + 1;
        let table = &self.tables[next % 2];
        let (mut count, mut last) = (0, None);
        for row in rows {
            if count < ROWS && last != Some(row.start) {
                table.write(count, row);
                (count, last) = (count + 1, Some(row.start));
            }
        }
        table.count.store(count, Ordering::Relaxed);
        // Release: a handler that takes the new table sees its rows.
        self.current.store(next, Ordering::Release);
    }
}

impl Table {
    fn rows(&self) -> impl ExactSizeIterator<Item = Row> + '_ {
        let row = |at: usize| {
            let range = self.ranges[at].load(Ordering::Relaxed);
            let step = self.steps[at].load(Ordering::Relaxed);
            let (start, length) = (range >> 16, range & LONGEST);
            Row { start, end: start + length, step: Step::unpacked(step) }
        };
        (0..self.count.load(Ordering::Relaxed)).map(row)
    }

    fn write(&self, at: usize, row: Row) {
        let range = row.start << 16 | (row.end - row.start).min(LONGEST);
        self.ranges[at].store(range, Ordering::Relaxed);
        self.steps[at].store(row.step.packed(), Ordering::Relaxed);
    }
}

impl Step {
    pub(crate) const MOST_WORDS: u16 = (1 << 14) - 1;
    pub(crate) const MOST_BELOW: u16 = (1 << 9) - 1;

    fn packed(self) -> u32 {
        u32::from(self.size) | u32::from(self.saved) << 14 | u32::from(self.back) << 23
    }

    fn unpacked(word: u32) -> Step {
        let bits = |from: u32, most: u16| (word >> from) as u16 & most;
        Step {
            size: bits(0, Step::MOST_WORDS),
            saved: bits(14, Step::MOST_BELOW),
            back: bits(23, Step::MOST_BELOW),
        }
    }

    /// The caller's registers: where it goes on, and its stack and frame. `None` if that is not in
    /// the stack below `high`, or in a link register that is not known.
    ///
    /// # Safety
    /// From the stack pointer to `high` memory can be read.
    #[inline]
    pub(crate) unsafe fn take(self, from: Registers, high: u64) -> Option<Registers> {
        let stack = from.stack.checked_add(8 * u64::from(self.size)).filter(|end| *end <= high)?;
        let known = if self.back == 0 { from.link != 0 } else { self.back <= self.size };
        if !from.stack.is_multiple_of(8) || !known || self.saved > self.size {
            return None;
        }
        let word = |below: u16| {
            // SAFETY: it lies between the stack pointer and `high`, and is aligned as that is.
            unsafe { ((stack - 8 * u64::from(below)) as *const u64).read_volatile() }
        };
        let frame = if self.saved == 0 { from.frame } else { word(self.saved) };
        let code = if self.back == 0 { from.link } else { word(self.back) };
        Some(Registers { code: plain(code), stack, frame, link: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows() -> Rows {
        let table = || Table {
            count: AtomicUsize::new(0),
            ranges: std::array::from_fn(|_| AtomicU64::new(0)),
            steps: std::array::from_fn(|_| AtomicU32::new(0)),
        };
        Rows { current: AtomicUsize::new(0), tables: [table(), table()] }
    }

    fn row(start: u64, end: u64, size: u16) -> Row {
        Row { start, end, step: Step { size, saved: 0, back: 1 } }
    }

    #[test]
    fn more_than_there_is_room_for_begins_anew() {
        let rows = rows();
        for batch in 0..20_u64 {
            let mut some: Vec<_> = (0..30)
                .map(|n| row(1_000 * batch + 10 * n, 1_000 * batch + 10 * n + 5, 1))
                .collect();
            rows.add(&mut some);
            assert!(rows.step(1_000 * batch).is_some());
        }
        assert!(rows.step(0).is_none());
        rows.clear();
        assert!(rows.step(19_000).is_none());
    }

    #[test]
    fn a_long_piece_is_known_around_what_was_looked_for() {
        let long = row(1 << 20, 1 << 24, 1).around(1 << 22);
        assert!(long.start <= 1 << 22 && long.end > 1 << 22 && long.end - long.start == LONGEST);
        assert_eq!(row(10, 20, 1).around(12), row(10, 20, 1));
    }

    #[test]
    fn a_step_leads_to_the_caller() {
        let stack = [0_u64, 77, 4_000, 0, 0];
        let at = stack.as_ptr() as u64;
        let from = Registers { code: 0, stack: at, frame: 5, link: 0 };
        let high = at + 8 * stack.len() as u64;
        // SAFETY: the range is that of the array.
        let take = |step: Step, high| unsafe { step.take(from, high) };
        let step = |size, saved, back| Step { size, saved, back };
        let up = take(step(3, 2, 1), high).unwrap();
        assert_eq!((up.code, up.stack, up.frame), (4_000, at + 24, 77));
        assert_eq!(take(step(3, 0, 1), high).unwrap().frame, 5);
        // as of arm64, both lie at the lower end
        let up = take(step(5, 4, 3), high).unwrap();
        assert_eq!((up.code, up.stack, up.frame), (4_000, high, 77));
        for wrong in [step(6, 0, 1), step(0, 0, 1), step(1, 2, 1), step(1, 0, 2), step(3, 0, 0)] {
            assert!(take(wrong, high).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_function_that_has_called_nothing_goes_back_to_its_link_once() {
        let from = Registers { code: 0, stack: 4_096, frame: 5, link: 4_000 };
        let leaf = Step { size: 0, saved: 0, back: 0 };
        // SAFETY: nothing is read.
        let up = unsafe { leaf.take(from, 8_192) }.unwrap();
        assert_eq!((up.code, up.stack, up.frame, up.link), (4_000, 4_096, 5, 0));
        // SAFETY: as above.
        assert!(unsafe { leaf.take(up, 8_192) }.is_none());
    }

    #[test]
    fn steps_are_packed_without_loss() {
        let most = Step { size: Step::MOST_WORDS, saved: Step::MOST_BELOW, back: Step::MOST_BELOW };
        for step in [most, Step::default(), Step { size: 3, saved: 2, back: 1 }] {
            assert_eq!(Step::unpacked(step.packed()), step);
        }
    }

    proptest! {
        #[test]
        fn the_row_is_the_one_whose_code_it_is(
            lengths in prop::collection::vec((0_u64..50, 1_u64..50), 0..100),
            asked in prop::collection::vec(0_u64..6_000, 0..50),
        ) {
            let mut at = 0;
            let all: Vec<Row> = lengths.iter().zip(1..).map(|((gap, length), size)| {
                let start = at + gap;
                at = start + length;
                row(start, at, size)
            }).collect();
            let rows = rows();
            let mut added = all.clone();
            added.reverse();
            added.chunks_mut(7).for_each(|some| rows.add(some));
            all.iter().take(50).for_each(|row| rows.add(&mut [*row])); // once more
            for address in asked {
                let expected = all.iter().find(|row| (row.start..row.end).contains(&address));
                prop_assert_eq!(rows.step(address), expected.map(|row| row.step));
            }
        }
    }
}
