//! Series that a test made up or a rule recorded, as a storage.

use std::collections::{HashMap, HashSet};

use perf_monitor_core::Lock;
use perf_monitor_history::{
    Error, Generation, Labels, STALE, Samples, Selector, Series, SeriesId, Span, Storage,
};

use super::notation::Point;

/// Points that rules may record, at most: 16 MB.
const MOST_POINTS: usize = 1_000_000;

/// Whole series in memory, for the length of a test.
#[derive(Debug, Default)]
pub(super) struct MadeUp(Lock<Made>);

#[derive(Debug, Default)]
struct Made {
    series: Vec<(Labels, Samples)>,
    places: HashMap<Labels, usize>,
    points: usize,
}

impl MadeUp {
    /// A series whose points are `interval_ms` apart, from the epoch on.
    pub(super) fn add(&self, labels: Labels, points: &[Point], interval_ms: i64) {
        let mut made = self.0.lock();
        let samples = made.of(&labels);
        for (point, n) in points.iter().zip(0_i64..) {
            match point {
                Point::Value(value) => samples.push(n * interval_ms, *value),
                Point::Stale => samples.push(n * interval_ms, STALE),
                Point::Gap => {}
            }
        }
    }
}

impl Made {
    fn of(&mut self, labels: &Labels) -> &mut Samples {
        let next = self.series.len();
        let place = *self.places.entry(labels.clone()).or_insert(next);
        if place == next {
            self.series.push((labels.clone(), Samples::default()));
        }
        &mut self.series[place].1
    }

    /// False if there is no room. Of two values of one time the first counts.
    fn write(&mut self, at_ms: i64, labels: &Labels, value: f64) -> bool {
        if self.points >= MOST_POINTS {
            return false;
        }
        let samples = self.of(labels);
        if samples.at_ms.last().is_none_or(|last| *last < at_ms) {
            samples.push(at_ms, value);
            self.points += 1;
        }
        true
    }
}

impl Storage for MadeUp {
    fn generation(&self) -> Generation {
        let changes = self.0.lock().series.len() as u64;
        Generation { storage: std::ptr::from_ref(self).addr() as u64, changes }
    }

    fn select(&self, selector: &Selector, _: Span) -> Result<Vec<Series>, Error> {
        let made = self.0.lock();
        let all = made.series.iter().zip(0_u64..);
        let meant = all.filter(|((labels, _), _)| selector.matches(labels));
        let one = |((labels, _), id): (&(Labels, _), u64)| Series {
            id: SeriesId(id),
            labels: labels.clone(),
        };
        Ok(meant.map(one).collect())
    }

    fn read(&self, series: SeriesId, span: Span, into: &mut Samples) -> Result<(), Error> {
        let made = self.0.lock();
        let Some((_, samples)) = made.series.get(series.0 as usize) else { return Ok(()) };
        let from = samples.at_ms.partition_point(|at| *at < span.from_ms);
        let until = samples.at_ms.partition_point(|at| *at <= span.until_ms);
        for at in from..until {
            into.push(samples.at_ms[at], samples.values[at]);
        }
        Ok(())
    }

    fn write(&self, at_ms: i64, values: &[(Labels, f64)]) -> Result<usize, Error> {
        let mut made = self.0.lock();
        let refused = values.iter().filter(|(labels, value)| !made.write(at_ms, labels, *value));
        Ok(refused.count())
    }
}

/// A storage that is only read, with what rules record on top of it.
pub(super) struct OnTop<'a> {
    below: &'a dyn Storage,
    recorded: MadeUp,
    /// Names that the rules record: what there is of them below was made by other rules.
    names: HashSet<String>,
}

/// Tells series on top from those below.
const ON_TOP: u64 = 1 << 63;

impl<'a> OnTop<'a> {
    pub(super) fn of(below: &'a dyn Storage, names: HashSet<String>) -> OnTop<'a> {
        OnTop { below, recorded: MadeUp::default(), names }
    }

    fn place(&self, series: SeriesId) -> (&dyn Storage, SeriesId) {
        match series.0 & ON_TOP {
            0 => (self.below, series),
            _ => (&self.recorded, SeriesId(series.0 ^ ON_TOP)),
        }
    }
}

impl Storage for OnTop<'_> {
    fn generation(&self) -> Generation {
        let (below, top) = (self.below.generation(), self.recorded.generation());
        let storage = below.storage ^ top.storage;
        Generation { storage, changes: below.changes.wrapping_add(top.changes) }
    }

    fn select(&self, selector: &Selector, span: Span) -> Result<Vec<Series>, Error> {
        let mut found = self.below.select(selector, span)?;
        found.retain(|series| !self.names.contains(series.labels.name()));
        let top = self.recorded.select(selector, span)?.into_iter();
        found.extend(top.map(|s| Series { id: SeriesId(s.id.0 | ON_TOP), labels: s.labels }));
        Ok(found)
    }

    fn read(&self, series: SeriesId, span: Span, into: &mut Samples) -> Result<(), Error> {
        let (storage, series) = self.place(series);
        storage.read(series, span, into)
    }

    fn last(&self, series: SeriesId, span: Span) -> Result<Option<(i64, f64)>, Error> {
        let (storage, series) = self.place(series);
        storage.last(series, span)
    }

    fn write(&self, at_ms: i64, values: &[(Labels, f64)]) -> Result<usize, Error> {
        self.recorded.write(at_ms, values)
    }
}
