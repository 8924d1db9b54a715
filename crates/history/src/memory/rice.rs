//! Numbers that are mostly small, in a code that follows how small.

use super::bits::{Reader, Writer};

/// Ones before a number that is too large for the code; what follows them is up to whoever reads.
pub(super) const ESCAPE: u32 = 20;

/// More low bits than this are not read at once.
const MOST_LOW_BITS: u32 = 56;

/// An adaptive Rice code: a number's low bits as they are, the rest in ones. How many bits are low follows the mean
/// of the latest numbers, so that a number takes little more than its noise, whatever the series; one that stands
/// still takes a bit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rice {
    /// Eight times the mean.
    mean: u64,
}

impl Rice {
    #[inline]
    fn low_bits(self) -> u32 {
        let share = (self.mean >> 3) - (self.mean >> 5).min(self.mean >> 3);
        (u64::BITS - share.leading_zeros()).min(MOST_LOW_BITS)
    }

    #[inline]
    fn learn(&mut self, value: u64) {
        self.mean = self.mean - (self.mean >> 3) + value;
    }

    /// Writes `value`, or an escape and false if it is too large.
    pub(super) fn put(&mut self, writer: &mut Writer<'_>, value: u64) -> bool {
        let low = self.low_bits();
        let ones = value >> low;
        if ones >= u64::from(ESCAPE) {
            writer.put(u64::MAX, ESCAPE);
            return false;
        }
        writer.put(u64::MAX << 1, ones as u32 + 1);
        writer.put(value, low);
        self.learn(value);
        true
    }

    /// The next number; `None` for an escape.
    #[inline]
    pub(super) fn get(&mut self, reader: &mut Reader<'_>) -> Option<u64> {
        let low = self.low_bits();
        let ones = reader.get_ones(ESCAPE);
        if ones == ESCAPE {
            return None;
        }
        let value = u64::from(ones) << low | reader.get(low);
        self.learn(value);
        Some(value)
    }

    /// Begins a block: the state in few bits, which both sides go on from.
    pub(super) fn begin(&mut self, writer: &mut Writer<'_>) {
        let length = u64::BITS - self.mean.leading_zeros();
        writer.put(u64::from(length.min(63)), 6);
        *self = Rice::of_length(length.min(63));
    }

    pub(super) fn begun(reader: &mut Reader<'_>) -> Rice {
        Rice::of_length(reader.get(6) as u32)
    }

    fn of_length(length: u32) -> Rice {
        Rice { mean: (3 << length) >> 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::PADDING;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_escapes_come_back(
            numbers in prop::collection::vec((any::<u64>(), 0u32..64), 0..60)
        ) {
            let mut block = vec![0; 1_000];
            let mut writer = Writer::new(&mut block, 0);
            let mut rice = Rice::default();
            let numbers = numbers.iter().map(|(number, shift)| number >> shift);
            rice.begin(&mut writer);
            let kept: Vec<Option<u64>> =
                numbers.map(|n| rice.put(&mut writer, n).then_some(n)).collect();
            prop_assert!(!writer.full);
            block.resize(1_000 + PADDING, 0);
            let mut reader = Reader::new(&block);
            let mut rice = Rice::begun(&mut reader);
            for number in kept {
                prop_assert_eq!(rice.get(&mut reader), number);
            }
        }
    }
}
