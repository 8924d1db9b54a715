//! Instruments by name: a map with a bound, and in each thread a small cache in front of it.
//!
//! A name is one to three texts. The cache compares all of them, so a hash is never taken for the
//! name; it holds no lock, so threads that record by name do not meet.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use perf_monitor_core::{Budget, LabelValues, Lock, Reservation};

/// Entries of a thread's cache: 4 KiB, made when the thread first records by name.
const CACHED: usize = 128;

/// Names that a table may have, beyond what its budget says.
const NAMES: usize = 10_000;

/// The instruments of one kind, by name.
pub(crate) struct Table<V> {
    /// Not the same for any two tables of the process.
    id: u64,
    budget: Budget,
    entries: Lock<HashMap<u64, Vec<Arc<Entry<V>>>, BuildHasherDefault<Hashed>>>,
    overflow: OnceLock<Arc<Entry<V>>>,
    /// Bytes of the series of one name.
    series_bytes: usize,
    make: Make<V>,
}

/// Makes the instrument of a name, unless its series have no room; without a name, the one of all that
/// had none.
type Make<V> = Box<dyn Fn(Option<&[&str]>) -> Option<V> + Send + Sync>;

/// One instrument and its name.
pub(crate) struct Entry<V> {
    table: u64,
    hash: u64,
    name: LabelValues,
    pub(crate) value: V,
    _charged: Option<Reservation>,
}

impl<V> Entry<V> {
    fn is(&self, table: u64, name: &[&str]) -> bool {
        self.table == table && self.name.iter().eq(name.iter().copied())
    }

    /// The texts of its name; none for the instrument of what found no room.
    pub(crate) fn name(&self) -> &LabelValues {
        &self.name
    }
}

static IDS: AtomicU64 = AtomicU64::new(1);

impl<V: Send + Sync + 'static> Table<V> {
    /// An empty table that takes its bytes from `budget`, where each name's series take
    /// `series_bytes`. Without a name, `make` must give an instrument.
    pub(crate) fn new(
        budget: Budget,
        series_bytes: usize,
        make: impl Fn(Option<&[&str]>) -> Option<V> + Send + Sync + 'static,
    ) -> Table<V> {
        Table {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            budget,
            entries: Lock::new(HashMap::default()),
            overflow: OnceLock::new(),
            series_bytes,
            make: Box::new(make),
        }
    }

    /// Runs `see` with the instrument of this name, which begins if it is new; without room, with the
    /// one of all that found none.
    #[inline]
    pub(crate) fn with<R>(&self, name: &[&str], see: impl FnOnce(&V) -> R) -> R {
        let hash = hash(self.id, name);
        let mut see = Some(see);
        let seen = CACHE.try_with(|cache| {
            let cache = cache.try_borrow().ok()?;
            let entry = cache.entries.get(place(hash))?.as_ref()?;
            let entry = entry.downcast_ref::<Entry<V>>()?;
            (entry.hash == hash && entry.is(self.id, name))
                .then(|| see.take().map(|see| see(&entry.value)))?
        });
        match (seen, see) {
            (Ok(Some(result)), _) => result,
            (_, Some(see)) => see(&self.entry(hash, name).value),
            _ => unreachable!("`see` is taken by the run that gives the result"),
        }
    }

    /// The instrument of this name, to keep.
    pub(crate) fn get(&self, name: &[&str]) -> Arc<Entry<V>> {
        self.entry(hash(self.id, name), name)
    }

    #[cold]
    #[inline(never)]
    fn entry(&self, hash: u64, name: &[&str]) -> Arc<Entry<V>> {
        let found = self.find(hash, name).or_else(|| self.insert(hash, name));
        match found {
            Some(entry) => {
                remember(hash, entry.clone());
                entry
            }
            None => self.refuse(),
        }
    }

    fn find(&self, hash: u64, name: &[&str]) -> Option<Arc<Entry<V>>> {
        let entries = self.entries.lock();
        entries.get(&hash)?.iter().find(|entry| entry.is(self.id, name)).cloned()
    }

    fn insert(&self, hash: u64, name: &[&str]) -> Option<Arc<Entry<V>>> {
        let text: usize = name.iter().map(|text| text.len()).sum();
        if self.entries.lock().len() >= NAMES {
            return None;
        }
        let charged = self.budget.reserve(size_of::<Entry<V>>() + text + BESIDE)?;
        // All of its series or none: that there is room is asked before the first one begins.
        drop(self.budget.reserve(self.series_bytes)?);
        // Outside the lock, as it registers series.
        let made = Arc::new(Entry {
            table: self.id,
            hash,
            name: name.iter().collect(),
            value: (self.make)(Some(name))?,
            _charged: Some(charged),
        });
        let mut entries = self.entries.lock();
        let same_hash = entries.entry(hash).or_default();
        // Somebody else may have been first.
        match same_hash.iter().find(|entry| entry.is(self.id, name)) {
            Some(entry) => Some(entry.clone()),
            None => {
                same_hash.push(made.clone());
                Some(made)
            }
        }
    }

    #[cold]
    fn refuse(&self) -> Arc<Entry<V>> {
        self.budget.count_refused();
        let overflow = self.overflow.get_or_init(|| {
            Arc::new(Entry {
                table: self.id,
                hash: 0,
                name: LabelValues::default(),
                value: (self.make)(None).expect("what has no name needs no room"),
                _charged: None,
            })
        });
        overflow.clone()
    }

    /// All instruments by name, then the one of what found no room if there is one.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry<V>>> {
        let mut all: Vec<_> = self.entries.lock().values().flatten().cloned().collect();
        all.sort_unstable_by(|a, b| a.name.iter().cmp(b.name.iter()));
        all.extend(self.overflow.get().cloned());
        all
    }
}

