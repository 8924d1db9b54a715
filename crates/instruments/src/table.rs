//! Instruments by name: a map with a bound, and in each thread a small cache in front of it.
//!
//! A name is one to three texts. The cache compares all of them, so a hash is never taken for the
//! name; it holds no lock, so threads that record by name do not meet. Names beyond the cache's
//! places or beyond the bound, and threads beyond the 64 that have a cache, take a short lock: that is
//! as exact, only slower.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use perf_monitor_core::{Budget, Family, Instrument, LabelValues, Lock, Reservation, Turn, Turns};

use crate::once::Once;
use crate::texts::{hash, same};

/// Entries of a thread's cache: 4 KiB, made when the thread first records by name.
const CACHED: usize = 256;

/// Entries of a hash: of a hundred names, a few share such a set, where a third of them would share
/// a single place.
const WAYS: usize = 2;

/// Names that a table may have, beyond what its budget says.
const NAMES: usize = 10_000;

/// The instruments of one kind, by name.
pub(crate) struct Table<V> {
    /// Not the same for any two tables of the process.
    id: u64,
    budget: Budget,
    entries: Lock<ByHash<Vec<Arc<Entry<V>>>>>,
    overflow: Once<Arc<Entry<V>>>,
    /// Bytes of the series of one name.
    series_bytes: usize,
    /// The bytes of the overflow series, which come last, and whatever the budget says: set aside from
    /// the beginning, so that it holds nevertheless.
    room: Lock<Option<Reservation>>,
    make: Make<V>,
}

type ByHash<T> = HashMap<u64, T, BuildHasherDefault<Hashed>>;

/// Makes the instrument of a name, unless its series have no room; without a name, the one of all that
/// had none.
type Make<V> = Box<dyn Fn(Option<&[&str]>) -> Option<V> + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// One instrument and its name.
pub(crate) struct Entry<V> {
    table: u64,
    name: LabelValues,
    pub(crate) value: V,
    _charged: Option<Reservation>,
}

impl<V> Entry<V> {
    #[inline]
    fn is(&self, table: u64, name: &[&str]) -> bool {
        self.table == table
            && self.name.len() == name.len()
            && self.name.iter().zip(name).all(|(a, b)| same(a.as_bytes(), b.as_bytes()))
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
        make: impl Fn(Option<&[&str]>) -> Option<V> + Send + Sync + UnwindSafe + RefUnwindSafe + 'static,
    ) -> Table<V> {
        Table {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            room: Lock::new(budget.reserve(series_bytes)),
            budget,
            entries: Lock::new(HashMap::default()),
            overflow: Once::new(),
            series_bytes,
            make: Box::new(make),
        }
    }

    /// The same, where so many of the series are histograms: in overflow these have all their octaves
    /// from the beginning.
    pub(crate) fn of_histograms(self, histograms: usize) -> Table<V> {
        let bytes = self.series_bytes + histograms * OVERFLOW_OCTAVES;
        *self.room.lock() = None;
        Table { room: Lock::new(self.budget.reserve(bytes)), ..self }
    }

    /// Runs `see` with the instrument of this name, which begins if it is new; without room, with the
    /// one of all that found none.
    #[inline]
    pub(crate) fn with<R>(&self, name: &[&str], see: impl FnOnce(&V) -> R) -> R {
        let hash = hash(self.id, name);
        let mut see = Some(see);
        let seen = cached(hash, |entry| {
            let entry = entry.downcast_ref::<Entry<V>>()?;
            let see = entry.is(self.id, name).then(|| see.take())??;
            Some(see(&entry.value))
        });
        match (seen, see) {
            (Some(result), _) => result,
            (None, Some(see)) => see(&self.entry(hash, name).value),
            (None, None) => unreachable!("`see` is taken by the run that gives the result"),
        }
    }

