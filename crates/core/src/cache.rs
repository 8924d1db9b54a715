//! Each thread's memory of the label values that it looked up.

use crate::arena::Arena;
use crate::series::Series;
use crate::slab::CellId;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Places of a set, each of which a key may lie in.
const WAYS: usize = 4;

/// Sets that a cache grows to. 64 live keys fit with room for bad luck: one set in 270 gets more
/// than four of them. An entry and its place take 120 bytes.
const MOST_SETS: usize = 64;

/// Values that are kept as words.
const SHORT_VALUES: usize = 3;

/// The series that a thread found for label values, found again without a lock.
///
/// It belongs to the owner of a slab. An entry holds its series, so that the cells cannot be
/// reused under it; it is good only for the family's mark under which it was made, and only
/// when the whole key is equal.
#[derive(Default)]
pub(crate) struct LabelCache {
    sets: Vec<Set>,
    /// Which place of a full set is given up next.
    turn: usize,
    /// Which set was last rid of series that were removed.
    swept: usize,
}

type Set = [Option<Box<Entry>>; WAYS];

pub(crate) struct Entry {
    /// Not the same for any two families.
    family: u64,
    /// Not the same for any two families, nor for one before and after a removal: what else is
    /// equal, an entry of another mark is of another family or void.
    mark: u64,
    short: Short,
    /// The whole key where it is not short.
    long: Option<Box<[u8]>>,
    hash: u64,
    pub(crate) cell: CellId,
    pub(crate) series: Arc<Series>,
}

/// Up to three values of at most 16 bytes each, whole: their lengths, and for each two words that
/// cover its bytes.
#[derive(Clone, Copy)]
struct Short {
    lengths: u64,
    words: [[u64; 2]; SHORT_VALUES],
}

/// Stands for lengths that are not short.
const NOT_SHORT: u64 = u64::MAX;

/// The same for a number of values that is known.
#[derive(Clone, Copy)]
pub(crate) struct Words<const N: usize> {
    lengths: u64,
    words: [[u64; 2]; N],
}

impl<const N: usize> Words<N> {
    #[inline(always)]
    pub(crate) fn of(values: &[&str; N]) -> Option<Words<N>> {
        let mut all = Words { lengths: 0, words: [[0; 2]; N] };
        for (index, value) in values.iter().enumerate() {
            all.lengths |= (value.len() as u64) << (8 * index);
            all.words[index] = cover(value.as_bytes())?;
        }
        Some(all)
    }

    /// It only has to spread keys; equality is checked in full. Each value is hashed by itself,
    /// so that the multiplications overlap.
    #[inline(always)]
    fn hash(&self, family: u64) -> u64 {
        let mut hash = (family ^ self.lengths).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for (index, [first, last]) in self.words.iter().enumerate() {
            let salt = 0xa076_1d64_78bd_642f_u64.rotate_left(index as u32 * 16);
            let product = u128::from(first ^ salt) * u128::from(last ^ !salt);
            hash ^= product as u64 ^ (product >> 64) as u64;
        }
        hash
    }
}

/// Two words that cover all of at most 16 bytes; they overlap below 16.
#[inline(always)]
fn cover(bytes: &[u8]) -> Option<[u64; 2]> {
    if let (Some(a), Some(b)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (bytes.len() <= 16).then_some([u64::from_le_bytes(*a), u64::from_le_bytes(*b)])
    } else if let (Some(a), Some(b)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        Some([u32::from_le_bytes(*a).into(), u32::from_le_bytes(*b).into()])
    } else if let (Some(a), Some(b)) = (bytes.first(), bytes.last()) {
        Some([u64::from(*a) | u64::from(bytes[bytes.len() / 2]) << 8, u64::from(*b)])
    } else {
        Some([0, 0])
    }
}

/// A look-up: which family, under which mark, and the key.
pub(crate) struct Sought {
    family: u64,
    mark: u64,
    hash: u64,
    short: Short,
    long: Option<Box<[u8]>>,
}

impl Sought {
    fn cost(&self) -> usize {
        cost(&self.long)
    }

    pub(crate) fn new(family: u64, mark: u64, values: &[&str]) -> Sought {
        let short = match *values {
            [a] => Words::of(&[a]).map(|w| w.sought(family, mark)),
            [a, b] => Words::of(&[a, b]).map(|w| w.sought(family, mark)),
            [a, b, c] => Words::of(&[a, b, c]).map(|w| w.sought(family, mark)),
            _ => None,
        };
        short.unwrap_or_else(|| {
            let mut bytes = Vec::new();
            for value in values {
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
                bytes.extend_from_slice(value.as_bytes());
            }
            let mut hasher = DefaultHasher::new();
            (family, &bytes).hash(&mut hasher);
            let short = Short { lengths: NOT_SHORT, words: [[0; 2]; SHORT_VALUES] };
            Sought { family, mark, hash: hasher.finish(), short, long: Some(bytes.into()) }
        })
    }
}

impl<const N: usize> Words<N> {
    fn sought(&self, family: u64, mark: u64) -> Sought {
        let mut short = Short { lengths: self.lengths, words: [[0; 2]; SHORT_VALUES] };
        short.words[..N].copy_from_slice(&self.words);
        Sought { family, mark, hash: self.hash(family), short, long: None }
    }
}

