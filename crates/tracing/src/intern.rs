//! Texts that come again, as small numbers.

use std::sync::{Arc, OnceLock};

use perf_monitor_core::Lock;

use crate::sync::{AtomicU64, Ordering};

/// A bounded set of texts, each with something beside it. Looking up takes no lock.
///
/// A `'static` text is found by its address with its length, which are exact for as long as the
/// program runs; any other is compared whole.
pub(crate) struct Interner<V> {
    entries: Box<[OnceLock<Entry<V>>]>,
    /// Where `'static` texts lie, by a hash of their address.
    places: Box<[Place]>,
    /// `hash << 16 | number + 1`, by a hash of the text; 0 is empty.
    texts: Box<[AtomicU64]>,
    grown: Lock<Grown>,
    most_bytes: usize,
}

struct Entry<V> {
    text: Arc<str>,
    value: V,
}

/// Written once, the address before the word, under the lock of `grown`.
struct Place {
    address: AtomicU64,
    /// `length << 16 | number + 1`; 0 while empty.
    word: AtomicU64,
}

struct Grown {
    count: u16,
    bytes: usize,
}

/// Places that are looked at for an address.
const WINDOW: usize = 8;

/// Bytes of the longest text.
pub(crate) const TEXT_BYTES: usize = 128;

/// Bytes of an entry's text beside its characters.
const BESIDE: usize = 32;

/// A third of the places stays empty at least.
const fn places(count: usize) -> usize {
    (count + count / 2).next_power_of_two()
}

impl<V> Interner<V> {
    /// Room for `count` texts of `bytes` altogether.
    pub(crate) fn new(count: usize, bytes: usize) -> Interner<V> {
        let places = places(count);
        let place = |_| Place { address: AtomicU64::new(0), word: AtomicU64::new(0) };
        Interner {
            entries: (0..count).map(|_| OnceLock::new()).collect(),
            places: (0..places).map(place).collect(),
            texts: (0..places).map(|_| AtomicU64::new(0)).collect(),
            grown: Lock::new(Grown { count: 0, bytes: 0 }),
            most_bytes: bytes,
        }
    }

    /// What the tables take for `count` texts, beside the texts.
    pub(crate) const fn table_bytes(count: usize) -> usize {
        let place = size_of::<Place>() + size_of::<AtomicU64>();
        count * size_of::<OnceLock<Entry<V>>>() + places(count) * place
    }

