//! The sampled blocks that are not freed yet.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// Places in a set, whose keys are one cache line, and whose words are the next.
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
/// A block may be in one of four sets, and lies in the first that had room: one of the first two, one of the next 30, or
/// the emptier of two others. So the blocks of a small heap are in a few lines, which the next
/// sample finds in the caches, and of a large table nearly all places are used before one is missing.
///
/// Before the table lies a filter that counts blocks by a part of their hash; a free that finds 0 there, as nearly all
/// do, has to look no further.
///
/// Whoever puts a block in or takes it out owns the block: no two threads do that with one block at a time.
///
/// All zeroes are an empty table.
#[repr(C)]
pub(super) struct Live {
    pub(super) filter: Filter,
    sets: [Set; SETS],
}

/// What is remembered of a block: 10 bits of its tally's place, 54 of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lives {
    pub(super) place: u16,
    pub(super) size: u64,
}

const PLACE_BITS: u32 = 10;

impl Lives {
    pub(super) fn word(self) -> u64 {
        self.size << PLACE_BITS | u64::from(self.place)
    }

    pub(super) fn of(word: u64) -> Lives {
        Lives { place: (word & ((1 << PLACE_BITS) - 1)) as u16, size: word >> PLACE_BITS }
    }
}

#[repr(C)]
struct Set {
    keys: [AtomicUsize; WAYS],
    words: [AtomicU64; WAYS],
}

/// Of the blocks of each part of a hash, how many there are, up to 7, and another 5 bits of their hashes, folded into
/// one another by exclusive or. So of one block alone there are its own bits, whoever came and went before.
#[repr(transparent)]
pub(super) struct Filter([AtomicU8; 1 << FILTER_BITS]);

/// Has nothing in it: for threads while sampling is off. Nobody writes to it, so it takes no memory.
pub(super) static NOTHING: Filter = Filter([const { AtomicU8::new(0) }; 1 << FILTER_BITS]);

/// Has everything in it: for threads of which it is not known what they have.
pub(super) static EVERYTHING: Filter = Filter([const { AtomicU8::new(u8::MAX) }; 1 << FILTER_BITS]);

/// Where a [`Filter`] counts.
const COUNT_SHIFT: u32 = 5;
const ONE: u8 = 1 << COUNT_SHIFT;
const BITS: u8 = ONE - 1;
const FULL: u8 = u8::MAX >> COUNT_SHIFT;

/// Each free takes this, so it is a hash of its own of the fewest instructions: of 32 bits of the address, as the
/// factor is then part of one.
#[inline(always)]
fn quick_hash(block: usize) -> u32 {
    (block as u32).wrapping_mul(0x9e37_79b1)
}

impl Filter {
    /// Whether `block` may have been counted; `false` is certain.
    #[inline(always)]
    pub(super) fn may_hold(&self, block: usize) -> bool {
        self.of(quick_hash(block)).load(Ordering::Relaxed) != 0
    }

    /// The same, looking more closely.
    pub(super) fn probably_holds(&self, block: usize) -> bool {
        let hash = quick_hash(block);
        let seen = self.of(hash).load(Ordering::Relaxed);
        seen >> COUNT_SHIFT > 1 || seen == ONE | bits(hash)
    }

    #[inline(always)]
    fn of(&self, hash: u32) -> &AtomicU8 {
        &self.0[(hash >> (u32::BITS - FILTER_BITS)) as usize]
    }

    fn count(&self, block: usize) {
        self.change(block, |seen| seen + ONE);
    }

    fn uncount(&self, block: usize) {
        self.change(block, |seen| seen - ONE);
    }

    /// A full counter stays full: from then on it only sends frees to the table that have nothing there.
    fn change(&self, block: usize, count: impl Fn(u8) -> u8) {
        let hash = quick_hash(block);
        let changed = |seen: u8| (seen >> COUNT_SHIFT < FULL).then(|| count(seen ^ bits(hash)));
        self.of(hash).fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed).ok();
    }
}

fn bits(hash: u32) -> u8 {
    (hash >> (u32::BITS - FILTER_BITS - COUNT_SHIFT)) as u8 & BITS
}

/// Twice over: of blocks at equal distances, as those of one size are, one product alone leaves lumps.
fn hash(block: usize) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = (block as u64).wrapping_mul(FACTOR);
    let twice = (product ^ product >> 32).wrapping_mul(FACTOR);
    twice ^ twice >> 32
}

/// The sets that a block may be in, each by 16 bits of the hash: one of the first two, one of the next 30, and two of
/// all others.
fn sets_of(hash: u64) -> [usize; 4] {
    const REST: usize = SETS - 32;
    [(0, 2, 0), (2, 30, 16), (32, REST, 32), (32, REST, 48)]
        .map(|(first, sets, at)| first + (((hash >> at) as u16 as usize * sets) >> 16))
}

