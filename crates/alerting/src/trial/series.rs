//! Series that a test made up, as a storage.

use perf_monitor_history::{
    Error, Generation, Labels, STALE, Samples, Selector, Series, SeriesId, Span, Storage,
};

use super::notation::Point;

/// Whole series in memory, for the length of a test.
#[derive(Debug, Default)]
pub(super) struct MadeUp {
    series: Vec<(Labels, Samples)>,
}

impl MadeUp {
    /// A series whose points are `interval_ms` apart, from the epoch on.
    pub(super) fn add(&mut self, labels: Labels, points: &[Point], interval_ms: i64) {
        let mut samples = Samples::default();
        for (point, n) in points.iter().zip(0_i64..) {
            match point {
                Point::Value(value) => samples.push(n * interval_ms, *value),
                Point::Stale => samples.push(n * interval_ms, STALE),
                Point::Gap => {}
            }
        }
        self.series.push((labels, samples));
    }
}

impl Storage for MadeUp {
    fn generation(&self) -> Generation {
        Generation { storage: std::ptr::from_ref(self).addr() as u64, changes: 0 }
    }

    fn select(&self, selector: &Selector, _: Span) -> Result<Vec<Series>, Error> {
        let all = self.series.iter().zip(0_u64..);
        let meant = all.filter(|((labels, _), _)| selector.matches(labels));
        let one = |((labels, _), id): (&(Labels, _), u64)| Series {
            id: SeriesId(id),
            labels: labels.clone(),
        };
        Ok(meant.map(one).collect())
    }

    fn read(&self, series: SeriesId, span: Span, into: &mut Samples) -> Result<(), Error> {
        let Some((_, samples)) = self.series.get(series.0 as usize) else { return Ok(()) };
        let from = samples.at_ms.partition_point(|at| *at < span.from_ms);
        let until = samples.at_ms.partition_point(|at| *at <= span.until_ms);
        for at in from..until {
            into.push(samples.at_ms[at], samples.values[at]);
        }
        Ok(())
    }
}