impl LabelCache {
    /// The entry of these values under this mark.
    #[inline(always)]
    pub(crate) fn find_words<const N: usize>(
        &self,
        family: u64,
        mark: u64,
        sought: &Words<N>,
    ) -> Option<&Entry> {
        self.search(sought.hash(family), |entry| {
            let mut differs = (entry.mark ^ mark) | (entry.short.lengths ^ sought.lengths);
            for (a, b) in entry.short.words.iter().zip(&sought.words) {
                differs |= (a[0] ^ b[0]) | (a[1] ^ b[1]);
            }
            differs == 0
        })
    }

    /// The same for values of any number and length.
    pub(crate) fn find(&self, sought: &Sought) -> Option<&Entry> {
        self.search(sought.hash, |entry| entry.mark == sought.mark && entry.is(sought))
    }

    #[inline(always)]
    fn search(&self, hash: u64, is: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let mask = self.sets.len().wrapping_sub(1);
        let set = self.sets.get(hash as usize & mask)?;
        set.iter().flatten().map(|entry| &**entry).find(|entry| is(entry))
    }

    /// Remembers `series`, if the arena has the bytes.
    pub(crate) fn insert(&mut self, sought: Sought, series: Arc<Series>, arena: &Arena) {
        self.drop_removed(arena);
        while self.place(&sought).is_none() && self.sets.len() < MOST_SETS {
            if !self.grow(arena) {
                break;
            }
        }
        if self.sets.is_empty() || !arena.charge(sought.cost()) {
            return;
        }
        let way = self.place(&sought).unwrap_or_else(|| {
            self.turn = (self.turn + 1) % WAYS;
            self.turn
        });
        let at = sought.hash as usize & (self.sets.len() - 1);
        let new = Box::new(Entry::new(sought, series));
        if let Some(old) = self.sets[at][way].replace(new) {
            arena.discharge(old.cost());
        }
    }

    /// Lets go of removed series in one set. Where series come and go, as many sets are looked at
    /// as series come, so that few of those that went keep their cells and octaves.
    fn drop_removed(&mut self, arena: &Arena) {
        self.swept = (self.swept + 1) % self.sets.len().max(1);
        for place in self.sets.get_mut(self.swept).into_iter().flatten() {
            if let Some(gone) = place.take_if(|entry| entry.series.is_removed()) {
                arena.discharge(gone.cost());
            }
        }
    }

    /// The way of the key's set that has the key, or nothing.
    fn place(&self, sought: &Sought) -> Option<usize> {
        let mask = self.sets.len().wrapping_sub(1);
        let set = self.sets.get(sought.hash as usize & mask)?;
        let same = set.iter().position(|e| e.as_ref().is_some_and(|e| e.is(sought)));
        same.or_else(|| set.iter().position(Option::is_none))
    }

    fn grow(&mut self, arena: &Arena) -> bool {
        let more = self.sets.len().max(4);
        if !arena.charge(more * size_of::<Set>()) {
            return false;
        }
        let len = self.sets.len() + more;
        let old = std::mem::replace(&mut self.sets, (0..len).map(|_| Set::default()).collect());
        let mask = self.sets.len() - 1;
        for entry in old.into_iter().flatten().flatten() {
            // A set splits in two, so that there is always a place.
            let set = &mut self.sets[entry.hash as usize & mask];
            if let Some(place) = set.iter_mut().find(|place| place.is_none()) {
                *place = Some(entry);
            }
        }
        true
    }

    /// Forgets everything: the thread ends.
    pub(crate) fn clear(&mut self, arena: &Arena) {
        let sets = std::mem::take(&mut self.sets);
        arena.discharge(sets.len() * size_of::<Set>());
        for entry in sets.into_iter().flatten().flatten() {
            arena.discharge(entry.cost());
        }
    }
}

impl Entry {
    fn new(sought: Sought, series: Arc<Series>) -> Entry {
        let Sought { hash, family, mark, short, long } = sought;
        Entry { family, short, long, hash, mark, cell: series.metric.cell(), series }
    }

    fn is(&self, sought: &Sought) -> bool {
        self.family == sought.family
            && self.short.lengths == sought.short.lengths
            && self.short.words == sought.short.words
            && self.long == sought.long
    }

    fn cost(&self) -> usize {
        cost(&self.long)
    }
}

/// Bytes of an entry with this long key.
fn cost(long: &Option<Box<[u8]>>) -> usize {
    size_of::<Entry>() + long.as_ref().map_or(0, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Registry, local};

    #[test]
    fn series_that_were_removed_are_let_go_as_others_come() {
        let removed = std::thread::spawn(|| {
            let registry = Registry::new();
            let users = registry.counter_family(("users", ""), &["user"]).unwrap();
            for user in 0..2_000 {
                let user = format!("user-{user}");
                users.inc(&[&user]);
                assert!(users.remove(&[&user]));
            }
            // SAFETY: counting neither allocates nor runs foreign code.
            let labels = unsafe { local::own_labels() }.unwrap();
            let entries = labels.sets.iter().flatten().flatten();
            entries.filter(|entry| entry.series.is_removed()).count()
        });
        assert!(removed.join().unwrap() <= MOST_SETS);
    }
}