impl Live {
    /// Puts `block` in; `false`: there is no room.
    pub(super) fn put(&self, block: usize, word: u64) -> bool {
        let hash = hash(block);
        // First, so that whoever finds the block has found it in the filter.
        self.filter.count(block);
        let put = self.place(hash).is_some_and(|(set, way)| {
            set.words[way].store(word, Ordering::Relaxed);
            set.keys[way].store(block, Ordering::Release);
            true
        });
        if !put {
            self.filter.uncount(block);
        }
        put
    }

    /// A place that is this thread's to write to.
    fn place(&self, hash: u64) -> Option<(&Set, usize)> {
        let [nearest, near, first, second] = sets_of(hash).map(|set| &self.sets[set]);
        let take = |(set, empty): (_, u8)| Set::take_one(set, empty).map(|way| (set, way));
        [nearest, near].into_iter().find_map(|set| take((set, set.that_have(EMPTY)))).or_else(
            || {
                let both = [first, second].map(|set| (set, set.that_have(EMPTY)));
                let first_is_emptier = both[0].1.count_ones() >= both[1].1.count_ones();
                let order = if first_is_emptier { both } else { [both[1], both[0]] };
                order.into_iter().find_map(take)
            },
        )
    }

    /// Takes `block` out, and gives back its word, if it is in.
    pub(super) fn take(&self, block: usize) -> Option<u64> {
        self.take_with(block, |word| word.load(Ordering::Relaxed))
    }

    /// Takes `block` out, if it is in, and does not look at its word, which lies elsewhere.
    pub(super) fn forget(&self, block: usize) {
        self.take_with(block, |_| ());
    }

    #[inline(always)]
    fn take_with<T>(&self, block: usize, read: impl FnOnce(&AtomicU64) -> T) -> Option<T> {
        let find = |set: usize| self.sets[set].find(block);
        let (set, way) = sets_of(hash(block)).into_iter().find_map(find)?;
        let read = read(&set.words[way]);
        set.keys[way].store(EMPTY, Ordering::Release);
        self.filter.uncount(block);
        Some(read)
    }

    /// `block` is about to be put in or taken out: what is looked at first is fetched meanwhile.
    #[inline(always)]
    pub(super) fn expect(&self, block: usize) {
        let [nearest, ..] = sets_of(hash(block));
        let set = &self.sets[nearest];
        fetch(&raw const set.keys);
        fetch(&raw const set.words);
    }

    /// The words of the blocks in it.
    pub(super) fn words(&self) -> impl Iterator<Item = u64> {
        let places = self.sets.iter().flat_map(|set| set.keys.iter().zip(&set.words));
        places.filter_map(|(key, word)| {
            let block = key.load(Ordering::Acquire);
            let word = word.load(Ordering::Acquire);
            // Another block may have come meanwhile, which may be counted in another place.
            let stays = key.load(Ordering::Relaxed) == block;
            (block > TAKEN && stays).then_some(word)
        })
    }

    /// Blocks in it.
    pub(super) fn len(&self) -> usize {
        let keys = self.sets.iter().flat_map(|set| &set.keys);
        keys.filter(|key| key.load(Ordering::Relaxed) > TAKEN).count()
    }
}

/// Asks for a cache line, and does not wait for it.
#[inline(always)]
fn fetch<T>(line: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, of whatever address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

impl Set {
    /// Bits of the places that have `wanted`.
    #[inline(never)]
    fn that_have(&self, wanted: usize) -> u8 {
        let bit = |bits: u8, key: &AtomicUsize| {
            // From the last place to the first, which ends as the lowest bit.
            bits << 1 | u8::from(key.load(Ordering::Acquire) == wanted)
        };
        self.keys.iter().rev().fold(0, bit)
    }

    fn find(&self, block: usize) -> Option<(&Set, usize)> {
        let found = self.that_have(block);
        (found != 0).then(|| (self, found.trailing_zeros() as usize))
    }

    /// One of the `empty` places that nobody took meanwhile, which is then the calling thread's.
    fn take_one(&self, mut empty: u8) -> Option<usize> {
        while empty != 0 {
            let way = empty.trailing_zeros() as usize;
            let key = &self.keys[way];
            if key.compare_exchange(EMPTY, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Some(way);
            }
            empty &= empty - 1;
        }
        None
    }
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
    fn the_filter_tells_a_block_that_is_alone_from_nearly_all_others() {
        let live = empty();
        let blocks = |n: usize| (1..=n).map(|n| n * 48);
        assert!(blocks(2_000).all(|block| live.put(block, 0)));
        assert!(blocks(2_000).all(|block| live.filter.probably_holds(block)));
        // Of those that remain, too, whoever went.
        assert!(blocks(2_000).skip(500).all(|block| live.take(block).is_some()));
        assert!(blocks(500).all(|block| live.filter.probably_holds(block)));
        let others = (1..=100_000).map(|n| (1 << 30) + n * 16);
        let taken = others.filter(|block| live.filter.probably_holds(*block)).count();
        assert!(taken < 300, "500 of 16,384 places are 3 %, of which 1 in 32 agrees: {taken}");
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
