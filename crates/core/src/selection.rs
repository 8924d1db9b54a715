//! The series of one metric that a reader follows, without a look at the others.

use crate::arena::Pages;
use crate::local;
use crate::metric::Spec;
use crate::registry::BATCH;
use crate::series::{FamilyCore, Series};
use crate::snapshot::{FamilyInfo, HistogramValue, OwnedValue, SeriesInfo};
use crate::window::of_cells;
use crate::{Registry, packed};
use std::fmt;
use std::sync::Arc;

/// The series of one metric that have some labels, whatever else they have; made by
/// [`Registry::follow`].
///
/// It is what a chart reads many times a second: the series are looked up once, and again only
/// when the [generation](Registry::generation) says that some came or went. It keeps no series from
/// expiring.
///
/// # Cost
/// A look-up goes through the family's labels, or straight to the one series where all labels are given.
pub struct Selection {
    /// The metric's name, then each label's name and value, in one piece: a page has hundreds of these.
    text: Box<str>,
    /// Where each of them ends.
    ends: Box<[u16]>,
    family: Option<Arc<FamilyCore>>,
    /// The family's changes that `series` is of.
    changes: u64,
    series: Box<[Arc<Series>]>,
}

impl Selection {
    pub(crate) fn new(
        registry: &Registry,
        metric: &str,
        labels: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Selection {
        let (mut text, mut ends) = (String::new(), Vec::new());
        let mut add = |part: &str| {
            // no names and labels are as long as that: what is cut off means no series
            let room = usize::from(u16::MAX) - text.len();
            let cut = (0..=part.len().min(room)).rev().find(|end| part.is_char_boundary(*end));
            text.push_str(&part[..cut.unwrap_or(0)]);
            ends.push(text.len() as u16);
        };
        add(metric);
        for (name, value) in labels {
            add(name.as_ref());
            add(value.as_ref());
        }
        let mut selection = Selection {
            text: text.into(),
            ends: ends.into(),
            family: None,
            changes: 0,
            series: Box::default(),
        };
        selection.refresh(registry);
        selection
    }

    /// Looks the series up again if some of the metric came or went; whether that was so.
    ///
    /// For when the [generation](Registry::generation) has changed.
    pub fn refresh(&mut self, registry: &Registry) -> bool {
        let family = registry.family_core(self.part(0));
        let changes = family.as_ref().map_or(0, |family| family.changes());
        let same = match (&family, &self.family) {
            (Some(now), Some(before)) => Arc::ptr_eq(now, before) && changes == self.changes,
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.series = family.as_ref().map_or_else(Box::default, |family| self.find(family));
            (self.family, self.changes) = (family, changes);
        }
        !same
    }

    fn part(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| usize::from(self.ends[before]));
        &self.text[start..usize::from(self.ends[index])]
    }

    fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        (1..self.ends.len()).step_by(2).map(|name| (self.part(name), self.part(name + 1)))
    }

    fn find(&self, family: &FamilyCore) -> Box<[Arc<Series>]> {
        let wanted = |name: &str| self.labels().find(|(n, _)| *n == name).map(|(_, v)| v);
        let values: Option<Vec<&str>> =
            family.info.label_names.iter().map(|name| wanted(name)).collect();
        match values {
            Some(values) if 1 + 2 * values.len() == self.ends.len() => {
                family.find_exact(&values).into_iter().collect()
            }
            _ => family
                .find_all(|info| {
                    let has = |wanted| info.labels(&family.info).any(|pair| pair == wanted);
                    self.labels().all(has)
                })
                .into(),
        }
    }

    /// What the series share; `None` while there is no such metric.
    pub fn family(&self) -> Option<&FamilyInfo> {
        self.family.as_ref().map(|family| &family.info)
    }

    /// Whether it is of counters that somebody else counts: what one of them had when it came is not
    /// what it has counted since.
    pub fn is_observed(&self) -> bool {
        self.family.as_ref().is_some_and(|family| family.spec == Spec::Observed)
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// What the last [tick](Registry::tick) saw of all of them together: the sum of what counters grew
    /// by, or of gauges as they are; histograms merged. `None` while there is none.
    ///
    /// # Cost
    /// A lock of the family for each 256 series.
    pub fn window(&self) -> Option<OwnedValue> {
        let family = self.family.as_ref()?;
        let mut merged = Merged::default();
        for some in self.series.chunks(BATCH) {
            let slabs = local::arena().read();
            let state = family.state.lock();
            for series in some {
                let found =
                    state.slots.binary_search_by_key(&series.sequence, |s| s.series.sequence);
                if let Ok(index) = found {
                    merged.add(state.slots[index].last(&slabs));
                }
            }
        }
        merged.0
    }

    /// What it takes, in bytes, without the series.
    pub fn bytes(&self) -> usize {
        let text = self.text.len() + size_of_val(&*self.ends);
        size_of::<Selection>() + text + size_of_val(&*self.series)
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("metric", &self.part(0))
            .field("labels", &self.labels().collect::<Vec<_>>())
            .field("series", &self.series.len())
            .finish()
    }
}

