//! What was sampled of each stack, in a table of a fixed size, for many writers without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::poisson::Weight;
use super::stacks::Leaf;

/// Stacks by span that there is room for; the first place is for all others.
pub(super) const TALLIES: usize = 1024;

/// Places that are looked at for a stack.
const WINDOW: usize = 32;

/// The place of what has none.
pub(super) const OTHERS: u16 = 0;

/// All zeroes are an empty table.
#[repr(C)]
pub(super) struct Tallies {
    places: [Tally; TALLIES],
}

/// What was allocated by one stack in spans of one name; objects in [`PARTS`](super::poisson::PARTS).
#[repr(C)]
struct Tally {
    key: AtomicU64,
    parts: AtomicU64,
    bytes: AtomicU64,
}

/// Of what something is summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) leaf: Leaf,
    /// The span's name.
    pub(super) name_id: Option<u32>,
}

const THERE: u64 = 1 << 63;
const CUT: u64 = 1 << 62;
const NAME_SHIFT: u32 = 20;

impl Key {
    fn word(self) -> u64 {
        let cut = if self.leaf.cut { CUT } else { 0 };
        let name = self.name_id.map_or(0, |name| u64::from(name) + 1) << NAME_SHIFT;
        THERE | cut | name | self.leaf.node.map_or(0, |node| u64::from(node) + 1)
    }

    fn of(word: u64) -> Key {
        let less_one = |number: u64| number.checked_sub(1);
        let node = less_one(word & ((1 << NAME_SHIFT) - 1)).map(|node| node as u16);
        let name_id = less_one((word & !(THERE | CUT)) >> NAME_SHIFT).map(|name| name as u32);
        Key { leaf: Leaf { node, cut: word & CUT != 0 }, name_id }
    }
}

impl Tallies {
    /// The place of `key`, new or not; [`OTHERS`] if there is no room.
    pub(super) fn place(&self, key: Key) -> u16 {
        let word = key.word();
        let first = (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize;
        let window = (first..first + WINDOW).map(|number| number % TALLIES);
        let is_there = |number: &usize| {
            let place = &self.places[*number].key;
            let found = match place.load(Ordering::Relaxed) {
                0 => place.compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed),
                found => Err(found),
            };
            found.map_or_else(|found| found == word, |_| true)
        };
        let mut window = window.filter(|number| *number != usize::from(OTHERS));
        window.find(is_there).map_or(OTHERS, |number| number as u16)
    }

    /// Something was allocated.
    pub(super) fn allocated(&self, place: u16, weight: Weight) {
        let tally = &self.places[usize::from(place) % TALLIES];
        tally.parts.fetch_add(weight.parts, Ordering::Relaxed);
        tally.bytes.fetch_add(weight.bytes, Ordering::Relaxed);
    }

    /// What was allocated by each, in the order of their places: the stack and the span, `None` for the first, which
    /// is of all that had no place.
    pub(super) fn read(&self) -> impl Iterator<Item = (Option<Key>, Weight)> {
        let load = |cell: &AtomicU64| cell.load(Ordering::Acquire);
        self.places.iter().map(move |tally| {
            let word = load(&tally.key);
            let allocated = Weight { parts: load(&tally.parts), bytes: load(&tally.bytes) };
            ((word != 0).then(|| Key::of(word)), allocated)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Box<Tallies> {
        // SAFETY: all zeroes are an empty table.
        unsafe { Box::new_zeroed().assume_init() }
    }

    fn key(node: u16) -> Key {
        Key { leaf: Leaf { node: Some(node), cut: false }, name_id: None }
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for node in [None, Some(0), Some(8191)] {
            for (cut, name_id) in [(false, None), (true, Some(0)), (true, Some(u32::MAX))] {
                let key = Key { leaf: Leaf { node, cut }, name_id };
                assert_eq!(Key::of(key.word()), key);
            }
        }
    }

    #[test]
    fn what_was_allocated_is_read_at_its_place() {
        let (tallies, weight) = (empty(), Weight { parts: 3, bytes: 5 });
        let place = tallies.place(key(7));
        assert_eq!(tallies.place(key(7)), place);
        tallies.allocated(place, weight);
        tallies.allocated(place, weight);
        let read: Vec<_> = tallies.read().collect();
        assert_eq!(read[usize::from(place)], (Some(key(7)), Weight { parts: 6, bytes: 10 }));
        assert_eq!(read.iter().filter(|(_, allocated)| allocated.parts > 0).count(), 1);
    }

    #[test]
    fn what_has_no_place_goes_with_the_others() {
        let tallies = empty();
        let places: Vec<_> = (0..2 * TALLIES as u16).map(|node| tallies.place(key(node))).collect();
        let others = places.iter().filter(|place| **place == OTHERS).count();
        assert!(others > TALLIES && others < TALLIES * 5 / 4, "{others}");
    }
}
