//! Stacks as a tree of a fixed size, for many writers without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Frames that there is room for.
pub(super) const NODES: usize = 8192;

/// Places that are looked at for a frame.
const WINDOW: usize = 32;

const ADDRESS_BITS: u32 = 48;
const ADDRESS: u64 = (1 << ADDRESS_BITS) - 1;

/// Stands for the callers of a stack that is longer than what is kept of it.
pub(super) const TRUNCATED: u64 = 1;

/// A node for each frame below each caller. A node is one word, its caller's number and its address, so that
/// one exchange puts it in; its number is where it lies. Nodes are never removed.
///
/// All zeroes are an empty tree.
#[repr(C)]
pub(super) struct Stacks {
    nodes: [AtomicU64; NODES],
    /// Stacks of late: the upper bits of a hash of all frames, and below them one more than the number of the leaf.
    /// A program allocates in few places, and here one cache line is read for a stack rather than one for each frame.
    lately: [AtomicU64; LATELY],
}

const LATELY: usize = 256;
const NUMBER: u64 = (1 << 14) - 1;
const _: () = assert!(NODES as u64 <= NUMBER);

/// How far a stack could be put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// The innermost frame that there was room for, in the tree.
    pub(super) node: Option<u16>,
    /// Whether there was no room for frames below it.
    pub(super) cut: bool,
}

fn word(caller: Option<u16>, address: u64) -> u64 {
    caller.map_or(0, |caller| u64::from(caller) + 1) << ADDRESS_BITS | (address & ADDRESS)
}

