//! How much was seen of each stack, by thread, span and slice of time.

use super::mapped::Zeroes;
use super::tree::Number;

/// Combinations that are told apart: 64 KiB.
pub(crate) const PLACES: usize = 4096;

/// The last eighth stays empty, so that searches are short.
const MOST: usize = PLACES / 8 * 7;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The innermost frame; 0 for stacks that the tree has no room for.
    pub(crate) leaf: Number,
    /// In the sampler's list of names of threads.
    pub(crate) thread: u8,
    /// The span's name, plus 1; 0 for none.
    pub(crate) span: u16,
    pub(crate) slice: u8,
}

/// An open-addressed table. What is removed leaves no mark: those behind it move up.
#[repr(C)]
pub(crate) struct Tally {
    places: [Place; PLACES],
    used: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Place {
    /// The key, which has an uppermost bit of 1; 0 while the place is empty.
    key: u64,
    samples: u32,
    /// CPU time, in microseconds: over an hour of one slice fits.
    time_us: u32,
}

// SAFETY: integers, arrays and structs of them.
unsafe impl Zeroes for Tally {}

/// No room for another combination.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Key {
    fn packed(self) -> u64 {
        1 << 63
            | u64::from(self.leaf)
            | u64::from(self.thread) << 16
            | u64::from(self.span) << 24
            | u64::from(self.slice) << 40
    }

    fn unpacked(key: u64) -> Key {
        Key {
            leaf: key as u16,
            thread: (key >> 16) as u8,
            span: (key >> 24) as u16,
            slice: (key >> 40) as u8,
        }
    }
}

impl Tally {
    /// Adds one sample that stands for `time_us` of CPU time.
    pub(crate) fn add(&mut self, key: Key, time_us: u32) -> Result<(), Full> {
        let packed = key.packed();
        let mut at = home(packed);
        while self.places[at].key != packed {
            if self.places[at].key == 0 {
                if self.used == MOST {
                    return Err(Full);
                }
                self.used += 1;
                self.places[at].key = packed;
                break;
            }
            at = (at + 1) % PLACES;
        }
        let place = &mut self.places[at];
        place.samples = place.samples.saturating_add(1);
        place.time_us = place.time_us.saturating_add(time_us);
        Ok(())
    }

    /// Each combination with its samples and its CPU time in microseconds.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, u32, u32)> + '_ {
        let used = self.places.iter().filter(|place| place.key != 0);
        used.map(|place| (Key::unpacked(place.key), place.samples, place.time_us))
    }

    /// Forgets what `dropped` says so of.
    pub(crate) fn remove(&mut self, dropped: impl Fn(Key) -> bool) {
        let mut at = 0;
        while at < PLACES {
            let key = self.places[at].key;
            if key != 0 && dropped(Key::unpacked(key)) {
                self.close_gap(at);
                self.used -= 1;
                // what moved here, from behind or from beyond the end, is looked at too
            } else {
                at += 1;
            }
        }
    }

    /// Empties a place; those behind it that would not be found any more move up.
    fn close_gap(&mut self, mut gap: usize) {
        let mut at = gap;
        loop {
            at = (at + 1) % PLACES;
            let place = self.places[at];
            if place.key == 0 {
                break;
            }
            // how far it is from where its search begins, and how far the gap is from here
            let strayed = (at + PLACES - home(place.key)) % PLACES;
            if strayed >= (at + PLACES - gap) % PLACES {
                self.places[gap] = place;
                gap = at;
            }
        }
        self.places[gap] = Place::default();
    }

    /// Combinations that are there.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

fn home(key: u64) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::super::mapped::Mapped;
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn key(number: u16) -> Key {
        Key {
            leaf: number,
            thread: (number % 7) as u8,
            span: number / 3,
            slice: (number % 5) as u8,
        }
    }

    #[test]
    fn a_tally_that_is_full_goes_on_with_what_it_has() {
        let mut tally = Mapped::<Tally>::new().unwrap();
        let taken = (0..).take_while(|number| tally.add(key(*number), 1) == Ok(())).count();
        assert_eq!((taken, tally.used()), (MOST, MOST));
        assert_eq!(tally.add(key(0), 5), Ok(()));
        tally.remove(|key| key.slice == 0);
        assert_eq!(tally.iter().count(), tally.used());
        assert!(tally.used() < MOST);
        assert_eq!(tally.add(key(9_999), 1), Ok(()));
    }

    proptest! {
        #[test]
        fn sums_are_those_of_a_map(
            steps in prop::collection::vec((0_u16..3000, 0_u32..1000), 0..4000),
            dropped in 0_u8..5,
        ) {
            let mut tally = Mapped::<Tally>::new().unwrap();
            let mut model: HashMap<Key, (u32, u32)> = HashMap::new();
            let (before, after) = steps.split_at(steps.len() / 2);
            for part in [before, after] {
                for (number, time) in part {
                    tally.add(key(*number), *time).unwrap();
                    let sums = model.entry(key(*number)).or_default();
                    *sums = (sums.0 + 1, sums.1 + time);
                }
                tally.remove(|key| key.slice == dropped);
                model.retain(|key, _| key.slice != dropped);
                let found: HashMap<_, _> =
                    tally.iter().map(|(key, samples, time)| (key, (samples, time))).collect();
                prop_assert_eq!(&found, &model);
                prop_assert_eq!(tally.used(), model.len());
            }
        }
    }
}
