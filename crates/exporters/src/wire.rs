//! Messages of protobuf, written field by field into one buffer.

/// Writes what a decoder reads; fields of the default value are left to the caller to leave out.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    bytes: Vec<u8>,
}

/// How a field's value is written, in the lowest bits of its key.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

impl Wire {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes away what was written since there were `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    pub(crate) fn with_capacity(bytes: usize) -> Wire {
        Wire { bytes: Vec::with_capacity(bytes) }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A message of this length, which the caller writes behind it.
    pub(crate) fn begin(&mut self, field: u32, length: usize) {
        self.key(field, BYTES);
        self.raw_varint(length as u64);
    }

    /// Fields that are encoded already.
    pub(crate) fn append(&mut self, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
    }

    #[inline]
    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    #[inline]
    fn key(&mut self, field: u32, how: u32) {
        self.raw_varint(u64::from(field << 3 | how));
    }

    /// An integer, a bool or an enumeration.
    #[inline]
    pub(crate) fn varint(&mut self, field: u32, value: u64) {
        self.key(field, VARINT);
        self.raw_varint(value);
    }

    #[inline]
    pub(crate) fn fixed64(&mut self, field: u32, value: u64) {
        self.key(field, FIXED64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn fixed32(&mut self, field: u32, value: u32) {
        self.key(field, FIXED32);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A text, bytes, or a message that is encoded already.
    #[inline]
    pub(crate) fn bytes_of(&mut self, field: u32, value: &[u8]) {
        self.key(field, BYTES);
        self.raw_varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// A text, unless it is empty.
    #[inline]
    pub(crate) fn text(&mut self, field: u32, value: &str) {
        if !value.is_empty() {
            self.bytes_of(field, value.as_bytes());
        }
    }

    /// A list of integers in one field, unless it is empty.
    pub(crate) fn packed(&mut self, field: u32, values: impl ExactSizeIterator<Item = u64>) {
        if values.len() > 0 {
            self.message(field, |wire| values.for_each(|value| wire.raw_varint(value)));
        }
    }

    /// A message within this one. Its length comes before it, in a byte; of a message over 127 bytes the length takes
    /// more, for which it is moved up.
    #[inline]
    pub(crate) fn message(&mut self, field: u32, write: impl FnOnce(&mut Wire)) {
        self.key(field, BYTES);
        let place = self.bytes.len();
        self.bytes.push(0);
        write(self);
        let length = self.bytes.len() - place - 1;
        match u8::try_from(length) {
            Ok(short) if short < 0x80 => self.bytes[place] = short,
            _ => self.lengthen(place, length),
        }
    }

    fn lengthen(&mut self, place: usize, length: usize) {
        let end = self.bytes.len();
        let more = varint_len(length as u64) - 1;
        self.bytes.resize(end + more, 0);
        self.bytes.copy_within(place + 1..end, place + 1 + more);
        let mut left = length;
        for byte in &mut self.bytes[place..place + more] {
            *byte = left as u8 | 0x80;
            left >>= 7;
        }
        self.bytes[place + more] = left as u8;
    }
}

/// Bytes that `value` takes.
pub(crate) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    /// The same fields, read by another implementation.
    #[derive(Clone, PartialEq, Message)]
    struct Tree {
        #[prost(uint64, tag = "1")]
        number: u64,
        #[prost(fixed64, tag = "2")]
        long: u64,
        #[prost(fixed32, tag = "3")]
        short: u32,
        #[prost(string, tag = "4")]
        text: String,
        #[prost(uint64, repeated, tag = "5")]
        numbers: Vec<u64>,
        #[prost(message, repeated, tag = "2000")]
        below: Vec<Tree>,
    }

    fn write(tree: &Tree, wire: &mut Wire) {
        wire.varint(1, tree.number);
        wire.fixed64(2, tree.long);
        wire.fixed32(3, tree.short);
        wire.text(4, &tree.text);
        wire.packed(5, tree.numbers.iter().copied());
        for below in &tree.below {
            wire.message(2000, |wire| write(below, wire));
        }
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let text = prop_oneof![".{0,3}", "x{100,300}", "y{16000,17000}"];
        let numbers = prop::collection::vec(any::<u64>(), 0..20);
        let leaf = (any::<u64>(), any::<u64>(), any::<u32>(), text, numbers).prop_map(
            |(number, long, short, text, numbers)| Tree {
                number,
                long,
                short,
                text,
                numbers,
                below: Vec::new(),
            },
        );
        leaf.prop_recursive(3, 12, 4, |tree| {
            (any::<u64>(), prop::collection::vec(tree, 0..4)).prop_map(|(number, below)| Tree {
                number,
                below,
                ..Tree::default()
            })
        })
    }

    proptest! {
        #[test]
        fn another_implementation_reads_what_was_written(tree in trees()) {
            let mut wire = Wire::default();
            write(&tree, &mut wire);
            prop_assert_eq!(Tree::decode(wire.bytes()).unwrap(), tree);
        }

        #[test]
        fn the_length_of_a_number_is_what_it_takes(value: u64, shift in 0..64) {
            let mut wire = Wire::default();
            wire.raw_varint(value >> shift);
            prop_assert_eq!(wire.len(), varint_len(value >> shift));
        }
    }
}
