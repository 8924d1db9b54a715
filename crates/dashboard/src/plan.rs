//! Columns as they are read: which series each needs, and what is made of them.

use perf_monitor_core::{Kind, OwnedValue, Reader, Registry, Selection, Window};
use serde::Serialize;

use crate::column::{Column, Stat};
use crate::rates::Rates;

/// How often series that came or went are looked for, at the most: with thousands of them that takes a
/// millisecond.
const REFRESH_NS: u64 = 100_000_000;

/// The columns of a group, made to be read many times a second.
pub(crate) struct Plan {
    registry: Registry,
    /// What the columns are of, each once.
    sources: Vec<Selection>,
    columns: Vec<Planned>,
    reader: Reader,
    totals: Vec<f64>,
    /// Of the first sources.
    rates: Rates,
    rated: usize,
    values: Vec<f32>,
    generation: u64,
    refreshed_ns: u64,
    ticks: u64,
}

#[derive(Clone, Copy)]
struct Planned {
    source: u16,
    stat: Stat,
}

/// What a column is of at this moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Described {
    kind: Option<&'static str>,
    unit: Option<&'static str>,
    series: usize,
}

impl Plan {
    pub(crate) fn new(registry: &Registry, columns: &[Column]) -> Plan {
        let generation = registry.generation();
        let mut keys: Vec<&Column> = Vec::new();
        let mut place = |column| {
            let same = |key: &&Column| key.is_of_the_same(column);
            keys.iter().position(same).unwrap_or_else(|| {
                keys.push(column);
                keys.len() - 1
            })
        };
        // first those with rates, as these take the most to know
        let with_rates = columns.iter().filter(|column| column.stat == Stat::Rate);
        let rated = with_rates.map(|column| place(column) + 1).max().unwrap_or(0);
        let planned = columns
            .iter()
            .map(|column| Planned { source: place(column) as u16, stat: column.stat });
        let columns = planned.collect::<Vec<_>>();
        let follow = |key: &&Column| {
            registry.follow(&key.metric, key.labels.iter().map(|(name, value)| (name, value)))
        };
        let sources: Vec<Selection> = keys.iter().map(follow).collect();
        let (mut reader, mut totals) = (Reader::default(), Vec::with_capacity(sources.len()));
        reader.totals(&sources, &mut totals);
        let now_ns = registry.clock().now_ns();
        let mut plan = Plan {
            registry: registry.clone(),
            rates: Rates::new(&totals[..rated], now_ns),
            rated,
            values: vec![f32::NAN; columns.len()],
            refreshed_ns: now_ns,
            ticks: u64::MAX,
            sources,
            columns,
            reader,
            totals,
            generation,
        };
        plan.begin_rates();
        plan
    }

    /// The last tick's growth, so that a rate is there from the first frame on.
    fn begin_rates(&mut self) {
        let window = self.registry.window();
        if window.ticks < 2 {
            return;
        }
        let grown = self.sources[..self.rated].iter().map(|source| match source.window() {
            Some(OwnedValue::Counter(grown)) => grown as f64,
            Some(OwnedValue::FloatCounter(grown)) => grown,
            Some(OwnedValue::Histogram(records)) => records.count as f64,
            Some(OwnedValue::Gauge(_)) | None => 0.0,
        });
        self.rates.begin(grown, window.to_ns - window.from_ns);
    }

    /// What each column is of.
    pub(crate) fn describe(&self) -> Vec<Described> {
        let source = |column: &Planned| &self.sources[usize::from(column.source)];
        let describe = |source: &Selection| match source.family().filter(|_| !source.is_empty()) {
            Some(family) => Described {
                kind: Some(kind_name(family.kind)),
                unit: Some(family.unit.base_name()),
                series: source.len(),
            },
            None => Described { kind: None, unit: None, series: 0 },
        };
        self.columns.iter().map(|column| describe(source(column))).collect()
    }

    /// How many series one reading looks at.
    pub(crate) fn series(&self) -> usize {
        self.sources.iter().map(Selection::len).sum()
    }

    /// Whether a column changes with ticks alone: distributions, and the growth of what somebody else counts. That comes
    /// once a tick, so that a second which is not in step with ticks would hold none of it, or twice as much.
    fn is_of_window(&self, column: &Planned) -> bool {
        let observed = || self.sources[usize::from(column.source)].is_observed();
        column.stat.is_of_window() || (column.stat == Stat::Rate && observed())
    }

