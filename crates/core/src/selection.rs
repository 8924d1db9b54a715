//! The series of one metric that a reader follows, without a look at the others.

use crate::arena::Pages;
use crate::local;
use crate::metric::{Spec, prefetch};
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
    /// The family's changes that `found` is of.
    changes: u64,
    found: Found,
}

/// A page has hundreds of selections, nearly all of one series each, by all of its labels: such a series knows itself
/// what was asked for.
enum Found {
    One(Arc<FamilyCore>, Arc<Series>),
    Some(Box<Several>),
}

/// What else there may be: nothing yet, or all that have some labels.
struct Several {
    asked: Asked,
    family: Option<Arc<FamilyCore>>,
    series: Box<[Arc<Series>]>,
}

/// The metric's name, then each label's name and value, in one piece.
#[derive(Default)]
struct Asked {
    text: Box<str>,
    /// Where each of them ends.
    ends: Box<[u16]>,
}

impl Asked {
    fn new<'a>(metric: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> Asked {
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
            add(name);
            add(value);
        }
        Asked { text: text.into(), ends: ends.into() }
    }

    fn part(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| usize::from(self.ends[before]));
        &self.text[start..usize::from(self.ends[index])]
    }

    fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        (1..self.ends.len()).step_by(2).map(|name| (self.part(name), self.part(name + 1)))
    }

    fn find(self, family: Option<Arc<FamilyCore>>) -> Found {
        let Some(family) = family else {
            return Found::Some(Box::new(Several {
                asked: self,
                family: None,
                series: Box::default(),
            }));
        };
        let wanted = |name: &str| self.labels().find(|(n, _)| *n == name).map(|(_, v)| v);
        let values: Option<Vec<&str>> =
            family.info.label_names.iter().map(|name| wanted(name)).collect();
        let series = match values {
            Some(values) if 1 + 2 * values.len() == self.ends.len() => {
                match family.find_exact(&values) {
                    Some(series) => return Found::One(family, series),
                    None => Box::default(),
                }
            }
            _ => {
                let has = |info: &SeriesInfo, wanted| {
                    info.labels(&family.info).any(|pair| pair == wanted)
                };
                family.find_all(|info| self.labels().all(|wanted| has(info, wanted))).into()
            }
        };
        Found::Some(Box::new(Several { asked: self, family: Some(family), series }))
    }
}

impl Selection {
    pub(crate) fn new(
        registry: &Registry,
        metric: &str,
        labels: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Selection {
        let labels = labels.into_iter().collect::<Vec<_>>();
        let asked = Asked::new(metric, labels.iter().map(|(n, v)| (n.as_ref(), v.as_ref())));
        Selection::find(registry.family_core(metric), asked)
    }

    fn find(family: Option<Arc<FamilyCore>>, asked: Asked) -> Selection {
        // before the series are looked at: one that comes meanwhile is found once more
        let changes = family.as_ref().map_or(0, |family| family.changes());
        Selection { changes, found: asked.find(family) }
    }

    /// Looks the series up again if some of the metric came or went; whether it may be of others now.
    ///
    /// For when the [generation](Registry::generation) has changed.
    pub fn refresh(&mut self, registry: &Registry) -> bool {
        let family = registry.family_core(self.metric());
        let changes = family.as_ref().map_or(0, |family| family.changes());
        let is_same_family = match (&family, self.family_core()) {
            (Some(now), Some(before)) => Arc::ptr_eq(now, before),
            (None, None) => true,
            _ => false,
        };
        if is_same_family && changes == self.changes {
            return false;
        }
        match &self.found {
            Found::One(_, series) if is_same_family && !series.is_removed() => {
                self.changes = changes;
                false
            }
            _ => {
                *self = Selection::find(family, self.asked());
                true
            }
        }
    }

    fn asked(&mut self) -> Asked {
        match &mut self.found {
            Found::One(family, series) => {
                Asked::new(&family.info.name, series.info.labels(&family.info))
            }
            Found::Some(several) => std::mem::take(&mut several.asked),
        }
    }

    fn family_core(&self) -> Option<&Arc<FamilyCore>> {
        match &self.found {
            Found::One(family, _) => Some(family),
            Found::Some(several) => several.family.as_ref(),
        }
    }

    fn metric(&self) -> &str {
        match &self.found {
            Found::One(family, _) => &family.info.name,
            Found::Some(several) => several.asked.part(0),
        }
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        match &self.found {
            Found::One(family, series) => series.info.labels(&family.info).collect(),
            Found::Some(several) => several.asked.labels().collect(),
        }
    }

    fn series(&self) -> &[Arc<Series>] {
        match &self.found {
            Found::One(_, series) => std::slice::from_ref(series),
            Found::Some(several) => &several.series,
        }
    }

    /// What the series share; `None` while there is no such metric.
    pub fn family(&self) -> Option<&FamilyInfo> {
        self.family_core().map(|family| &family.info)
    }

    /// Whether it is of counters that somebody else counts: what one of them had when it came is not
    /// what it has counted since.
    pub fn is_observed(&self) -> bool {
        self.family_core().is_some_and(|family| family.spec == Spec::Observed)
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.series().is_empty()
    }

    /// What the last [tick](Registry::tick) saw of all of them together: the sum of what counters grew
    /// by, or of gauges as they are; histograms merged. `None` while there is none.
    ///
    /// # Cost
    /// A lock of the family for each 256 series.
    pub fn window(&self) -> Option<OwnedValue> {
        let family = self.family_core()?;
        let mut merged = Merged::default();
        for some in self.series().chunks(BATCH) {
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
        let beside = match &self.found {
            Found::One(..) => 0,
            Found::Some(several) => {
                let Several { asked, series, .. } = &**several;
                let text = asked.text.len() + size_of_val(&*asked.ends);
                size_of::<Several>() + text + size_of_val(&**series)
            }
        };
        size_of::<Selection>() + beside
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("metric", &self.metric())
            .field("labels", &self.labels())
            .field("series", &self.len())
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
    /// `dashboard/server-cpu`: some 30 ns for each series, under the lock that new threads and new series wait
    /// for, which is given back after each 256.
    pub fn totals(&mut self, selections: &[Selection], into: &mut Vec<f64>) {
        into.clear();
        let mut slabs = local::arena().read_with(std::mem::take(&mut self.pages));
        let mut left = BATCH;
        for (index, selection) in selections.iter().enumerate() {
            // Who reads 60 times a second finds nothing in the caches: what the next ones need is on its way meanwhile.
            if let Some(later) = selections.get(index + 2 * AHEAD) {
                later.series().iter().take(1).for_each(|series| prefetch(&raw const series.metric));
            }
            if let Some(later) = selections.get(index + AHEAD) {
                later.series().iter().take(1).for_each(|series| series.metric.prefetch());
            }
            let mut sum = if selection.is_empty() { f64::NAN } else { 0.0 };
            for series in selection.series() {
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

/// How many selections ahead of the one that is read.
const AHEAD: usize = 8;

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
