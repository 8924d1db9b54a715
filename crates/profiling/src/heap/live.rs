//! The sampled blocks that are not freed yet.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// Places in a set, whose keys are one cache line.
const WAYS: usize = 8;
const SETS: usize = 512;

/// Blocks that there is room for: 2 GiB of heap at one sample in 512 KiB.
#[cfg(test)]
pub(super) const BLOCKS: usize = SETS * WAYS;

const FILTER_BITS: u32 = 14;

/// A key that nobody has.
const EMPTY: usize = 0;
/// A key of somebody who is writing it; no block lies there.
const TAKEN: usize = 1;

/// A fixed table of blocks, each with a word, for many writers without a lock.
///
/// A block may be in one of two sets: whoever puts it in takes the emptier one, so that nearly all places
/// are used before one is missing. Before the table lies a filter that counts blocks by a part of their
/// hash; a free that finds 0 there, as nearly all do, has to look no further.
///
/// Whoever puts a block in or takes it out owns the block: no two threads do that with one block at a time.
///
/// All zeroes are an empty table.
#[repr(C)]
pub(super) struct Live {
    pub(super) filter: Filter,
    keys: [[AtomicUsize; WAYS]; SETS],
    words: [[AtomicU64; WAYS]; SETS],
}

/// How many blocks there are of each part of a hash.
#[repr(transparent)]
pub(super) struct Filter([AtomicU8; 1 << FILTER_BITS]);

/// Has nothing in it: for threads while sampling is off. Nobody writes to it, so it takes no memory.
pub(super) static NOTHING: Filter = Filter([const { AtomicU8::new(0) }; 1 << FILTER_BITS]);

/// Has everything in it: for threads of which it is not known what they have.
pub(super) static EVERYTHING: Filter = Filter([const { AtomicU8::new(u8::MAX) }; 1 << FILTER_BITS]);

impl Filter {
    /// Whether `block` may have been counted; `false` is certain.
    #[inline(always)]
    pub(super) fn may_hold(&self, block: usize) -> bool {
        self.of(block).load(Ordering::Relaxed) != 0
    }

    /// Each free takes this, so it has a hash of its own of the fewest instructions: of 32 bits of the address,
    /// as the factor is then part of one.
    #[inline(always)]
    fn of(&self, block: usize) -> &AtomicU8 {
        &self.0[((block as u32).wrapping_mul(0x9e37_79b1) >> (32 - FILTER_BITS)) as usize]
    }

    fn count(&self, block: usize) {
        self.of(block).fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok();
    }

    fn uncount(&self, block: usize) {
        self.of(block).fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok();
    }
}

fn hash(block: usize) -> u64 {
    // The low bits are alignment.
    (block as u64 >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Parts of the hash that neither overlap nor reach into its low bits, which are no hash.
fn sets_of(hash: u64) -> [usize; 2] {
    [hash >> 41, hash >> 32].map(|part| part as usize % SETS)
}

impl Live {
    /// Puts `block` in; `false`: there is no room.
    pub(super) fn put(&self, block: usize, word: u64) -> bool {
        let hash = hash(block);
        // First, so that whoever finds the block has found it in the filter.
        self.filter.count(block);
        let put = self.place(hash).is_some_and(|(set, way)| {
            self.words[set][way].store(word, Ordering::Relaxed);
            self.keys[set][way].store(block, Ordering::Release);
            true
        });
        if !put {
            self.filter.uncount(block);
        }
        put
    }

    /// A place that is this thread's to write to.
    fn place(&self, hash: u64) -> Option<(usize, usize)> {
        let sets = sets_of(hash);
        let [first, second] = sets.map(|set| self.room(set));
        let order = if first >= second { sets } else { [sets[1], sets[0]] };
        order.into_iter().find_map(|set| {
            let way = self.keys[set].iter().position(|key| {
                key.load(Ordering::Relaxed) == EMPTY
                    && key
                        .compare_exchange(EMPTY, TAKEN, Ordering::Acquire, Ordering::Relaxed)
                        .is_ok()
            })?;
            Some((set, way))
        })
    }

    fn room(&self, set: usize) -> usize {
        self.keys[set].iter().filter(|key| key.load(Ordering::Relaxed) == EMPTY).count()
    }

    /// Takes `block` out, and gives back its word, if it is in.
    pub(super) fn take(&self, block: usize) -> Option<u64> {
        let hash = hash(block);
        let held = |set: usize| {
            let found = |key: &AtomicUsize| key.load(Ordering::Acquire) == block;
            self.keys[set].iter().position(found).map(|way| (set, way))
        };
        let (set, way) = sets_of(hash).into_iter().find_map(held)?;
        let word = self.words[set][way].load(Ordering::Relaxed);
        self.keys[set][way].store(EMPTY, Ordering::Release);
        self.filter.uncount(block);
        Some(word)
    }

    /// Blocks in it.
    pub(super) fn len(&self) -> usize {
        self.keys.iter().flatten().filter(|key| key.load(Ordering::Relaxed) > TAKEN).count()
    }
}

/// A full counter stays full: from then on it only sends frees to the table that have nothing there.
fn more(count: u8) -> Option<u8> {
    count.checked_add(1)
}

fn less(count: u8) -> Option<u8> {
    if count == u8::MAX { None } else { count.checked_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn empty() -> Box<Live> {
        // SAFETY: all zeroes are an empty table.
        unsafe { Box::new_zeroed().assume_init() }
    }

    #[test]
    fn nine_of_ten_places_can_be_used_and_what_has_no_room_is_refused() {
        let live = empty();
        let put = (1..=2 * BLOCKS).filter(|n| live.put(n * 4096, *n as u64)).count();
        let at_nine_tenths = {
            let live = empty();
            (1..=BLOCKS * 9 / 10).filter(|n| !live.put(n * 4096, 0)).count()
        };
        assert!(at_nine_tenths < BLOCKS / 100, "{at_nine_tenths} refused");
        assert!(put <= BLOCKS && put == live.len());
    }

    #[test]
    fn threads_find_what_they_put_in_and_leave_nothing() {
        let live = empty();
        std::thread::scope(|scope| {
            for thread in 1..=4_usize {
                let live = &live;
                scope.spawn(move || {
                    for round in 0..2_000_usize {
                        let block = |n: usize| (thread << 40) + ((round + n) << 4);
                        let put: Vec<_> =
                            (0..16).filter(|n| live.put(block(*n), *n as u64)).collect();
                        for n in put {
                            assert!(live.filter.may_hold(block(n)));
                            assert_eq!(live.take(block(n)), Some(n as u64));
                        }
                    }
                });
            }
        });
        assert_eq!(live.len(), 0);
        assert!(live.filter.0.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((any::<bool>(), 1..50_usize, any::<u64>()), 0..100)) {
            let (live, mut model) = (empty(), HashMap::new());
            for (put, block, word) in steps {
                let block = block * 16;
                if put && !model.contains_key(&block) {
                    prop_assert!(live.put(block, word));
                    model.insert(block, word);
                } else if !put {
                    prop_assert_eq!(live.take(block), model.remove(&block));
                }
                prop_assert!(model.keys().all(|block| live.filter.may_hold(*block)));
                prop_assert_eq!(live.len(), model.len());
            }
        }
    }
}
