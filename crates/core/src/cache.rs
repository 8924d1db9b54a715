//! Each thread's memory of the label values that it looked up.

use crate::arena::Arena;
use crate::family::Series;
use crate::slab::CellId;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Keys that a thread remembers; 64 live keys must all fit, with room for bad luck.
const KEYS: usize = 128;

/// Places that a key may lie in from its own on. A place once taken never empties but with the
/// whole cache, so an empty one ends the search.
const PROBES: usize = 8;

/// Values that are kept as words.
const SHORT_VALUES: usize = 3;

/// The series that a thread found for label values, found again without a lock.
///
/// It belongs to the owner of a slab. An entry holds its series, so that the cells cannot be
/// reused under it; it is good only for the family's generation in which it was made, and only
/// when the whole key is equal.
#[derive(Default)]
pub(crate) struct LabelCache {
    places: Vec<Option<Box<Entry>>>,
    used: usize,
}

pub(crate) struct Entry {
    /// Not the same for any two families, so it also tells how many values there are.
    family: u64,
    short: Short,
    /// The whole key where it is not short.
    long: Option<Box<[u8]>>,
    hash: u64,
    generation: u64,
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
        let mut all = Words {
            lengths: 0,
            words: [[0; 2]; N],
        };
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
        Some([
            u64::from(*a) | u64::from(bytes[bytes.len() / 2]) << 8,
            u64::from(*b),
        ])
    } else {
        Some([0, 0])
    }
}

/// A look-up: which family, in which generation, and the key.
pub(crate) struct Sought {
    family: u64,
    generation: u64,
    hash: u64,
    short: Short,
    long: Option<Box<[u8]>>,
}

impl Sought {
    pub(crate) fn new(family: u64, generation: u64, values: &[&str]) -> Sought {
        let short = match *values {
            [a] => Words::of(&[a]).map(|w| w.sought(family, generation)),
            [a, b] => Words::of(&[a, b]).map(|w| w.sought(family, generation)),
            [a, b, c] => Words::of(&[a, b, c]).map(|w| w.sought(family, generation)),
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
            let short = Short {
                lengths: NOT_SHORT,
                words: [[0; 2]; SHORT_VALUES],
            };
            Sought {
                family,
                generation,
                hash: hasher.finish(),
                short,
                long: Some(bytes.into()),
            }
        })
    }
}

impl<const N: usize> Words<N> {
    fn sought(&self, family: u64, generation: u64) -> Sought {
        let mut short = Short {
            lengths: self.lengths,
            words: [[0; 2]; SHORT_VALUES],
        };
        short.words[..N].copy_from_slice(&self.words);
        Sought {
            family,
            generation,
            hash: self.hash(family),
            short,
            long: None,
        }
    }
}

impl LabelCache {
    /// The entry of these values in this generation.
    #[inline(always)]
    pub(crate) fn find_words<const N: usize>(
        &self,
        family: u64,
        generation: u64,
        sought: &Words<N>,
    ) -> Option<&Entry> {
        let entry = self.search(sought.hash(family), |entry| {
            let mut differs = (entry.family ^ family) | (entry.short.lengths ^ sought.lengths);
            for (a, b) in entry.short.words.iter().zip(&sought.words) {
                differs |= (a[0] ^ b[0]) | (a[1] ^ b[1]);
            }
            differs == 0
        })?;
        (entry.generation == generation).then_some(entry)
    }

    /// The same for values of any number and length.
    pub(crate) fn find(&self, sought: &Sought) -> Option<&Entry> {
        let entry = self.search(sought.hash, |entry| entry.is(sought))?;
        (entry.generation == sought.generation).then_some(entry)
    }

    #[inline(always)]
    fn search(&self, hash: u64, is: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let mask = self.places.len().wrapping_sub(1);
        let home = self.places.get(hash as usize & mask)?.as_deref()?;
        if is(home) {
            Some(home)
        } else {
            self.search_on(hash, is)
        }
    }

    #[cold]
    fn search_on(&self, hash: u64, is: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let mask = self.places.len() - 1;
        for probe in 1..PROBES {
            let entry = self.places[(hash as usize).wrapping_add(probe) & mask].as_deref()?;
            if is(entry) {
                return Some(entry);
            }
        }
        None
    }

    /// Remembers `series`, if the arena has the bytes.
    pub(crate) fn insert(&mut self, sought: Sought, series: Arc<Series>, arena: &Arena) {
        if self.used * 2 >= self.places.len() && self.places.len() < KEYS * 2 && !self.grow(arena) {
            return;
        }
        let mask = self.places.len() - 1;
        let home = sought.hash as usize & mask;
        let places = (0..PROBES).map(|probe| (home + probe) & mask);
        let at = places
            .clone()
            .find(|&at| match &self.places[at] {
                None => self.used < KEYS,
                Some(other) => other.is(&sought),
            })
            .unwrap_or_else(|| {
                if self.places[home].is_some() {
                    home
                } else {
                    usize::MAX
                }
            });
        let Some(place) = self.places.get_mut(at) else {
            return;
        };
        let entry = Entry::new(sought, series);
        let old = place.as_ref().map_or(0, |e| e.cost());
        if !arena.charge(entry.cost()) {
            return;
        }
        arena.discharge(old);
        self.used += usize::from(place.is_none());
        *place = Some(Box::new(entry));
    }

    fn grow(&mut self, arena: &Arena) -> bool {
        let len = (self.places.len() * 2).max(16);
        if !arena.charge((len - self.places.len()) * size_of::<Option<Box<Entry>>>()) {
            return !self.places.is_empty();
        }
        let old = std::mem::replace(&mut self.places, (0..len).map(|_| None).collect());
        self.used = 0;
        for entry in old.into_iter().flatten() {
            let home = entry.hash as usize;
            let free = (0..PROBES).map(|p| home.wrapping_add(p) & (len - 1));
            match free.clone().find(|&at| self.places[at].is_none()) {
                Some(at) => {
                    self.places[at] = Some(entry);
                    self.used += 1;
                }
                None => arena.discharge(entry.cost()),
            }
        }
        true
    }

    /// Forgets everything: the thread ends.
    pub(crate) fn clear(&mut self) {
        let arena = crate::local::arena();
        let places = std::mem::take(&mut self.places);
        arena.discharge(places.len() * size_of::<Option<Box<Entry>>>());
        for entry in places.into_iter().flatten() {
            arena.discharge(entry.cost());
        }
        self.used = 0;
    }
}

impl Entry {
    fn new(sought: Sought, series: Arc<Series>) -> Entry {
        let Sought {
            hash,
            family,
            generation,
            short,
            long,
        } = sought;
        Entry {
            family,
            short,
            long,
            hash,
            generation,
            cell: series.metric.cell(),
            series,
        }
    }

    fn is(&self, sought: &Sought) -> bool {
        self.family == sought.family
            && self.short.lengths == sought.short.lengths
            && self.short.words == sought.short.words
            && self.long == sought.long
    }

    fn cost(&self) -> usize {
        size_of::<Entry>() + self.long.as_ref().map_or(0, |bytes| bytes.len())
    }
}
