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
    hash: u64,
    family: u64,
    generation: u64,
    key: Key,
    pub(crate) cell: CellId,
    pub(crate) series: Arc<Series>,
}

#[derive(PartialEq)]
enum Key {
    Short(u8, [Word; SHORT_VALUES]),
    Long(Box<[u8]>),
}

/// A value of at most 16 bytes, whole: its length and two words that cover its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Word {
    first: u64,
    last: u64,
    len: u64,
}

impl Word {
    #[inline(always)]
    fn of(value: &str) -> Option<Word> {
        let (bytes, len) = (value.as_bytes(), value.len());
        let (first, last) = if len > 16 {
            return None;
        } else if let (Some(a), Some(b)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (u64::from_le_bytes(*a), u64::from_le_bytes(*b))
        } else if let (Some(a), Some(b)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (u32::from_le_bytes(*a).into(), u32::from_le_bytes(*b).into())
        } else if len > 0 {
            (
                u64::from(bytes[0]) | u64::from(bytes[len / 2]) << 8,
                bytes[len - 1].into(),
            )
        } else {
            (0, 0)
        };
        Some(Word {
            first,
            last,
            len: len as u64,
        })
    }
}

/// The values as words, if each of them is short.
#[inline(always)]
pub(crate) fn words<const N: usize>(values: &[&str; N]) -> Option<[Word; N]> {
    let mut words = [Word::default(); N];
    for (word, value) in words.iter_mut().zip(values) {
        *word = Word::of(value)?;
    }
    Some(words)
}

/// A hash of values as words. It only has to spread keys; equality is checked in full. Each value
/// is hashed by itself, so that the multiplications overlap.
#[inline(always)]
pub(crate) fn hash_words<const N: usize>(family: u64, words: &[Word; N]) -> u64 {
    let mut hash = family.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for (index, word) in words.iter().enumerate() {
        let salt = 0xa076_1d64_78bd_642f_u64.rotate_left(index as u32 * 16);
        hash = hash.rotate_left(7) ^ fold(word.first ^ salt, word.last ^ word.len ^ !salt);
    }
    hash
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// A look-up: which family, in which generation, and the key.
pub(crate) struct Sought {
    family: u64,
    generation: u64,
    hash: u64,
    key: Key,
}

impl Sought {
    pub(crate) fn new(family: u64, generation: u64, values: &[&str]) -> Sought {
        let short = match *values {
            [a] => words(&[a]).map(|w| (hash_words(family, &w), Key::short(w))),
            [a, b] => words(&[a, b]).map(|w| (hash_words(family, &w), Key::short(w))),
            [a, b, c] => words(&[a, b, c]).map(|w| (hash_words(family, &w), Key::short(w))),
            _ => None,
        };
        let (hash, key) = short.unwrap_or_else(|| {
            let mut bytes = Vec::new();
            for value in values {
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
                bytes.extend_from_slice(value.as_bytes());
            }
            let mut hasher = DefaultHasher::new();
            (family, &bytes).hash(&mut hasher);
            (hasher.finish(), Key::Long(bytes.into()))
        });
        Sought {
            family,
            generation,
            hash,
            key,
        }
    }
}

impl Key {
    fn short<const N: usize>(words: [Word; N]) -> Key {
        let mut all = [Word::default(); SHORT_VALUES];
        all[..N].copy_from_slice(&words);
        Key::Short(N as u8, all)
    }

    #[inline(always)]
    fn is_short<const N: usize>(&self, words: &[Word; N]) -> bool {
        matches!(self, Key::Short(n, all) if *n == N as u8 && all[..N] == words[..])
    }
}

impl LabelCache {
    /// The entry of these values in this generation.
    #[inline(always)]
    pub(crate) fn find_words<const N: usize>(
        &self,
        family: u64,
        generation: u64,
        words: &[Word; N],
    ) -> Option<&Entry> {
        let hash = hash_words(family, words);
        self.search(hash, |entry| {
            entry.family == family && entry.key.is_short(words)
        })
        .filter(|entry| entry.generation == generation)
    }

    /// The same for values of any number and length.
    pub(crate) fn find(&self, sought: &Sought) -> Option<&Entry> {
        self.search(sought.hash, |entry| entry.is(sought))
            .filter(|entry| entry.generation == sought.generation)
    }

    #[inline(always)]
    fn search(&self, hash: u64, is: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        for _ in 0..PROBES {
            let entry = self.places.get(at)?.as_deref()?;
            if entry.hash == hash && is(entry) {
                return Some(entry);
            }
            at = (at + 1) & mask;
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
                Some(other) => other.hash == sought.hash && other.is(&sought),
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
            key,
        } = sought;
        Entry {
            hash,
            family,
            generation,
            key,
            cell: series.metric.cell(),
            series,
        }
    }

    fn is(&self, sought: &Sought) -> bool {
        self.family == sought.family && self.key == sought.key
    }

    fn cost(&self) -> usize {
        size_of::<Entry>()
            + match &self.key {
                Key::Short(..) => 0,
                Key::Long(bytes) => bytes.len(),
            }
    }
}
