//! Takes a registry's values in.

use perf_monitor_core::{Buckets, FamilyInfo, HistogramValue, SeriesInfo, Unit, Value, Visitor};

use super::buckets::{Edge, counts, edges};
use super::store::Store;
use super::walk::Shown;

/// Sees a registry for a history, whose tick has begun.
pub(super) struct Recorder<'a> {
    pub(super) store: &'a mut Store,
    pub(super) buckets: &'a Buckets,
    /// The edges of the family that is being shown.
    edges: Vec<Edge>,
    /// Whether anything of that family is to be kept: most of a registry is not, and costs no labels then.
    wanted: bool,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(store: &'a mut Store, buckets: &'a Buckets) -> Recorder<'a> {
        Recorder { store, buckets, edges: Vec::new(), wanted: true }
    }

    fn put(&mut self, shown: Shown<'_>, value: f64) {
        let Store { walk, table, .. } = &mut *self.store;
        let place = walk.find(table, shown).or_else(|| {
            let place = self.store.place_of(shown.to_labels())?;
            self.store.walk.note(place);
            Some(place)
        });
        if let Some(place) = place {
            self.store.put(place, value);
        }
    }

    fn histogram(&mut self, shown: Shown<'_>, value: &HistogramValue) {
        for (index, count) in counts(&self.edges, value).into_iter().enumerate() {
            let le = std::mem::take(&mut self.edges[index].text);
            self.put(Shown { suffix: "_bucket", le: Some(&le), ..shown }, count as f64);
            self.edges[index].text = le;
        }
        let count = value.count as f64;
        self.put(Shown { suffix: "_bucket", le: Some("+Inf"), ..shown }, count);
        let sum = in_base_unit(value.sum as f64, value.sum_unit);
        self.put(Shown { suffix: "_sum", ..shown }, sum);
        self.put(Shown { suffix: "_count", ..shown }, count);
    }
}

/// By one correctly rounded division, so that it is the number that a scrape's decimals read back as.
fn in_base_unit(recorded: f64, unit: Unit) -> f64 {
    match unit.decimals() {
        0 => recorded,
        places => recorded / 10f64.powi(places as i32),
    }
}

impl Visitor for Recorder<'_> {
    fn family(&mut self, family: &FamilyInfo) {
        self.wanted = self.store.wants(family);
        if self.wanted {
            self.edges = edges(self.buckets, family);
        }
    }

    fn series(&mut self, family: &FamilyInfo, series: &SeriesInfo, value: Value<'_>) {
        if !self.wanted {
            return;
        }
        let shown = Shown { family, series, suffix: "", le: None };
        let value = match value {
            Value::Counter(count) => count as f64,
            Value::FloatCounter(number) | Value::Gauge(number) => number,
            Value::Histogram(value) => return self.histogram(shown, value),
        };
        self.put(shown, in_base_unit(value, family.unit));
    }
}
