//! Series are shown in nearly the same order each tick.

use perf_monitor_core::{FamilyInfo, SeriesInfo};

use crate::labels::{Labels, METRIC_NAME};

use super::table::Table;

/// How many series that are gone may be passed over to find the next.
const AHEAD: usize = 4;

/// The places of the series in the order in which the last tick showed them, so that a series is mostly recognised by
/// one comparison, and nothing is allocated.
#[derive(Debug)]
pub(super) struct Walk {
    before: Vec<u16>,
    now: Vec<u16>,
    next: usize,
}

/// A series as a registry shows it.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) family: &'a FamilyInfo,
    pub(super) series: &'a SeriesInfo,
    /// What the family's name is followed by: `_bucket`, `_sum` and `_count` of histograms.
    pub(super) suffix: &'a str,
    pub(super) le: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// The labels beside the name.
    fn labels(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let le = self.le.map(|le| ("le", le));
        self.series.labels(self.family).chain(le).filter(|(_, value)| !value.is_empty())
    }

    pub(super) fn to_labels(self) -> Labels {
        let name = [&self.family.name, self.suffix].concat();
        Labels::of(self.labels().chain([(METRIC_NAME, name.as_str())]).collect())
    }

    fn is(self, labels: &Labels) -> bool {
        let name = labels.name().strip_prefix(&*self.family.name);
        let mut count = 0;
        let all = self.labels().all(|(name, value)| {
            count += 1;
            labels.get(name) == Some(value)
        });
        name == Some(self.suffix) && all && labels.iter().count() == count + 1
    }
}

impl Walk {
    pub(super) const BYTES_PER_SERIES: usize = 2 * size_of::<u16>();

    pub(super) fn new(series: usize) -> Walk {
        Walk { before: Vec::with_capacity(series), now: Vec::with_capacity(series), next: 0 }
    }

    pub(super) fn bytes(&self) -> usize {
        (self.before.capacity() + self.now.capacity()) * size_of::<u16>()
    }

    /// The place of a series, if it is where it was expected.
    pub(super) fn find(&mut self, table: &Table, shown: Shown<'_>) -> Option<u16> {
        let ahead = self.before.iter().skip(self.next).take(AHEAD);
        let is = |place: &&u16| table.get(**place).is_some_and(|kept| shown.is(&kept.labels));
        let (index, place) = ahead.enumerate().find(|(_, place)| is(place))?;
        let place = *place;
        self.next += index + 1;
        self.note(place);
        Some(place)
    }

    /// Notes where a series was found by another way.
    pub(super) fn note(&mut self, place: u16) {
        if self.now.len() < self.now.capacity() {
            self.now.push(place);
        }
    }

    pub(super) fn end(&mut self) {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
        self.next = 0;
    }
}