    /// All columns as they are now.
    pub(crate) fn read(&mut self) -> &[f32] {
        let now_ns = self.registry.clock().now_ns();
        let fresh = self.refresh(now_ns);
        self.reader.totals(&self.sources, &mut self.totals);
        self.rates.read(&self.totals[..self.rated], now_ns);
        let window = self.registry.window();
        if window.ticks != self.ticks || fresh {
            self.ticks = window.ticks;
            self.read_window(window);
        }
        for number in 0..self.columns.len() {
            let column = self.columns[number];
            if self.is_of_window(&column) {
                continue;
            }
            let index = usize::from(column.source);
            let now = match (self.sources[index].family(), column.stat) {
                (Some(family), stat) => match (family.kind, stat) {
                    (Kind::Gauge, Stat::Value) | (Kind::Counter, Stat::Total) => {
                        self.totals[index] * family.unit.scale()
                    }
                    (Kind::Counter, Stat::Rate) => self.rates.rate(index) * family.unit.scale(),
                    (Kind::Histogram, Stat::Rate) => self.rates.rate(index),
                    _ => f64::NAN,
                },
                (None, _) => f64::NAN,
            };
            self.values[number] = single(now);
        }
        &self.values
    }

    /// Looks for series that came or went; whether there were any.
    fn refresh(&mut self, now_ns: u64) -> bool {
        let generation = self.registry.generation();
        if generation == self.generation || now_ns.saturating_sub(self.refreshed_ns) < REFRESH_NS {
            return false;
        }
        (self.generation, self.refreshed_ns) = (generation, now_ns);
        let mut any = false;
        for (index, source) in self.sources.iter_mut().enumerate() {
            if source.refresh(&self.registry) {
                any = true;
                if source.is_observed() && index < self.rated {
                    self.rates.forget(index);
                }
            }
        }
        any
    }

    /// What the last tick saw: each source is looked up once, whatever is shown of it.
    fn read_window(&mut self, window: Window) {
        let seconds = window.to_ns.saturating_sub(window.from_ns) as f64 * 1e-9;
        for index in 0..self.sources.len() {
            let wanted =
                |column: &Planned| usize::from(column.source) == index && self.is_of_window(column);
            let wanted: Vec<usize> =
                (0..self.columns.len()).filter(|number| wanted(&self.columns[*number])).collect();
            if wanted.is_empty() {
                continue;
            }
            let source = &self.sources[index];
            let grown = (window.ticks > 0).then(|| source.window()).flatten();
            let scale = source.family().map_or(1.0, |family| family.unit.scale());
            // the first window has all that was counted before it
            let per_second = |grown: f64| match window.ticks > 1 && seconds > 0.0 {
                true => grown * scale / seconds,
                false => f64::NAN,
            };
            for number in wanted {
                self.values[number] = single(match &grown {
                    Some(OwnedValue::Histogram(records)) => {
                        self.columns[number].stat.of_records(records, scale, seconds)
                    }
                    Some(OwnedValue::Counter(grown)) => per_second(*grown as f64),
                    Some(OwnedValue::FloatCounter(grown)) => per_second(*grown),
                    Some(OwnedValue::Gauge(_)) | None => f64::NAN,
                });
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let sources = self.sources.iter().map(Selection::bytes).sum::<usize>();
        let columns = self.columns.capacity() * size_of::<Planned>() + 4 * self.values.capacity();
        size_of::<Plan>() + sources + columns + 8 * self.totals.capacity() + self.rates.bytes()
    }
}

/// As it is sent: any NaN is the same gap.
pub(crate) fn single(number: f64) -> f32 {
    if number.is_nan() { f32::NAN } else { number as f32 }
}

pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use perf_monitor_core::{Clock, Desc, Unit};

    use super::*;

    #[test]
    fn what_a_tick_reads_has_the_rate_of_the_last_tick_between_ticks_too() {
        let (time, clock) = Clock::fake();
        let registry = Registry::builder().clock(time).build();
        let desc = Desc::new("sent_bytes_total", "Bytes that were sent.").unit(Unit::Bytes);
        let sent = registry.observed_counter(desc).unwrap();
        let (metric, labels) = ("sent_bytes_total".into(), Box::default());
        let column = Column { metric, labels, stat: Stat::Rate };
        let mut plan = Plan::new(&registry, &[column]);
        let tick = |total: u64| {
            clock.advance(Duration::from_millis(40));
            sent.observe(total);
            registry.tick();
        };
        tick(1_000_000);
        assert!(plan.read()[0].is_nan(), "the first window has all that was sent before");
        let mut between_ticks = |expected: f32| {
            for _ in 0..60 {
                clock.advance(Duration::from_millis(16));
                let rate = plan.read()[0];
                assert!((rate - expected).abs() < 0.1, "{rate}");
            }
        };
        tick(1_000_040);
        between_ticks(1_000.0);
        tick(1_002_040);
        between_ticks(2_000.0);
    }
}
