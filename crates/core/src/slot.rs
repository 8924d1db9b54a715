//! A series in its family, with what its last tick saw.

use crate::arena::Slabs;
use crate::distribution::SUM;
use crate::metric::Metric;
use crate::packed::{Packed, difference};
use crate::series::Series;
use crate::snapshot::{HistogramValue, OwnedValue, Value};
use crate::window::of_cells;
use std::sync::Arc;

pub(crate) struct Slot {
    pub(crate) series: Arc<Series>,
    /// Whether it is to expire at the next tick, unless it moves until then.
    pub(crate) leaving: bool,
    /// When a tick last found that it had moved.
    pub(crate) moved_ns: u64,
    /// Whether a tick has seen it told. What a source had counted before anybody looked (since boot,
    /// mostly) is no growth of the first window.
    seen: bool,
    window: Window,
}

/// A total at the last tick and what it had grown by since the one before. Floats are kept as
/// their bits.
enum Window {
    Number { before: u64, delta: u64 },
    Cells(Box<Cells>),
}

#[derive(Default)]
struct Cells {
    before: Packed,
    count: u64,
    sum: u64,
    delta: Packed,
    delta_sum: u64,
    max: u64,
}

impl Slot {
    pub(crate) fn new(series: Arc<Series>, now_ns: u64) -> Slot {
        let window = match series.metric.distribution() {
            Some(_) => Window::Cells(Box::default()),
            None => Window::Number { before: 0, delta: 0 },
        };
        Slot { series, moved_ns: now_ns, leaving: false, seen: false, window }
    }

    /// Closes the window: what grew since the last call is the delta that readers get.
    pub(crate) fn tick(&mut self, slabs: &Slabs<'_>, now_ns: u64) {
        let metric = &self.series.metric;
        let moved = match &mut self.window {
            Window::Cells(cells) => metric.distribution().is_some_and(|d| cells.tick(d, slabs)),
            Window::Number { before, delta } => match metric {
                Metric::Gauge(core) => core.take_touched(),
                _ => {
                    let (now, grown) = metric.show(slabs, |value| grown(value, *before));
                    let told = match metric {
                        Metric::Observed(core) => core.take_touched(),
                        _ => grown != 0,
                    };
                    let baseline = !self.seen && matches!(metric, Metric::Observed(_));
                    self.seen |= told;
                    (*before, *delta) = (now, if baseline { 0 } else { grown });
                    told
                }
            },
        };
        if moved {
            self.moved_ns = now_ns;
            self.leaving = false;
        }
    }

    /// What the last tick saw: the growth of counters and histograms, and a gauge as it is.
    pub(crate) fn last(&self, slabs: &Slabs<'_>) -> OwnedValue {
        match (&self.window, &self.series.metric) {
            (_, Metric::Gauge(core)) => OwnedValue::Gauge(core.value(slabs)),
            (Window::Number { delta, .. }, Metric::FloatCounter(_)) => {
                OwnedValue::FloatCounter(f64::from_bits(*delta))
            }
            (Window::Number { delta, .. }, _) => OwnedValue::Counter(*delta),
            (Window::Cells(cells), metric) => OwnedValue::Histogram(cells.last(metric)),
        }
    }

    /// Bytes of the window beside the slot itself.
    pub(crate) fn window_bytes(&self) -> usize {
        match &self.window {
            Window::Number { .. } => 0,
            Window::Cells(cells) => size_of::<Cells>() + cells.before.bytes() + cells.delta.bytes(),
        }
    }
}

fn grown(now: Value<'_>, before: u64) -> (u64, u64) {
    match now {
        Value::Counter(now) => (now, now.wrapping_sub(before)),
        Value::FloatCounter(now) => (now.to_bits(), (now - f64::from_bits(before)).to_bits()),
        Value::Gauge(_) | Value::Histogram(_) => (0, 0),
    }
}

impl Cells {
    fn tick(&mut self, cells: &crate::distribution::Distribution, slabs: &Slabs<'_>) -> bool {
        // The header is ahead of the cells while a record is under way, so what is kept is the
        // count of the cells that were read.
        if cells.count(slabs) == self.count {
            (self.delta, self.delta_sum) = (Packed::default(), 0);
            return false;
        }
        let mut now = Vec::new();
        cells.read_cells(slabs, |cell, count| now.push((cell, count)));
        self.count = now.iter().map(|(_, count)| count).sum();
        let sum = cells.header(SUM, slabs);
        self.delta = difference(&now, &self.before).into_iter().collect();
        self.delta_sum = sum.wrapping_sub(self.sum);
        self.before = Packed::of_totals(now);
        (self.sum, self.max) = (sum, cells.max(slabs));
        true
    }

    fn last(&self, metric: &Metric) -> HistogramValue {
        let cells = metric.distribution().expect("these windows are histograms'");
        let delta = self.delta.iter().collect();
        of_cells(delta, self.delta_sum, self.max, cells.layout(), cells.sum_unit())
    }
}