/// Bytes of an entry beside itself: its allocation, its place in the map.
const BESIDE: usize = 120;

thread_local! {
    static CACHE: RefCell<Cache> = const { RefCell::new(Cache { entries: Vec::new() }) };
}

/// What a thread remembers: a place for each hash, whatever the table.
struct Cache {
    entries: Vec<Option<Arc<dyn Any + Send + Sync>>>,
}

const fn place(hash: u64) -> usize {
    (hash >> 57) as usize % CACHED
}

#[cold]
fn remember<V: Send + Sync + 'static>(hash: u64, entry: Arc<Entry<V>>) {
    // A thread that is ending, or an allocator that records, goes without.
    let forgotten = CACHE.try_with(|cache| {
        let mut cache = cache.try_borrow_mut().ok()?;
        if cache.entries.is_empty() {
            cache.entries.resize_with(CACHED, || None);
        }
        cache.entries[place(hash)].replace(entry)
    });
    // Dropped here, where nothing is borrowed.
    drop(forgotten);
}

/// Mixes the texts eight bytes at a time, by the multiplier of FxHash; equal texts give equal
/// hashes, and what is compared afterwards is the texts.
#[inline]
fn hash(table: u64, name: &[&str]) -> u64 {
    let mut hash = table;
    for text in name {
        let bytes = text.as_bytes();
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            hash = mix(hash, u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
        }
        let rest = chunks.remainder();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = mix(hash, u64::from_le_bytes(last) ^ ((bytes.len() as u64) << 56));
    }
    hash
}

#[inline(always)]
fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Takes a number that is a hash already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf_monitor_core::Registry;

    fn table(registry: &Registry) -> Table<String> {
        Table::new(registry.budget(), 0, |name| match name {
            Some(name) => Some(name.join("/")),
            None => Some("overflow".into()),
        })
    }

    #[test]
    fn a_name_has_one_instrument_in_all_threads() {
        let registry = Registry::new();
        let table = Arc::new(table(&registry));
        let first = table.get(&["a", "bc"]);
        assert_eq!(table.with(&["a", "bc"], String::clone), "a/bc");
        assert_eq!(table.with(&["ab", "c"], String::clone), "ab/c");
        let other = table.clone();
        let there = std::thread::spawn(move || other.get(&["a", "bc"])).join().unwrap();
        assert!(Arc::ptr_eq(&first, &there));
        assert_eq!(table.entries().len(), 2);
    }

    #[test]
    fn two_tables_with_one_name_do_not_see_each_other() {
        let registry = Registry::new();
        let numbers = Table::new(registry.budget(), 0, |_| Some(7_u32));
        let texts = table(&registry);
        assert_eq!(texts.with(&["a"], String::len), 1);
        assert_eq!(numbers.with(&["a"], |n| *n), 7);
        assert_eq!(texts.with(&["a"], String::len), 1);
    }

    #[test]
    fn what_finds_no_room_is_one_instrument_and_counted() {
        let registry = Registry::builder().budget_bytes(1_000).build();
        let table = table(&registry);
        let names: Vec<String> = (0..100).map(|n| format!("name {n}")).collect();
        let found: Vec<_> = names.iter().map(|name| table.with(&[name], String::clone)).collect();
        let refused = found.iter().filter(|text| *text == "overflow").count();
        assert!((1..100).contains(&refused), "{refused}");
        assert_eq!(registry.stats().refused_series, refused as u64);
        assert_eq!(table.entries().len(), 100 - refused + 1);
        assert!(registry.stats().charged_bytes <= 1_000);
    }

    #[test]
    fn a_hash_is_not_a_name() {
        let registry = Registry::new();
        let table = table(&registry);
        let same = hash(table.id, &["a"]);
        assert_eq!(table.entry(same, &["a"]).value, "a");
        assert_eq!(table.entry(same, &["b"]).value, "b");
        assert_eq!(table.entry(same, &["a"]).value, "a");
    }
}