fn place(word: u64) -> usize {
    // The high half of the product depends on all bits of the word.
    ((word ^ word >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 51) as usize
}

/// A hash of a stack's frames, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StackHash(u64);

impl StackHash {
    pub(super) fn new() -> StackHash {
        StackHash(1)
    }

    #[inline(always)]
    pub(super) fn add(&mut self, address: u64) {
        let product = (self.0 ^ address).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }

    /// Where it is looked for among the stacks of late.
    fn place(self) -> usize {
        (self.0 >> 32) as usize % LATELY
    }
}

impl Stacks {
    /// The stack that was put in with this hash, if that was of late.
    ///
    /// Stacks are taken for the same if they agree in 50 bits of their hash.
    #[inline(always)]
    pub(super) fn lately(&self, hash: StackHash) -> Option<Leaf> {
        let known = self.lately[hash.place()].load(Ordering::Acquire);
        let agrees = (known ^ hash.0) & !NUMBER == 0 && known & NUMBER != 0;
        agrees.then(|| Leaf { node: Some((known & NUMBER) as u16 - 1), cut: false })
    }

    /// Puts in the stack whose innermost frame is first, to be found by `hash` from here on.
    pub(super) fn put(&self, frames: &[u64], hash: StackHash) -> Leaf {
        let leaf = self.put_in(frames);
        if let Leaf { node: Some(node), cut: false } = leaf {
            let known = hash.0 & !NUMBER | (u64::from(node) + 1);
            // Release: who finds the leaf here finds its frames.
            self.lately[hash.place()].store(known, Ordering::Release);
        }
        leaf
    }

    fn put_in(&self, frames: &[u64]) -> Leaf {
        let mut node = None;
        for &address in frames.iter().rev() {
            match self.node(node, address) {
                Some(below) => node = Some(below),
                None => return Leaf { node, cut: true },
            }
        }
        Leaf { node, cut: false }
    }

    fn node(&self, caller: Option<u16>, address: u64) -> Option<u16> {
        let word = word(caller, address);
        let first = place(word);
        let is_there = |number: &usize| {
            let node = &self.nodes[*number];
            let found = match node.load(Ordering::Relaxed) {
                0 => node.compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed),
                found => Err(found),
            };
            found.map_or_else(|found| found == word, |_| true)
        };
        (first..first + WINDOW).map(|number| number % NODES).find(is_there).map(|n| n as u16)
    }

    /// The addresses from frame `node` to the outermost.
    pub(super) fn frames(&self, node: Option<u16>) -> impl Iterator<Item = u64> {
        let read = |number: u16| self.nodes[usize::from(number) % NODES].load(Ordering::Relaxed);
        let caller = move |word: &u64| match word >> ADDRESS_BITS {
            0 => None,
            number => Some(read((number - 1) as u16)),
        };
        // A tree has no circle; the bound is for memory that somebody else wrote to.
        std::iter::successors(node.map(read), caller).map(|word| word & ADDRESS).take(NODES)
    }

    /// Frames in it.
    pub(super) fn len(&self) -> usize {
        self.nodes.iter().filter(|node| node.load(Ordering::Relaxed) != 0).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn empty() -> Box<Stacks> {
        // SAFETY: all zeroes are an empty tree.
        unsafe { Box::new_zeroed().assume_init() }
    }

    impl Stacks {
        fn hash_of(frames: &[u64]) -> StackHash {
            let mut hash = StackHash::new();
            frames.iter().for_each(|address| hash.add(*address));
            hash
        }

        fn find_or_put(&self, frames: &[u64]) -> Leaf {
            let hash = Stacks::hash_of(frames);
            self.lately(hash).unwrap_or_else(|| self.put(frames, hash))
        }
    }

    #[test]
    fn stacks_share_the_frames_that_they_begin_with() {
        let stacks = empty();
        let outer = stacks.find_or_put(&[20, 10]);
        let inner = stacks.find_or_put(&[30, 20, 10]);
        assert_eq!(stacks.len(), 3);
        assert_eq!(stacks.find_or_put(&[20, 10]), outer);
        assert_eq!(stacks.frames(inner.node).collect::<Vec<_>>(), [30, 20, 10]);
        assert_eq!(stacks.find_or_put(&[]), Leaf { node: None, cut: false });
    }

    #[test]
    fn stacks_of_late_are_known_by_all_of_their_frames() {
        let stacks = empty();
        let leaf = stacks.find_or_put(&[30, 20, 10]);
        let known = || stacks.lately.iter().filter(|one| one.load(Ordering::Relaxed) != 0).count();
        assert_eq!((known(), stacks.find_or_put(&[30, 20, 10]), known()), (1, leaf, 1));
        let others: [&[u64]; 4] = [&[20, 10], &[30, 20], &[30, 20, 11], &[31, 20, 10]];
        for other in others {
            let found = stacks.find_or_put(other);
            assert_ne!(found, leaf);
            assert_eq!(stacks.frames(found.node).collect::<Vec<_>>(), other);
        }
    }

    #[test]
    fn a_full_tree_keeps_the_callers_and_says_so() {
        let stacks = empty();
        let leaves: Vec<_> =
            (1..=2 * NODES as u64).map(|n| stacks.find_or_put(&[n << 4, 10])).collect();
        let cut = leaves.iter().filter(|leaf| leaf.cut).count();
        assert!(cut >= NODES, "{cut}");
        assert!(stacks.len() > NODES * 8 / 10, "{}", stacks.len());
        for leaf in leaves.iter().filter(|leaf| leaf.cut) {
            assert_eq!(stacks.frames(leaf.node).collect::<Vec<_>>(), [10]);
        }
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_read_out(
            all in prop::collection::vec(prop::collection::vec(1..1_u64 << 48, 0..64), 0..40),
        ) {
            let stacks = empty();
            let leaves: Vec<_> = all.iter().map(|frames| stacks.find_or_put(frames)).collect();
            for (frames, leaf) in all.iter().zip(leaves) {
                prop_assert_eq!(&stacks.frames(leaf.node).collect::<Vec<_>>(), frames);
                prop_assert_eq!(stacks.find_or_put(frames), leaf);
                prop_assert_eq!(stacks.put_in(frames), leaf);
            }
        }
    }
}