    /// The instrument of this name, to keep.
    pub(crate) fn get(&self, name: &[&str]) -> Arc<Entry<V>> {
        let hash = hash(self.id, name);
        let known = cached(hash, |entry| {
            let found = entry.downcast_ref::<Entry<V>>()?.is(self.id, name);
            found.then(|| entry.clone().downcast().ok())?
        });
        known.unwrap_or_else(|| self.entry(hash, name))
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
        drop(self.budget.reserve(self.series_bytes + MOST_SERIES * text)?);
        // Outside the lock, as it registers series.
        let made = Arc::new(Entry {
            table: self.id,
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
        let overflow = self.overflow.get_or_make(|| {
            drop(self.room.lock().take());
            Arc::new(Entry {
                table: self.id,
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

/// Series of a name, each of which has it as its labels.
const MOST_SERIES: usize = 6;

/// What the octaves of a histogram in overflow are charged at most: 48 of 96 bytes.
const OVERFLOW_OCTAVES: usize = 48 * 96;

/// The series of this name, unless it has no room; without a name, the overflow series.
pub(crate) fn series<M: Instrument>(family: &Family<M>, name: Option<&[&str]>) -> Option<M> {
    match name {
        Some(name) => family.try_with(name).ok()?,
        None => Some(family.overflow()),
    }
}

thread_local! {
    static CACHE: RefCell<Cache> = const { RefCell::new(Cache { entries: Vec::new(), turn: None }) };
}

/// What a thread remembers: a set of places for each hash, whatever the table. There are none before it
/// has its turn.
struct Cache {
    entries: Vec<Option<Arc<dyn Any + Send + Sync>>>,
    /// Below the entries, as they are to be gone when it is given back.
    turn: Option<Turn>,
}

impl Cache {
    /// Whether the thread has places, which it asks for as long as it has none: another one may have ended.
    fn begin(&mut self) -> bool {
        if self.turn.is_none() {
            self.turn = TURNS.take();
            let places = self.turn.as_ref().map_or(0, |_| CACHED);
            self.entries.resize_with(places, || None);
        }
        self.turn.is_some()
    }
}

/// The threads that have a cache.
static TURNS: Turns = Turns::new();

/// Shows `see` what the thread remembers under `hash`, until it finds what it looks for.
#[inline(always)]
fn cached<R>(hash: u64, see: impl FnMut(&Arc<dyn Any + Send + Sync>) -> Option<R>) -> Option<R> {
    let seen = CACHE.try_with(|cache| {
        let cache = cache.try_borrow().ok()?;
        cache.entries.get(set(hash))?.iter().flatten().find_map(see)
    });
    seen.ok()?
}

const fn set(hash: u64) -> Range<usize> {
    let first = hash as usize % (CACHED / WAYS) * WAYS;
    first..first + WAYS
}

#[cold]
fn remember<V: Send + Sync + 'static>(hash: u64, entry: Arc<Entry<V>>) {
    // A thread that is ending, one too many, or an allocator that records, goes without.
    let forgotten = CACHE.try_with(|cache| {
        let mut cache = cache.try_borrow_mut().ok()?;
        if !cache.begin() {
            return None;
        }
        let set = &mut cache.entries[set(hash)];
        // The newest first; the oldest goes.
        set.rotate_right(1);
        set[0].replace(entry)
    });
    // Dropped here, where nothing is borrowed.
    drop(forgotten);
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
    use perf_monitor_core::{Desc, HistogramOptions, Registry};

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
    fn names_leave_room_for_the_series_of_those_that_find_none() {
        let registry = Registry::builder().budget_bytes(20_000).build();
        let desc = Desc::new("a_seconds", "").unit(perf_monitor_core::Unit::Nanoseconds);
        let options = HistogramOptions::default().highest(1 << 50);
        let family = registry.histogram_family(desc, &["name"], options).unwrap();
        let bytes = family.series_bytes();
        let make = move |name: Option<&[&str]>| series(&family, name);
        let table = Table::new(registry.budget(), bytes, make).of_histograms(1);
        let names: Vec<String> = (0..100).map(|n| format!("name {n}")).collect();
        names.iter().for_each(|name| table.with(&[name], |one| one.record(5)));
        let entries = table.entries();
        assert!(entries.len() > 5 && entries.last().unwrap().name().is_empty());
        assert_eq!(entries.iter().map(|one| one.value.value().count).sum::<u64>(), 100);
        assert!(registry.stats().charged_bytes <= 20_000, "{:?}", registry.stats());
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
    fn names_that_push_each_other_out_of_the_cache_keep_their_instruments() {
        let registry = Registry::new();
        let table = table(&registry);
        let names: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
        for _ in 0..3 {
            for name in &names {
                assert_eq!(table.with(&[name], String::clone), *name);
                assert_eq!(table.get(&[name]).value, *name);
            }
        }
        assert_eq!(table.entries().len(), 1_000);
    }

    #[test]
    fn threads_beyond_those_with_a_cache_record_as_exactly() {
        const ALL: usize = Turns::MOST + 20;
        let registry = Registry::new();
        let counts = Table::new(registry.budget(), 0, |_| Some(AtomicU64::new(0)));
        let together = std::sync::Barrier::new(ALL);
        let record = || {
            let count = || counts.with(&["a"], |count| count.fetch_add(1, Ordering::Relaxed));
            (0..10).for_each(|_| _ = count());
            together.wait(); // no thread ends before the last one has asked for its turn
            CACHE.with(|cache| !cache.borrow().entries.is_empty())
        };
        let with_cache = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..ALL).map(|_| scope.spawn(record)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|has| *has).count()
        });
        assert!((1..=Turns::MOST).contains(&with_cache), "{with_cache}");
        assert_eq!(counts.get(&["a"]).value.load(Ordering::Relaxed), 10 * ALL as u64);
        // Those that ended have given theirs back.
        let later = std::thread::spawn(|| CACHE.with(|cache| cache.borrow_mut().begin()));
        assert!(later.join().unwrap());
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
