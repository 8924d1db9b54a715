//! What a reader gets: families, series and their values as plain structs.

#[cfg(not(loom))]
use crate::Exemplar;
use crate::{LabelValues, Layout, Unit};

/// What kind of metric a family is, as Prometheus tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A total that only goes up.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// A distribution with its count and sum.
    Histogram,
}

/// What all series of one name share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyInfo {
    /// The metric's name; a counter's always ends in `_total`.
    pub name: Box<str>,
    /// Its help text, as given.
    pub help: Box<str>,
    /// The unit of the recorded numbers.
    pub unit: Unit,
    /// Its kind.
    pub kind: Kind,
    /// The names of its labels, in the order of the values; empty for a plain metric.
    pub label_names: Box<[Box<str>]>,
}

/// What is known of one series besides its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesInfo {
    /// The label values, in the order of the family's names; empty for the overflow series.
    pub label_values: LabelValues,
    /// Whether this series takes what had no room in series of its own.
    pub overflow: bool,
    /// When the series began: nanoseconds since the Unix epoch.
    pub started_unix_ns: u64,
}

impl SeriesInfo {
    /// The label pairs as they are exported: the overflow series has `overflow="true"` alone.
    pub fn labels<'a>(
        &'a self,
        family: &'a FamilyInfo,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        let overflow = self.overflow.then_some(("overflow", "true"));
        let names = family.label_names.iter().map(|n| &**n);
        overflow.into_iter().chain(names.zip(&self.label_values))
    }
}

/// A series' value at one moment, in the recorded unit.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// The total of an integer counter.
    Counter(u64),
    /// The total of a counter of fractions.
    FloatCounter(f64),
    /// A gauge's number; NaN is a number here.
    Gauge(f64),
    /// A histogram's cells.
    Histogram(&'a HistogramValue),
}

/// A series' value, owned.
#[derive(Clone, Debug)]
pub enum OwnedValue {
    /// The total of an integer counter.
    Counter(u64),
    /// The total of a counter of fractions.
    FloatCounter(f64),
    /// A gauge's number.
    Gauge(f64),
    /// A histogram's cells.
    Histogram(HistogramValue),
}

impl OwnedValue {
    /// The value as readers see it.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            OwnedValue::Counter(n) => Value::Counter(*n),
            OwnedValue::FloatCounter(x) => Value::FloatCounter(*x),
            OwnedValue::Gauge(x) => Value::Gauge(*x),
            OwnedValue::Histogram(h) => Value::Histogram(h),
        }
    }
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> OwnedValue {
        match value {
            Value::Counter(n) => OwnedValue::Counter(n),
            Value::FloatCounter(x) => OwnedValue::FloatCounter(x),
            Value::Gauge(x) => OwnedValue::Gauge(x),
            Value::Histogram(h) => OwnedValue::Histogram(h.clone()),
        }
    }
}

/// The distribution of a histogram: exact counts by HDR cell.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramValue {
    /// `(cell, count)` with ascending cells and no zero counts.
    pub buckets: Vec<(u32, u64)>,
    /// The number of values: always the sum of the buckets' counts.
    pub count: u64,
    /// The sum of the values, in `sum_unit`; it wraps past 2^64.
    pub sum: u64,
    /// The unit of `sum`, which may be finer than that of the cells.
    pub sum_unit: Unit,
    /// The largest value, in the recorded unit; 0 without values.
    pub max: u64,
    /// Which values belong to which cell.
    pub layout: Layout,
    /// Values whose traces are known, smallest first: at most one for each doubling.
    #[cfg(not(loom))]
    pub exemplars: Vec<Exemplar>,
}

impl HistogramValue {
    pub(crate) fn empty(layout: Layout, sum_unit: Unit) -> HistogramValue {
        HistogramValue {
            buckets: Vec::new(),
            count: 0,
            sum: 0,
            sum_unit,
            max: 0,
            layout,
            #[cfg(not(loom))]
            exemplars: Vec::new(),
        }
    }

