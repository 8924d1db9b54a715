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

/// The sums of one stack in spans of one name; objects in [`PARTS`](super::poisson::PARTS).
#[repr(C)]
struct Tally {
    key: AtomicU64,
    alloc_parts: AtomicU64,
    alloc_bytes: AtomicU64,
    /// Of these, what does not live any more.
    gone_parts: AtomicU64,
    gone_bytes: AtomicU64,
}

/// A tally, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    /// The stack and the span; `None` for all that had no place.
    pub(super) key: Option<Key>,
    pub(super) allocated: Weight,
    pub(super) live: Weight,
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

    /// Something was allocated, and lives.
    pub(super) fn allocated(&self, place: u16, weight: Weight) {
        let tally = self.at(place);
        tally.alloc_parts.fetch_add(weight.parts, Ordering::Relaxed);
        tally.alloc_bytes.fetch_add(weight.bytes, Ordering::Relaxed);
    }

    /// It lives no more, or is not remembered.
    pub(super) fn gone(&self, place: u16, weight: Weight) {
        let tally = self.at(place);
        tally.gone_parts.fetch_add(weight.parts, Ordering::Relaxed);
        tally.gone_bytes.fetch_add(weight.bytes, Ordering::Relaxed);
    }

    fn at(&self, place: u16) -> &Tally {
        &self.places[usize::from(place) % TALLIES]
    }

    /// The tallies of which something was sampled.
    pub(super) fn read(&self) -> impl Iterator<Item = Sums> {
        self.places.iter().map(Tally::read).filter(|sums| sums.allocated.parts > 0)
    }
}

impl Tally {
    fn read(&self) -> Sums {
        let load = |cell: &AtomicU64| cell.load(Ordering::Acquire);
        let word = load(&self.key);
        // first what is gone, so that nothing is that was not allocated
        let gone = Weight { parts: load(&self.gone_parts), bytes: load(&self.gone_bytes) };
        let allocated = Weight { parts: load(&self.alloc_parts), bytes: load(&self.alloc_bytes) };
        let live = Weight {
            parts: allocated.parts.saturating_sub(gone.parts),
            bytes: allocated.bytes.saturating_sub(gone.bytes),
        };
        Sums { key: (word != 0).then(|| Key::of(word)), allocated, live }
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
    fn what_lives_is_what_was_allocated_less_what_was_freed() {
        let (tallies, weight) = (empty(), Weight { parts: 3, bytes: 5 });
        let place = tallies.place(key(7));
        assert_eq!(tallies.place(key(7)), place);
        tallies.allocated(place, weight);
        let sums = Sums { key: Some(key(7)), allocated: weight, live: weight };
        assert_eq!(tallies.read().collect::<Vec<_>>(), [sums]);
        tallies.gone(place, weight);
        assert_eq!(tallies.read().next().unwrap().live, Weight { parts: 0, bytes: 0 });
    }

    #[test]
    fn what_has_no_place_goes_with_the_others() {
        let tallies = empty();
        let places: Vec<_> = (0..2 * TALLIES as u16).map(|node| tallies.place(key(node))).collect();
        let others = places.iter().filter(|place| **place == OTHERS).count();
        assert!(others > TALLIES && others < TALLIES * 5 / 4, "{others}");
    }
}
