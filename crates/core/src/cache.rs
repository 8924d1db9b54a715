//! Each thread's memory of the label values that it looked up.

use crate::arena::Arena;
use crate::family::Series;
use crate::slab::CellId;
use std::sync::Arc;

/// Keys that a thread remembers; 64 live keys must all fit, with room for bad luck.
const KEYS: usize = 128;

/// Places that a key may lie in from its own on. A place once taken never empties but with the
/// whole cache, so an empty one ends the search.
const PROBES: usize = 8;

/// Bytes of a key that need no allocation of their own: two values of common length.
const SHORT: usize = 47;

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

enum Key {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

/// A look-up: which family, in which generation, and the hash of the values.
#[derive(Clone, Copy)]
pub(crate) struct Sought<'a> {
    pub(crate) family: u64,
    pub(crate) generation: u64,
    pub(crate) values: &'a [&'a str],
    pub(crate) hash: u64,
}

impl LabelCache {
    #[inline]
    pub(crate) fn find(&self, sought: Sought<'_>) -> Option<&Entry> {
        let mask = self.places.len().wrapping_sub(1);
        for probe in 0..PROBES {
            let at = (sought.hash as usize).wrapping_add(probe) & mask;
            let entry = self.places.get(at)?.as_deref()?;
            if entry.hash == sought.hash && entry.is(&sought) {
                return (entry.generation == sought.generation).then_some(entry);
            }
        }
        None
    }

    /// Remembers `series`, if the arena has the bytes.
    pub(crate) fn insert(&mut self, sought: Sought<'_>, series: Arc<Series>, arena: &Arena) {
        if self.used * 2 >= self.places.len() && self.places.len() < KEYS * 2 && !self.grow(arena) {
            return;
        }
        let entry = Entry::new(sought, series);
        let mask = self.places.len() - 1;
        let home = sought.hash as usize & mask;
        let places = (0..PROBES).map(|probe| (home + probe) & mask);
        let at = places
            .clone()
            .find(|&at| match &self.places[at] {
                None => self.used < KEYS,
                Some(other) => other.hash == sought.hash && other.is(&sought),
            })
            .unwrap_or_else(|| if self.places[home].is_some() { home } else { usize::MAX });
        let Some(place) = self.places.get_mut(at) else { return };
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
    fn new(sought: Sought<'_>, series: Arc<Series>) -> Entry {
        let mut bytes = Vec::new();
        for value in sought.values {
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            bytes.extend_from_slice(value.as_bytes());
        }
        let key = if bytes.len() <= SHORT {
            let mut short = [0; SHORT];
            short[..bytes.len()].copy_from_slice(&bytes);
            Key::Short(bytes.len() as u8, short)
        } else {
            Key::Long(bytes.into())
        };
        let cell = series.metric.cell();
        let Sought { hash, family, generation, .. } = sought;
        Entry { hash, family, generation, key, cell, series }
    }

    #[inline]
    fn is(&self, sought: &Sought<'_>) -> bool {
        self.family == sought.family && self.has_values(sought.values)
    }

    #[inline]
    fn has_values(&self, values: &[&str]) -> bool {
        let mut key = match &self.key {
            Key::Short(len, bytes) => &bytes[..*len as usize],
            Key::Long(bytes) => bytes,
        };
        for value in values {
            let Some((len, rest)) = key.split_first_chunk::<4>() else { return false };
            let len = u32::from_le_bytes(*len) as usize;
            if len != value.len() || rest.len() < len || !equal(&rest[..len], value.as_bytes()) {
                return false;
            }
            key = &rest[len..];
        }
        key.is_empty()
    }

    fn cost(&self) -> usize {
        size_of::<Entry>()
            + match &self.key {
                Key::Short(..) => 0,
                Key::Long(bytes) => bytes.len(),
            }
    }
}

/// Whether two runs of the same length are equal; short ones without a call.
#[inline(always)]
fn equal(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        0 => true,
        1..=16 => words(a) == words(b),
        _ => a == b,
    }
}

/// The bytes of a run of 1 to 16, in two words that overlap.
#[inline(always)]
fn words(bytes: &[u8]) -> (u64, u64) {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
    } else {
        (u64::from(bytes[0]) | u64::from(bytes[len / 2]) << 8, bytes[len - 1].into())
    }
}

/// A hash of label values: each value's length and bytes, so that no two lists of values run
/// together. It only has to spread keys; equality is checked in full.
#[inline]
pub(crate) fn hash(family: u64, values: &[&str]) -> u64 {
    let mut hash = family ^ 0x9e37_79b9_7f4a_7c15;
    for value in values {
        let bytes = value.as_bytes();
        let mut rest = bytes;
        while rest.len() > 16 {
            let (head, tail) = rest.split_at(16);
            hash = fold(hash, words(head));
            rest = tail;
        }
        let last = if rest.is_empty() { (0, 0) } else { words(rest) };
        hash = fold(hash ^ bytes.len() as u64, last);
    }
    hash
}

#[inline(always)]
fn fold(hash: u64, (a, b): (u64, u64)) -> u64 {
    let product = u128::from(a ^ hash) * u128::from(b ^ 0xa076_1d64_78bd_642f | 1);
    (product as u64 ^ (product >> 64) as u64).rotate_left(23).wrapping_mul(0xe703_7ed1_a0b4_28db)
}