    /// The value below or at which the share `q` (0 to 1) of all values lies: the highest value
    /// of its cell, as HdrHistogram answers; 0 without values.
    pub fn value_at_quantile(&self, q: f64) -> u64 {
        let wanted = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for &(cell, count) in &self.buckets {
            seen += count;
            if seen >= wanted {
                return self.layout.highest_in(cell);
            }
        }
        0
    }

    /// The mean of the values in the recorded unit, from the exact sum where sum and cells share a
    /// unit; 0 without values.
    pub fn mean(&self, unit: Unit) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.sum as f64 * (self.sum_unit.scale() / unit.scale()) / self.count as f64
    }

    /// How many values lie in cells that end at or below `raw` (in the recorded unit).
    pub fn count_at_or_below(&self, raw: u64) -> u64 {
        self.buckets
            .iter()
            .take_while(|(cell, _)| self.layout.highest_in(*cell) <= raw)
            .map(|(_, count)| count)
            .sum()
    }

    /// `(lowest value, highest value, count)` of each cell that has values, ascending.
    pub fn iter_values(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        self.buckets.iter().map(|&(cell, count)| {
            (self.layout.lowest_in(cell), self.layout.highest_in(cell), count)
        })
    }

    /// The same distribution as a histogram of the `hdrhistogram` crate, for its percentiles,
    /// iterators and serialisation.
    pub fn to_hdr(&self) -> hdrhistogram::Histogram<u64> {
        let (highest, digits) = (self.layout.highest(), self.layout.digits());
        let mut hdr = hdrhistogram::Histogram::new_with_bounds(1, highest, digits)
            .expect("a layout's bounds are bounds of HdrHistogram");
        for (lowest, _, count) in self.iter_values() {
            hdr.record_n(lowest, count).expect("a cell lies within the bounds");
        }
        hdr
    }
}

/// Everything a registry holds, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was taken: nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// The families that have series, by name.
    pub families: Vec<FamilySnapshot>,
}

/// One family of a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct FamilySnapshot {
    /// What its series share.
    pub info: FamilyInfo,
    /// Its series, in the order in which they began.
    pub series: Vec<SeriesSnapshot>,
}

/// One series of a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct SeriesSnapshot {
    /// Its labels and start.
    pub info: SeriesInfo,
    /// Its value.
    pub value: OwnedValue,
}

impl Snapshot {
    /// The family called `name`.
    pub fn family(&self, name: &str) -> Option<&FamilySnapshot> {
        self.families.iter().find(|f| &*f.info.name == name)
    }

    /// The value of the series of `name` that has exactly these labels, in any order.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<Value<'_>> {
        let family = self.family(name)?;
        let same = |s: &&SeriesSnapshot| {
            s.info.labels(&family.info).count() == labels.len()
                && s.info.labels(&family.info).all(|pair| labels.contains(&pair))
        };
        Some(family.series.iter().find(same)?.value.as_value())
    }
}

/// Sees every family and series of a registry, one after another.
///
/// It runs inside the registry's read: it must not register, remove, read or look up metrics itself.
/// It may record through handles that it has.
pub trait Visitor {
    /// A family, before its first series; families without series are passed over.
    fn family(&mut self, family: &FamilyInfo) {
        let _ = family;
    }

    /// A series and its value, in the family's recorded unit.
    fn series(&mut self, family: &FamilyInfo, series: &SeriesInfo, value: Value<'_>);
}

impl Visitor for Snapshot {
    fn family(&mut self, family: &FamilyInfo) {
        self.families.push(FamilySnapshot { info: family.clone(), series: Vec::new() });
    }

    fn series(&mut self, _: &FamilyInfo, series: &SeriesInfo, value: Value<'_>) {
        let family = self.families.last_mut().expect("a family comes before its series");
        family.series.push(SeriesSnapshot { info: series.clone(), value: value.into() });
    }
}
