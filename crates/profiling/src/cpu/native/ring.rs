//! Samples on their way from signal handlers to the sampler.

use crate::sync::{AtomicU64, Ordering};

/// Words of the ring: 32 KiB, which is some 90 stacks of 40 frames, or 15 ms of 64 busy threads at
/// 99 Hz. The sampler comes more often as it fills.
pub(crate) const WORDS: usize = if cfg!(loom) { 8 } else { 4096 };

/// How often a handler tries to get a place, when others get theirs at the same moment.
const TRIES: usize = 8;

/// The first word of a record has its length in its lowest 16 bits, never 0, and this bit where the
/// record only fills up the ring's end.
const PADDING: u64 = 1 << 63;
const LENGTH: u64 = 0xffff;

/// A queue of records of whole words, for many writers and one reader, in memory that begins as zeroes.
///
/// A writer reserves its place by moving `head`, writes its words and last of all the first one, which
/// says that the record is whole. The reader takes records in order, stops at the first that is not
/// whole, and zeroes what it took before it moves `tail`: so a first word of 0 always means that
/// nothing is there yet. Nobody waits for anybody; a writer that finds no room, or is beaten to it
/// [`TRIES`] times, gives up.
#[repr(C)]
pub(crate) struct Ring {
    /// Words reserved since the beginning.
    head: AtomicU64,
    /// Words taken since the beginning.
    tail: AtomicU64,
    words: [AtomicU64; WORDS],
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Ring {
    #[cfg(any(test, loom))]
    pub(crate) fn new() -> Ring {
        Ring {
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Puts a record in: `first`, whose lowest 16 bits are made its length, and what `rest` gives.
    ///
    /// A signal handler may call this: it takes no lock and calls nothing.
    #[inline]
    pub(crate) fn push(&self, first: u64, rest: &[&[u64]]) -> Result<(), Full> {
        let length = 1 + rest.iter().map(|part| part.len()).sum::<usize>();
        let at = self.reserve(length).ok_or(Full)?;
        let words = rest.iter().flat_map(|part| part.iter());
        for (offset, word) in words.enumerate() {
            self.words[at + 1 + offset].store(*word, Ordering::Relaxed);
        }
        // Release: whoever sees that the record is whole sees its words.
        self.words[at].store(first & !LENGTH | length as u64, Ordering::Release);
        Ok(())
    }

    /// Where `length` words in a row are this writer's.
    #[inline]
    fn reserve(&self, length: usize) -> Option<usize> {
        for _ in 0..TRIES {
            let head = self.head.load(Ordering::Relaxed);
            let at = head as usize % WORDS;
            let padding = if at + length > WORDS { WORDS - at } else { 0 };
            let next = head + (padding + length) as u64;
            // Acquire: the zeroes that the reader left are there before what is written over them.
            if next - self.tail.load(Ordering::Acquire) > WORDS as u64 {
                return None;
            }
            let moved =
                self.head.compare_exchange(head, next, Ordering::Relaxed, Ordering::Relaxed);
            if moved.is_ok() {
                if padding > 0 {
                    self.words[at].store(PADDING | padding as u64, Ordering::Release);
                    return Some(0);
                }
                return Some(at);
            }
        }
        None
    }

    /// Shows `see` each whole record, oldest first, with its first word; gives back how many words it took.
    ///
    /// Only one thread at a time may read.
    pub(crate) fn drain(&self, mut see: impl FnMut(u64, &[u64])) -> usize {
        let mut record = [0_u64; MOST_WORDS];
        let begun = self.tail.load(Ordering::Relaxed);
        let mut tail = begun;
        loop {
            let at = tail as usize % WORDS;
            let first = self.words[at].load(Ordering::Acquire);
            // one round at the most: writers may be as quick as this
            if first == 0 || tail - begun >= WORDS as u64 {
                return (tail - begun) as usize;
            }
            let length = (first & LENGTH) as usize;
            if first & PADDING == 0 {
                let kept = length.min(MOST_WORDS + 1) - 1;
                for (offset, word) in record[..kept].iter_mut().enumerate() {
                    *word = self.words[at + 1 + offset].load(Ordering::Relaxed);
                }
                see(first, &record[..kept]);
            }
            for word in &self.words[at..at + length] {
                word.store(0, Ordering::Relaxed);
            }
            tail += length as u64;
            self.tail.store(tail, Ordering::Release);
        }
    }
}

/// The longest record, without its first word.
pub(crate) const MOST_WORDS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn drained(ring: &Ring) -> Vec<Vec<u64>> {
        let mut records = Vec::new();
        ring.drain(|first, rest| {
            records.push([&[first & !LENGTH], rest].concat());
        });
        records
    }

    #[test]
    fn a_ring_that_is_full_refuses_until_it_is_read() {
        let ring = Ring::new();
        let record = [7; 63];
        let taken = (0..).take_while(|_| ring.push(1 << 16, &[&record]).is_ok()).count();
        assert_eq!(taken, WORDS / 64);
        assert_eq!(drained(&ring).len(), taken);
        assert_eq!(ring.push(1 << 16, &[&record]), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_in_order(
            steps in prop::collection::vec(prop_oneof![
                (0_usize..MOST_WORDS).prop_map(Some),
                Just(None),
            ], 0..400),
        ) {
            let ring = Ring::new();
            let mut model = VecDeque::new();
            for (number, step) in steps.into_iter().enumerate() {
                let first = (number as u64 + 1) << 16;
                match step {
                    Some(length) => {
                        let words = vec![number as u64; length];
                        let (left, right) = words.split_at(length / 2);
                        if ring.push(first, &[left, right]).is_ok() {
                            model.push_back([vec![first], words].concat());
                        }
                    }
                    None => prop_assert_eq!(drained(&ring), model.drain(..).collect::<Vec<_>>()),
                }
            }
            prop_assert_eq!(drained(&ring), Vec::from(model));
        }
    }
}