    /// What the tables take, and the texts in them.
    pub(crate) fn bytes(&self) -> usize {
        Interner::<V>::table_bytes(self.entries.len()) + self.grown.lock().bytes
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.grown.lock().count)
    }

    /// The value of a number that was given out.
    #[inline(always)]
    pub(crate) fn value(&self, number: u16) -> Option<&V> {
        Some(&self.entries.get(usize::from(number))?.get()?.value)
    }

    pub(crate) fn text(&self, number: u16) -> Option<&Arc<str>> {
        Some(&self.entries.get(usize::from(number))?.get()?.text)
    }

    /// All values with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &V)> {
        let all = self.entries.iter().enumerate();
        all.map_while(|(number, entry)| Some((number as u16, &entry.get()?.value)))
    }

    /// The number of a text that lives as long as the program, if it was resolved before.
    #[inline(always)]
    pub(crate) fn seen(&self, text: &'static str) -> Option<u16> {
        let address = text.as_ptr().addr() as u64;
        for offset in 0..WINDOW {
            let place = &self.places[self.place(address, offset)];
            let word = place.word.load(Ordering::Acquire);
            if word == 0 {
                return None;
            }
            if word >> 16 == text.len() as u64 && place.address.load(Ordering::Relaxed) == address {
                return Some(word as u16 - 1);
            }
        }
        None
    }

    #[inline(always)]
    fn place(&self, address: u64, offset: usize) -> usize {
        let hash = address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (hash as usize + offset) & (self.places.len() - 1)
    }

    /// The number of a text, which `make` gets a value for if it is new; `None` without room.
    #[cold]
    pub(crate) fn resolve_static(
        &self,
        text: &'static str,
        make: impl FnOnce(&str) -> V,
    ) -> Option<u16> {
        let number = self.resolve(text, make)?;
        let _grown = self.grown.lock();
        if self.seen(text).is_none() {
            self.remember(text, number);
        }
        Some(number)
    }

    fn remember(&self, text: &'static str, number: u16) {
        let address = text.as_ptr().addr() as u64;
        let mut places = (0..WINDOW).map(|offset| &self.places[self.place(address, offset)]);
        let Some(place) = places.find(|place| place.word.load(Ordering::Relaxed) == 0) else {
            return; // Looked up by its text each time.
        };
        place.address.store(address, Ordering::Relaxed);
        let word = (text.len() as u64) << 16 | u64::from(number + 1);
        place.word.store(word, Ordering::Release);
    }

    /// The same for any text, which is cut at [`TEXT_BYTES`].
    #[inline]
    pub(crate) fn resolve(&self, text: &str, make: impl FnOnce(&str) -> V) -> Option<u16> {
        let text = cut(text, TEXT_BYTES);
        let hash = hash(text);
        self.find(hash, text).or_else(|| self.insert(hash, text, make))
    }

    #[inline]
    fn find(&self, hash: u64, text: &str) -> Option<u16> {
        let mut index = hash as usize;
        loop {
            let word = self.texts[index & (self.texts.len() - 1)].load(Ordering::Acquire);
            if word == 0 {
                return None;
            }
            let number = word as u16 - 1;
            if word >> 16 == hash >> 16 && self.text(number).is_some_and(|known| **known == *text) {
                return Some(number);
            }
            index += 1;
        }
    }

    #[cold]
    fn insert(&self, hash: u64, text: &str, make: impl FnOnce(&str) -> V) -> Option<u16> {
        let bytes = text.len() + BESIDE;
        if !self.fits(&self.grown.lock(), bytes) {
            return None;
        }
        // Outside the lock, as it registers series.
        let entry = Entry { text: text.into(), value: make(text) };
        let mut grown = self.grown.lock();
        if let Some(number) = self.find(hash, text) {
            return Some(number);
        }
        let number = grown.count;
        if !self.fits(&grown, bytes) || self.entries[usize::from(number)].set(entry).is_err() {
            return None;
        }
        grown.count += 1;
        grown.bytes += bytes;
        let mut index = hash as usize;
        // There are more places than texts.
        while self.texts[index & (self.texts.len() - 1)].load(Ordering::Relaxed) != 0 {
            index += 1;
        }
        let word = hash >> 16 << 16 | u64::from(number + 1);
        self.texts[index & (self.texts.len() - 1)].store(word, Ordering::Release);
        Some(number)
    }

    fn fits(&self, grown: &Grown, bytes: usize) -> bool {
        usize::from(grown.count) < self.entries.len() && grown.bytes + bytes <= self.most_bytes
    }
}

/// The start of a text, up to `bytes`, cut between characters.
#[inline(always)]
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Mixes the text eight bytes at a time, by the multiplier of FxHash; what is compared afterwards is
/// the text.
#[inline]
fn hash(text: &str) -> u64 {
    let mix =
        |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut chunks = text.as_bytes().chunks_exact(8);
    let mut hash = text.len() as u64;
    for chunk in &mut chunks {
        hash = mix(hash, u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
    }
    let rest = chunks.remainder();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let hash = mix(hash, u64::from_le_bytes(last));
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_wherever_it_lies() {
        let texts = Interner::new(4, 1_000);
        let first = texts.resolve_static("fetch", |_| ()).unwrap();
        assert_eq!(texts.seen("fetch"), Some(first));
        assert_eq!(texts.resolve(&String::from("fetch"), |_| ()), Some(first));
        assert_ne!(texts.resolve("fetc", |_| ()), Some(first));
        assert_eq!(texts.len(), 2);
    }

    #[test]
    fn a_part_of_a_static_text_is_another_text() {
        let texts = Interner::new(4, 1_000);
        let whole = "fetching";
        let numbers = [whole, &whole[..5]].map(|text| texts.resolve_static(text, |_| ()).unwrap());
        assert_ne!(numbers[0], numbers[1]);
        assert_eq!([texts.seen(whole), texts.seen(&whole[..5])], numbers.map(Some));
    }

    #[test]
    fn what_is_full_says_so() {
        let texts = Interner::new(2, 1_000);
        let numbers: Vec<_> = ["a", "b", "c", "a"].map(|text| texts.resolve(text, |_| ())).into();
        assert_eq!(numbers, [Some(0), Some(1), None, Some(0)]);
        let narrow = Interner::new(10, 100);
        assert!((0..10).filter(|n| narrow.resolve(&n.to_string(), |_| ()).is_some()).count() < 4);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let texts = Interner::new(2, 1_000);
        let number = texts.resolve(&"é".repeat(100), |_| ()).unwrap();
        assert_eq!(texts.text(number).unwrap().len(), 128);
        assert_eq!(cut("aé", 2), "a");
    }
}
