//! The series that are kept, found by their labels.

use crate::labels::Labels;
use crate::selector::Selector;
use crate::storage::{Series, SeriesId};

use super::kept::Kept;
use super::pool::Pool;

/// Counts of changes, by the hash of a metric's name: two names in one only make queries look again.
const NAMES: usize = 64;

#[derive(Debug)]
pub(super) struct Table {
    places: Vec<Option<Kept>>,
    /// Places by metric and labels.
    sorted: Vec<u16>,
    free: Vec<u16>,
    sequence: u32,
    label_bytes: usize,
    /// How often a series came or went, and the count at which one of the names did.
    pub(super) changes: u64,
    changed: [u64; NAMES],
}

impl Table {
    pub(super) fn new(series: usize) -> Table {
        let mut places = Vec::with_capacity(series);
        places.resize_with(series, || None);
        Table {
            places,
            sorted: Vec::with_capacity(series),
            free: (0..series as u16).rev().collect(),
            sequence: 0,
            label_bytes: 0,
            changes: 0,
            changed: [0; NAMES],
        }
    }

    /// What a series takes here, beside its labels.
    pub(super) const BYTES_PER_SERIES: usize = size_of::<Option<Kept>>() + 2 * size_of::<u16>();

    pub(super) fn bytes(&self) -> usize {
        let places = self.places.capacity() * size_of::<Option<Kept>>();
        let lists = (self.sorted.capacity() + self.free.capacity()) * size_of::<u16>();
        places + lists + self.label_bytes
    }

    pub(super) fn label_bytes(&self) -> usize {
        self.label_bytes
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Places that no series has.
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    pub(super) fn get(&self, place: u16) -> Option<&Kept> {
        self.places.get(usize::from(place))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: u16) -> Option<&mut Kept> {
        self.places.get_mut(usize::from(place))?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.places.iter().flatten()
    }

    /// Each series with its place.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u16, &mut Kept)> {
        let kept = self.places.iter_mut().enumerate();
        kept.filter_map(|(place, kept)| Some((place as u16, kept.as_mut()?)))
    }

    /// The series of an id, unless it is gone.
    pub(super) fn of_id(&self, id: SeriesId) -> Option<&Kept> {
        let kept = self.get(id.0 as u16)?;
        (u64::from(kept.sequence) == id.0 >> 16).then_some(kept)
    }

    fn search(&self, labels: &Labels) -> Result<usize, usize> {
        let wanted = (labels.name(), labels);
        self.sorted.binary_search_by(|place| match self.get(*place) {
            Some(kept) => (kept.labels.name(), &kept.labels).cmp(&wanted),
            None => std::cmp::Ordering::Less,
        })
    }

    pub(super) fn find(&self, labels: &Labels) -> Option<u16> {
        self.search(labels).ok().map(|index| self.sorted[index])
    }

    /// Gives a series a place, if there is one.
    pub(super) fn insert(&mut self, labels: Labels) -> Option<u16> {
        let Err(index) = self.search(&labels) else { return None };
        let place = self.free.pop()?;
        self.sequence = self.sequence.wrapping_add(1);
        self.label_bytes += labels.bytes();
        self.change(&labels);
        self.places[usize::from(place)] = Some(Kept::new(labels, self.sequence));
        self.sorted.insert(index, place);
        Some(place)
    }

    /// Forgets a series with its points.
    pub(super) fn remove(&mut self, place: u16, pool: &mut Pool) {
        let Some(mut kept) = self.places[usize::from(place)].take() else { return };
        while kept.fine.drop_oldest(pool) > 0 {}
        while kept.coarse.drop_oldest(pool) > 0 {}
        self.label_bytes -= kept.labels.bytes();
        self.change(&kept.labels);
        self.sorted.retain(|other| *other != place);
        self.free.push(place);
    }

    fn change(&mut self, labels: &Labels) {
        self.changes += 1;
        self.changed[slot_of(labels.name())] = self.changes;
    }

    /// The count of changes after which the series that `selector` means are the same.
    pub(super) fn changes_of(&self, selector: &Selector) -> u64 {
        selector.metric_name().map_or(self.changes, |name| self.changed[slot_of(name)])
    }

    pub(super) fn select(&self, selector: &Selector) -> Vec<Series> {
        let sorted = match selector.metric_name() {
            Some(name) => self.named(name),
            None => &self.sorted,
        };
        let found = sorted.iter().filter_map(|place| {
            let kept = self.get(*place).filter(|kept| selector.matches(&kept.labels))?;
            let id = SeriesId(u64::from(kept.sequence) << 16 | u64::from(*place));
            Some(Series { id, labels: kept.labels.clone() })
        });
        found.collect()
    }

    fn named(&self, name: &str) -> &[u16] {
        let name_of = |place: &u16| self.get(*place).map_or("", |kept| kept.labels.name());
        let from = self.sorted.partition_point(|place| name_of(place) < name);
        let until = self.sorted.partition_point(|place| name_of(place) <= name);
        &self.sorted[from..until]
    }
}

/// FNV-1a.
fn slot_of(name: &str) -> usize {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (hash % NAMES as u64) as usize
}