/// Several windows as one.
#[derive(Default)]
struct Merged(Option<OwnedValue>);

impl Merged {
    fn add(&mut self, more: OwnedValue) {
        self.0 = Some(match (self.0.take(), more) {
            (None, more) => more,
            (Some(OwnedValue::Counter(a)), OwnedValue::Counter(b)) => {
                OwnedValue::Counter(a.wrapping_add(b))
            }
            (Some(OwnedValue::FloatCounter(a)), OwnedValue::FloatCounter(b)) => {
                OwnedValue::FloatCounter(a + b)
            }
            (Some(OwnedValue::Gauge(a)), OwnedValue::Gauge(b)) => OwnedValue::Gauge(a + b),
            (Some(OwnedValue::Histogram(a)), OwnedValue::Histogram(b)) => {
                OwnedValue::Histogram(together(a, b))
            }
            (Some(other), _) => other,
        });
    }
}

/// Two distributions as one, in the finer of their layouts: that of an overflow series is coarse.
fn together(a: HistogramValue, b: HistogramValue) -> HistogramValue {
    let (mut fine, coarse) = if a.layout.digits() < b.layout.digits() { (b, a) } else { (a, b) };
    let same = fine.layout == coarse.layout;
    let (layout, sum_unit) = (fine.layout, fine.sum_unit);
    let cell = |cell: u32| match same {
        true => cell,
        false => layout.cell(coarse.layout.highest_in(cell).min(layout.highest())),
    };
    let theirs = coarse.buckets.iter().map(|&(at, count)| (cell(at), count));
    let buckets = packed::merge(fine.buckets.drain(..), theirs);
    let sum = fine.sum.wrapping_add(coarse.sum);
    of_cells(buckets, sum, fine.max.max(coarse.max), layout, sum_unit)
}

/// Reads selections again and again; what it keeps in between makes the next read cheaper.
#[derive(Default)]
pub struct Reader {
    pages: Pages,
}

impl Reader {
    /// Puts into `into` what each selection has now, all of its series together: the total of counters,
    /// the sum of gauges, the number of records of histograms; NaN where there is no series.
    ///
    /// # Cost
    /// `dashboard/server-cpu`: some 50 ns for each series, under the lock that new threads and new series wait
    /// for, which is given back after each 256.
    pub fn totals<'a>(
        &mut self,
        selections: impl IntoIterator<Item = &'a Selection>,
        into: &mut Vec<f64>,
    ) {
        into.clear();
        let mut slabs = local::arena().read_with(std::mem::take(&mut self.pages));
        let mut left = BATCH;
        for selection in selections {
            let mut sum = if selection.is_empty() { f64::NAN } else { 0.0 };
            for series in &selection.series {
                if left == 0 {
                    let pages = slabs.into_pages();
                    slabs = local::arena().read_with(pages);
                    left = BATCH;
                }
                left -= 1;
                sum += series.metric.number(&slabs);
            }
            into.push(sum);
        }
        self.pages = slabs.into_pages();
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// Shows what there is, without values, until `see` returns false.
pub(crate) fn list(
    families: Vec<Arc<FamilyCore>>,
    see: &mut dyn FnMut(&FamilyInfo, &SeriesInfo) -> bool,
) {
    for family in families {
        let state = family.state.lock();
        for slot in &state.slots {
            if !see(&family.info, &slot.series.info) {
                return;
            }
        }
    }
}
