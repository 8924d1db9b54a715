//! Stacks that were seen, as a tree of a fixed number of frames.

use super::mapped::Zeroes;

/// Frames, each with its caller: 55 KiB.
pub(crate) const FRAMES: usize = 5632;

/// Where a search for a frame begins.
const BUCKETS: usize = 4096;

/// A frame's number in the tree, from 1; 0 is none.
pub(crate) type Number = u16;

/// A frame's place, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spot {
    /// In the sampler's list of modules, or [`UNKNOWN`], [`CUT`].
    pub(crate) module: u16,
    /// From the module's beginning in memory.
    pub(crate) offset: u32,
}

/// Code of no module that is known.
pub(crate) const UNKNOWN: u16 = u16::MAX;
/// Callers that could not be found.
pub(crate) const CUT: u16 = u16::MAX - 1;

/// Each frame is in the list of its bucket, found by its caller and its spot. Numbers stay as they are
/// until a frame is removed, so they can be kept elsewhere.
#[repr(C)]
pub(crate) struct Tree {
    buckets: [Number; BUCKETS],
    frames: [Frame; FRAMES],
    /// Frames that were given out so far, the first one of the list of those that came back, and how many are in use.
    given: u16,
    free: Number,
    used: u16,
}

/// Packed, which saves a sixth.
#[repr(C, packed(2))]
#[derive(Clone, Copy)]
struct Frame {
    offset: u32,
    module: u16,
    caller: Number,
    /// The next one of its bucket, or of the free ones.
    next: Number,
}

// SAFETY: integers, arrays and structs of them.
unsafe impl Zeroes for Tree {}

impl Tree {
    /// The frame at `spot` below `caller`; `None` if it is not there and there is no room for it.
    pub(crate) fn frame(&mut self, caller: Number, spot: Spot) -> Option<Number> {
        let bucket = bucket(caller, spot);
        let mut number = self.buckets[bucket];
        while number != 0 {
            let frame = self.frames[index(number)];
            if frame.is(caller, spot) {
                return Some(number);
            }
            number = frame.next;
        }
        let number = self.take()?;
        let Spot { module, offset } = spot;
        let next = self.buckets[bucket];
        self.frames[index(number)] = Frame { offset, module, caller, next };
        self.buckets[bucket] = number;
        self.used += 1;
        Some(number)
    }

    fn take(&mut self) -> Option<Number> {
        if self.free != 0 {
            let number = self.free;
            self.free = self.frames[index(number)].next;
            return Some(number);
        }
        if usize::from(self.given) == FRAMES {
            return None;
        }
        self.given += 1;
        Some(self.given)
    }

    /// The frame's caller, 0 if it has none, and its spot.
    pub(crate) fn get(&self, number: Number) -> (Number, Spot) {
        let Frame { offset, module, caller, .. } = self.frames[index(number)];
        (caller, Spot { module, offset })
    }

    /// Frames in use.
    pub(crate) fn used(&self) -> usize {
        self.used.into()
    }

    /// Removes all frames but those of `kept`, which says so of leaves, and their callers.
    pub(crate) fn sweep(&mut self, kept: impl Iterator<Item = Number>) {
        let mut marked = Marks([0; FRAMES / 64]);
        for leaf in kept {
            let mut number = leaf;
            while number != 0 && marked.set(index(number)) {
                number = self.frames[index(number)].caller;
            }
        }
        self.buckets = [0; BUCKETS];
        (self.free, self.used) = (0, 0);
        for number in 1..=self.given {
            let at = index(number);
            let frame = &mut self.frames[at];
            if marked.has(at) {
                let bucket =
                    bucket(frame.caller, Spot { module: frame.module, offset: frame.offset });
                frame.next = self.buckets[bucket];
                self.buckets[bucket] = number;
                self.used += 1;
            } else {
                *frame = Frame { offset: 0, module: 0, caller: 0, next: self.free };
                self.free = number;
            }
        }
    }
}

/// A bit for each frame.
struct Marks([u64; FRAMES / 64]);

impl Marks {
    /// Whether this was the first time.
    fn set(&mut self, at: usize) -> bool {
        let first = !self.has(at);
        self.0[at / 64] |= 1 << (at % 64);
        first
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & 1 << (at % 64) != 0
    }
}

impl Frame {
    fn is(&self, caller: Number, spot: Spot) -> bool {
        self.caller == caller && self.offset == spot.offset && self.module == spot.module
    }
}

fn index(number: Number) -> usize {
    usize::from(number) - 1
}

/// Multiplies by an odd number whose bits look random (2⁶⁴ divided by the golden ratio) and takes the uppermost bits.
fn bucket(caller: Number, spot: Spot) -> usize {
    let key = u64::from(spot.offset) | u64::from(caller) << 32 | u64::from(spot.module) << 48;
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BUCKETS.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::super::mapped::Mapped;
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn spot(offset: u32) -> Spot {
        Spot { module: 0, offset }
    }

    #[test]
    fn a_tree_that_is_full_takes_what_it_has_and_no_more() {
        let mut tree = Mapped::<Tree>::new().unwrap();
        let numbers: Vec<_> = (0..).map_while(|offset| tree.frame(0, spot(offset))).collect();
        assert_eq!((numbers.len(), tree.used()), (FRAMES, FRAMES));
        assert_eq!(tree.frame(0, spot(0)), Some(numbers[0]));
        tree.sweep(numbers[..10].iter().copied());
        assert_eq!(tree.used(), 10);
        assert!(tree.frame(0, spot(u32::MAX)).is_some());
    }

    proptest! {
        #[test]
        fn frames_are_those_of_a_map(
            stacks in prop::collection::vec(prop::collection::vec(0_u32..5, 1..8), 1..80),
            sweep_after in 0_usize..80,
        ) {
            let mut tree = Mapped::<Tree>::new().unwrap();
            let mut model: HashMap<Vec<u32>, Number> = HashMap::new();
            for (step, stack) in stacks.iter().enumerate() {
                let mut caller = 0;
                for depth in 1..=stack.len() {
                    let number = tree.frame(caller, spot(stack[depth - 1])).unwrap();
                    let known = *model.entry(stack[..depth].to_vec()).or_insert(number);
                    prop_assert_eq!(number, known);
                    prop_assert_eq!(tree.get(number), (caller, spot(stack[depth - 1])));
                    caller = number;
                }
                if step == sweep_after {
                    let kept = stack.clone();
                    model.retain(|path, _| kept.starts_with(path));
                    tree.sweep(std::iter::once(caller));
                    prop_assert_eq!(tree.used(), model.len());
                }
            }
        }
    }
}
