//! Sparse cell counts in few bytes.

/// `(cell, count)` pairs with ascending cells, as variable-length integers: the gap to the cell
/// before, then the count. A cell that is next to the last one and counts below 128 takes 2 bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    bytes: Vec<u8>,
    next: u32,
}

impl Packed {
    /// Adds a pair; `cell` must be above the last one.
    pub(crate) fn push(&mut self, cell: u32, count: u64) {
        debug_assert!(cell >= self.next);
        put(&mut self.bytes, u64::from(cell - self.next));
        put(&mut self.bytes, count);
        self.next = cell + 1;
    }

    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter { bytes: &self.bytes, next: 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The same pair in as many bytes whatever the count is, up to 2^35: for totals, whose space
    /// shall not grow as they do.
    pub(crate) fn push_total(&mut self, cell: u32, count: u64) {
        put(&mut self.bytes, u64::from(cell - self.next));
        put_wide(&mut self.bytes, count);
        self.next = cell + 1;
    }

    /// Totals of ascending cells.
    pub(crate) fn of_totals(pairs: impl IntoIterator<Item = (u32, u64)>) -> Packed {
        let mut packed = Packed::default();
        for (cell, count) in pairs {
            packed.push_total(cell, count);
        }
        packed.shrink();
        packed
    }

    /// Gives back what pushing reserved.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }
}

pub(crate) struct Iter<'a> {
    bytes: &'a [u8],
    next: u32,
}

impl Iterator for Iter<'_> {
    type Item = (u32, u64);

    fn next(&mut self) -> Option<(u32, u64)> {
        if self.bytes.is_empty() {
            return None;
        }
        let cell = self.next + take(&mut self.bytes) as u32;
        self.next = cell + 1;
        Some((cell, take(&mut self.bytes)))
    }
}

fn put(bytes: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
}

/// In five bytes at the least: the first four say that more follow.
fn put_wide(bytes: &mut Vec<u8>, n: u64) {
    bytes.extend((0..4).map(|i| (n >> (7 * i)) as u8 | 0x80));
    put(bytes, n >> 28);
}

fn take(bytes: &mut &[u8]) -> u64 {
    let (mut n, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    n
}

/// Adds up two ascending runs of pairs.
pub(crate) fn merge(
    a: impl Iterator<Item = (u32, u64)>,
    b: impl Iterator<Item = (u32, u64)>,
) -> Vec<(u32, u64)> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    let mut sum = Vec::with_capacity(a.size_hint().0);
    loop {
        let next = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.0 == y.0 => {
                let pair = (x.0, x.1 + y.1);
                a.next();
                b.next();
                Some(pair)
            }
            (Some(x), Some(y)) if x.0 < y.0 => a.next(),
            (Some(_), None) => a.next(),
            _ => b.next(),
        };
        match next {
            Some(pair) => sum.push(pair),
            None => return sum,
        }
    }
}

/// What `now` counts more than `before`, of which every cell is in `now`.
pub(crate) fn difference(now: &[(u32, u64)], before: &Packed) -> Vec<(u32, u64)> {
    let mut before = before.iter().peekable();
    let mut more = Vec::new();
    for &(cell, count) in now {
        let old = before.next_if(|&(c, _)| c == cell).map_or(0, |(_, n)| n);
        if count > old {
            more.push((cell, count - old));
        }
    }
    more
}

impl FromIterator<(u32, u64)> for Packed {
    fn from_iter<I: IntoIterator<Item = (u32, u64)>>(pairs: I) -> Packed {
        let mut packed = Packed::default();
        for (cell, count) in pairs {
            packed.push(cell, count);
        }
        packed.shrink();
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Cells = BTreeMap<u32, u64>;

    fn cells() -> impl Strategy<Value = Cells> {
        prop::collection::btree_map(0u32..20_000, 1u64..1 << 40, 0..60)
    }

    proptest! {
        #[test]
        fn packing_loses_nothing(cells in cells()) {
            let packed: Packed = cells.clone().into_iter().collect();
            prop_assert_eq!(&packed.iter().collect::<Cells>(), &cells);
            let totals = Packed::of_totals(cells.clone());
            prop_assert_eq!(totals.iter().collect::<Cells>(), cells);
        }

        #[test]
        fn merge_and_difference_undo_each_other(a in cells(), b in cells()) {
            let packed: Packed = a.clone().into_iter().collect();
            let sum = merge(packed.iter(), b.clone().into_iter());
            prop_assert_eq!(difference(&sum, &packed).into_iter().collect::<Cells>(), b);
        }
    }
}
