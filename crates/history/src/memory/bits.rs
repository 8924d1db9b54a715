//! Numbers of any number of bits, one behind another.

/// Bytes that a reader may look at beyond the end of what was written.
pub(super) const PADDING: usize = 8;

/// Appends bits to a block, the highest first.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    block: &'a mut [u8],
    pub(super) at: usize,
    /// Whether something had no room.
    pub(super) full: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(block: &'a mut [u8], at: usize) -> Writer<'a> {
        Writer { block, at, full: false }
    }

    /// The lowest `count` bits of `value`.
    pub(super) fn put(&mut self, value: u64, count: u32) {
        if self.full || self.at + count as usize > self.block.len() * 8 {
            self.full = true;
            return;
        }
        let mut left = count;
        while left > 0 {
            let (index, used) = (self.at / 8, (self.at % 8) as u32);
            let now = left.min(8 - used);
            let bits = (value >> (left - now)) as u8 & (0xff >> (8 - now));
            let shift = 8 - used - now;
            let mask = (0xff_u8 >> (8 - now)) << shift;
            self.block[index] = (self.block[index] & !mask) | (bits << shift);
            self.at += now as usize;
            left -= now;
        }
    }

    pub(super) fn put_64(&mut self, value: u64) {
        self.put(value, 64);
    }

    /// A number behind its length.
    pub(super) fn put_sized(&mut self, value: u64) {
        let length = (64 - value.leading_zeros()).min(63);
        self.put(u64::from(length), 6);
        self.put(value, sized(length));
    }
}

/// Bits that are sure to be there when one looks ahead.
const PEEKED: u32 = 57;

/// Reads bits; beyond the end there are zeros.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// What comes next, at least [`PEEKED`] bits of it.
    #[inline(always)]
    fn peek(&self) -> u64 {
        let start = self.at / 8;
        let bytes = self.bytes.get(start..start + 8).and_then(|bytes| bytes.try_into().ok());
        u64::from_be_bytes(bytes.unwrap_or_default()) << (self.at % 8)
    }

    /// The next `count` bits, at most 57.
    #[inline(always)]
    pub(super) fn get(&mut self, count: u32) -> u64 {
        let value = self.peek().checked_shr(64 - count).unwrap_or(0);
        self.at += count as usize;
        value
    }

    #[inline]
    pub(super) fn get_64(&mut self) -> u64 {
        let high = self.get(32);
        high << 32 | self.get(32)
    }

    pub(super) fn get_sized(&mut self) -> u64 {
        let length = sized(self.get(6) as u32);
        let high = self.get(length.saturating_sub(32));
        let low_bits = length.min(32);
        high << low_bits | self.get(low_bits)
    }

    /// How many ones come next, at most `most`, and the `count` bits behind the zero that ends them; nothing but the ones
    /// if they are as many as may be.
    #[inline(always)]
    pub(super) fn get_ones_and(&mut self, most: u32, count: u32) -> (u32, u64) {
        let next = self.peek();
        let ones = next.leading_ones().min(most);
        let head = ones + u32::from(ones < most);
        if ones == most || head + count > PEEKED {
            self.at += head as usize;
            return (ones, if ones == most { 0 } else { self.get(count) });
        }
        self.at += (head + count) as usize;
        // Two shifts, as one by 64 is none.
        (ones, next << head >> 1 >> (63 - count))
    }
}

/// The bits behind a length of six bits, the longest of which stands for all 64.
fn sized(length: u32) -> u32 {
    if length == 63 { 64 } else { length }
}

/// Small numbers for small distances to both sides.
#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[inline(always)]
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_come_back_as_they_went_in(
            numbers in prop::collection::vec((any::<u64>(), 1u32..=57), 0..40)
        ) {
            let mut block = vec![0xaa; 40 * 8];
            let mut writer = Writer::new(&mut block, 0);
            for (value, count) in &numbers {
                writer.put(*value, *count);
                writer.put_sized(*value >> (count / 2));
            }
            let full = writer.full;
            block.resize(40 * 8 + PADDING, 0);
            let mut reader = Reader::new(&block);
            for (value, count) in numbers.iter().take(if full { 0 } else { 40 }) {
                prop_assert_eq!(reader.get(*count), value & (u64::MAX >> (64 - count)));
                prop_assert_eq!(reader.get_sized(), value >> (count / 2));
            }
        }

        #[test]
        fn zigzag_goes_back(value: i64) {
            prop_assert_eq!(unzigzag(zigzag(value)), value);
        }
    }
}
