//! The points that a query's selectors mean.

use std::cell::{Cell, RefCell};

use crate::error::Error;
use crate::limits::Limits;
use crate::promql::ast::Selection;
use crate::query::{Found, LOOKBACK, MatrixSeries, Query, VectorSample};
use crate::storage::{Change, Rollup, Samples, Series, Span, Storage, is_stale};

use super::Times;

const LOOKBACK_MS: i64 = LOOKBACK.as_millis() as i64;

/// The series of each selector. For a single moment their points are read when they are looked at,
/// into one buffer; for a range of moments they are read once.
pub(super) struct Source<'a> {
    query: &'a Query,
    storage: &'a dyn Storage,
    selected: Vec<Selected>,
    buffer: RefCell<Samples>,
    /// Points that were looked at.
    points: Cell<u64>,
}

struct Selected {
    found: Found,
    /// The points of each series, unless they are read one by one.
    loaded: Option<Vec<Samples>>,
}

/// The points of a series within a range, without markers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    pub(super) at_ms: &'a [i64],
    pub(super) values: &'a [f64],
    /// What the first of them stand for.
    pub(super) rollups: &'a [Rollup],
}

impl<'a> Source<'a> {
    pub(super) fn once(
        query: &'a Query,
        storage: &'a dyn Storage,
        at_ms: i64,
    ) -> Result<Source<'a>, Error> {
        let mut source = Source::empty(query, storage);
        for (number, selection) in query.parsed().selections.iter().enumerate() {
            let mut found = query.found(number);
            let generation = storage.generation_of(&selection.selector);
            if found.generation != Some(generation) {
                let series = source.select(selection, span(selection, Times::once(at_ms)))?;
                found = Found { generation: Some(generation), series: series.into() };
                query.remember(number, &found);
            }
            source.selected.push(Selected { found, loaded: None });
        }
        Ok(source)
    }

    pub(super) fn over(
        query: &'a Query,
        storage: &'a dyn Storage,
        times: Times,
    ) -> Result<Source<'a>, Error> {
        let mut source = Source::empty(query, storage);
        for selection in &query.parsed().selections {
            let span = span(selection, times);
            let series = source.select(selection, span)?;
            let mut loaded = Vec::with_capacity(series.len());
            for one in &series {
                let mut samples = Samples::default();
                storage.read(one.id, span, &mut samples)?;
                source.count(samples.len())?;
                if selection.range_ms > 0 {
                    drop_markers(&mut samples);
                }
                loaded.push(samples);
            }
            let found = Found { generation: None, series: series.into() };
            source.selected.push(Selected { found, loaded: Some(loaded) });
        }
        Ok(source)
    }

    fn empty(query: &'a Query, storage: &'a dyn Storage) -> Source<'a> {
        let (selected, buffer) = (Vec::new(), RefCell::default());
        Source { query, storage, selected, buffer, points: Cell::new(0) }
    }

    fn select(&self, selection: &Selection, span: Span) -> Result<Vec<Series>, Error> {
        let series = self.storage.select(&selection.selector, span)?;
        let what = format!("the selector {}", selection.selector);
        self.query.limits().check_series(&what, series.len())?;
        Ok(series)
    }

    /// Counts points that are looked at, up to the limit.
    fn count(&self, points: usize) -> Result<(), Error> {
        self.points.set(self.points.get() + points as u64);
        let limits: &Limits = self.query.limits();
        match self.points.get() <= limits.points {
            true => Ok(()),
            false => Err(limits.reached("the number of points", "points", limits.points)),
        }
    }

    /// The present value of each series of a selector.
    pub(super) fn vector(&self, number: usize, at_ms: i64) -> Result<Vec<VectorSample>, Error> {
        let selection = &self.query.parsed().selections[number];
        let selected = &self.selected[number];
        let span = span(selection, Times::once(at_ms));
        self.count(selected.found.series.len())?;
        let mut samples = Vec::with_capacity(selected.found.series.len());
        for (index, series) in selected.found.series.iter().enumerate() {
            let last = match &selected.loaded {
                None => self.storage.last(series.id, span)?,
                Some(loaded) => last_in(&loaded[index], span),
            };
            if let Some((_, value)) = last.filter(|(_, value)| !is_stale(*value)) {
                samples.push(VectorSample { labels: series.labels.clone(), value });
            }
        }
        Ok(samples)
    }

    /// Shows the points that each series of a selector has in its range.
    pub(super) fn windows(
        &self,
        number: usize,
        at_ms: i64,
        mut show: impl FnMut(&Series, Window<'_>),
    ) -> Result<(), Error> {
        let selection = &self.query.parsed().selections[number];
        let selected = &self.selected[number];
        let span = span(selection, Times::once(at_ms));
        let mut buffer = self.buffer.borrow_mut();
        for (index, series) in selected.found.series.iter().enumerate() {
            let samples = match &selected.loaded {
                Some(loaded) => &loaded[index],
                None => {
                    buffer.clear();
                    self.storage.read(series.id, span, &mut buffer)?;
                    drop_markers(&mut buffer);
                    &*buffer
                }
            };
            let window = window_of(samples, span);
            self.count(window.values.len())?;
            if !window.values.is_empty() {
                show(series, window);
            }
        }
        Ok(())
    }

    /// Shows how each series of a selector changed over its range.
    pub(super) fn changes(
        &self,
        number: usize,
        at_ms: i64,
        mut show: impl FnMut(&Series, Change, Span),
    ) -> Result<(), Error> {
        let selection = &self.query.parsed().selections[number];
        let selected = &self.selected[number];
        let span = span(selection, Times::once(at_ms));
        for (index, series) in selected.found.series.iter().enumerate() {
            let change = match &selected.loaded {
                None => self.storage.change(series.id, span)?,
                Some(loaded) => {
                    let window = window_of(&loaded[index], span);
                    Change::of(window.at_ms, window.values)
                }
            };
            if let Some(change) = change {
                self.count(change.points)?;
                show(series, change, span);
            }
        }
        Ok(())
    }

    pub(super) fn matrix(&self, number: usize, at_ms: i64) -> Result<Vec<MatrixSeries>, Error> {
        let mut all = Vec::new();
        self.windows(number, at_ms, |series, window| {
            let points = window.at_ms.iter().copied().zip(window.values.iter().copied()).collect();
            all.push(MatrixSeries { labels: series.labels.clone(), points });
        })?;
        Ok(all)
    }

    pub(super) fn selection(&self, number: usize) -> &'a Selection {
        &self.query.parsed().selections[number]
    }
}

