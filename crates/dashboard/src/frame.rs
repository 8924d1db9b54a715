//! Frames as they go over the wire, little-endian.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

const VERSION: u8 = 1;
const FULL: u8 = 1;
const CHANGES: u8 = 2;
const HISTORY: u8 = 3;
const HEADER_BYTES: usize = 16;

/// One reading of all columns of a group, for all of its clients.
pub(crate) struct Frame {
    head: Head,
    values: Arc<[f32]>,
    /// What changed since the frame before; `None` where all clients get all.
    changes: Option<Bytes>,
    /// Made for the first client that needs it.
    full: OnceLock<Bytes>,
}

#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) schema: u16,
    pub(crate) number: u32,
    pub(crate) unix_ms: f64,
}

impl Frame {
    /// A frame that all clients get whole.
    pub(crate) fn full(head: Head, values: &[f32]) -> Frame {
        Frame { head, values: values.into(), changes: None, full: OnceLock::new() }
    }

    /// A frame after `before`, which has as many columns.
    pub(crate) fn after(before: &Frame, head: Head, values: &[f32]) -> Frame {
        let changes = Some(changes(head, &before.values, values));
        Frame { head, values: values.into(), changes, full: OnceLock::new() }
    }

    pub(crate) fn number(&self) -> u32 {
        self.head.number
    }

    /// For a client that has the frame before.
    pub(crate) fn changes(&self) -> Option<Bytes> {
        self.changes.clone()
    }

    /// For a client that has not.
    pub(crate) fn whole(&self) -> Bytes {
        let make = || {
            let mut bytes = header(FULL, self.head, 4 * self.values.len());
            self.values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
            bytes.into()
        };
        self.full.get_or_init(make).clone()
    }

    pub(crate) fn bytes(&self) -> usize {
        let encoded = [self.changes.as_ref(), self.full.get()].into_iter().flatten();
        size_of::<Frame>() + size_of_val(&*self.values) + encoded.map(Bytes::len).sum::<usize>()
    }
}

fn header(kind: u8, head: Head, room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + room);
    bytes.extend([VERSION, kind]);
    bytes.extend(head.schema.to_le_bytes());
    bytes.extend(head.number.to_le_bytes());
    bytes.extend(head.unix_ms.to_le_bytes());
    bytes
}

fn changes(head: Head, before: &[f32], now: &[f32]) -> Bytes {
    let pairs = || before.iter().zip(now).map(|(before, now)| (before.to_bits(), now.to_bits()));
    let changed = pairs().filter(|(before, now)| before != now).count();
    let map = now.len().div_ceil(8);
    let mut bytes = header(CHANGES, head, map + 4 * changed);
    bytes.resize(HEADER_BYTES + map, 0);
    for (index, (_, now)) in pairs().enumerate().filter(|(_, (before, now))| before != now) {
        bytes[HEADER_BYTES + index / 8] |= 1 << (index % 8);
        bytes.extend(now.to_le_bytes());
    }
    bytes.into()
}

/// Points of a past: all columns at each of `at_ms`; `columns` are as many values each.
pub(crate) fn history(id: u64, at_ms: &[f64], columns: &[Vec<f32>]) -> Bytes {
    let unix_ms = at_ms.first().copied().unwrap_or(f64::NAN);
    let head = Head { schema: id as u16, number: at_ms.len() as u32, unix_ms };
    let mut bytes = header(HISTORY, head, at_ms.len() * (8 + 4 * columns.len()));
    at_ms.iter().for_each(|at| bytes.extend(at.to_le_bytes()));
    columns.iter().flatten().for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decoder::{Decoder, Kind};

    /// What a column may be: gaps, both zeroes, and few enough others that many stay as they are.
    fn value() -> impl Strategy<Value = f32> {
        prop_oneof![
            Just(f32::NAN),
            Just(0.0),
            Just(-0.0),
            Just(f32::INFINITY),
            Just(1.5),
            any::<f32>().prop_map(|x| if x.is_nan() { f32::NAN } else { x }),
        ]
    }

    fn readings() -> impl Strategy<Value = Vec<(Vec<f32>, bool, bool)>> {
        (0_usize..40).prop_flat_map(|columns| {
            let reading = (prop::collection::vec(value(), columns), any::<bool>(), any::<bool>());
            prop::collection::vec(reading, 1..30)
        })
    }

    proptest! {
        /// The slow model sends all columns each time.
        #[test]
        fn a_client_that_misses_frames_has_what_one_has_that_gets_all(readings in readings()) {
            let columns = readings[0].0.len();
            let head = |number| Head { schema: 513, number, unix_ms: 1.8e12 };
            let mut decoder = Decoder::new(513, columns);
            let (mut before, mut had): (Option<Frame>, Option<u32>) = (None, None);
            for (number, (values, missed, whole)) in readings.iter().enumerate() {
                let number = (number as u32).wrapping_sub(3);
                let frame = match &before {
                    Some(before) if !whole => Frame::after(before, head(number), values),
                    _ => Frame::full(head(number), values),
                };
                if !missed {
                    let follows = had.is_some_and(|had| had.wrapping_add(1) == number);
                    let changes = frame.changes().filter(|_| follows);
                    let is_changes = changes.is_some();
                    let bytes = changes.unwrap_or_else(|| frame.whole());
                    let (kind, decoded) = decoder.decode(&bytes);
                    prop_assert_eq!(kind == Kind::Changes, is_changes);
                    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    prop_assert_eq!(bits(&decoded), bits(values));
                    had = Some(number);
                }
                before = Some(frame);
            }
        }
    }

    #[test]
    fn what_does_not_change_takes_a_bit() {
        let head = Head { schema: 1, number: 7, unix_ms: 1.8e12 };
        let before = Frame::full(head, &[1.0; 200]);
        let mut now = [1.0; 200];
        now[3] = 2.0;
        let frame = Frame::after(&before, head, &now);
        assert_eq!(frame.changes().unwrap().len(), 16 + 25 + 4);
        assert_eq!(frame.whole().len(), 16 + 800);
    }
}