/// What `selection` needs for all of `times`. A range includes both ends; the lookback its end alone.
fn span(selection: &Selection, times: Times) -> Span {
    let reach = if selection.range_ms > 0 { selection.range_ms } else { LOOKBACK_MS - 1 };
    Span {
        from_ms: times.from_ms.saturating_sub(selection.offset_ms).saturating_sub(reach),
        until_ms: times.until_ms.saturating_sub(selection.offset_ms),
        step_ms: times.step_ms,
    }
}

fn last_in(samples: &Samples, span: Span) -> Option<(i64, f64)> {
    let end = samples.at_ms.partition_point(|at| *at <= span.until_ms);
    let index = end.checked_sub(1).filter(|index| samples.at_ms[*index] >= span.from_ms)?;
    Some((samples.at_ms[index], samples.values[index]))
}

fn window_of(samples: &Samples, span: Span) -> Window<'_> {
    let start = samples.at_ms.partition_point(|at| *at < span.from_ms);
    let end = samples.at_ms.partition_point(|at| *at <= span.until_ms);
    let rollups = samples.rollups.len();
    Window {
        at_ms: &samples.at_ms[start..end],
        values: &samples.values[start..end],
        rollups: &samples.rollups[start.min(rollups)..end.min(rollups)],
    }
}

/// Takes the markers of series that ended out of `samples`: functions of a range do not see them.
fn drop_markers(samples: &mut Samples) {
    if !samples.values.iter().copied().any(is_stale) {
        return;
    }
    let Samples { at_ms, values, rollups } = samples;
    let stays: Vec<bool> = values.iter().map(|value| !is_stale(*value)).collect();
    retain(at_ms, &stays);
    retain(rollups, &stays);
    retain(values, &stays);
}

/// Keeps the elements that `stays` says so of, from the first on.
fn retain<T>(all: &mut Vec<T>, stays: &[bool]) {
    let mut stays = stays.iter();
    all.retain(|_| stays.next().copied().unwrap_or(true));
}
