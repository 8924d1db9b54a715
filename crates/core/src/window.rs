//! The last minute of a distribution, kept as six parts of ten seconds.

use crate::Layout;
use crate::distribution::{Distribution, SUM};
use crate::local;
use crate::packed::{Packed, difference, merge};
use crate::{HistogramValue, Unit};
use std::collections::VecDeque;

/// Seconds that a window covers and parts it is kept in: as a part ends, the oldest is dropped, so
/// the view neither empties each minute, as the seed's does, nor jumps.
pub(crate) const WINDOW_S: u64 = 60;
const PARTS: usize = 6;
const PART_NS: u64 = WINDOW_S * 1_000_000_000 / PARTS as u64;

/// What was recorded in one part.
#[derive(Debug, Default)]
struct Part {
    cells: Packed,
    sum: u64,
}

#[derive(Debug)]
pub(crate) struct Window {
    /// Ended parts, oldest first; with the one that runs they are never more than `PARTS`.
    ended: VecDeque<Part>,
    /// Everything up to where the running part began.
    before: Part,
    began_ns: u64,
}

impl Window {
    pub(crate) fn new(now_ns: u64) -> Window {
        Window { ended: VecDeque::new(), before: Part::default(), began_ns: now_ns }
    }

    /// Ends parts whose time is over. What was recorded while nobody called this belongs to the
    /// newest of them.
    pub(crate) fn advance(&mut self, now_ns: u64, distribution: &Distribution) {
        let parts = now_ns.saturating_sub(self.began_ns) / PART_NS;
        if parts == 0 {
            return;
        }
        self.began_ns += parts * PART_NS;
        for _ in 1..parts.min(PARTS as u64) {
            self.push(Part::default());
        }
        let now = read(distribution);
        self.push(self.since_began(&now));
        self.before = Part { cells: Packed::of_totals(now.buckets), sum: now.sum };
    }

    fn push(&mut self, part: Part) {
        if self.ended.len() == PARTS - 1 {
            self.ended.pop_front();
        }
        self.ended.push_back(part);
    }

    fn since_began(&self, now: &HistogramValue) -> Part {
        Part {
            cells: difference(&now.buckets, &self.before.cells).into_iter().collect(),
            sum: now.sum.wrapping_sub(self.before.sum),
        }
    }

    /// The window's distribution: the ended parts and the running one.
    pub(crate) fn value(&self, distribution: &Distribution) -> HistogramValue {
        let now = read(distribution);
        let running = self.since_began(&now);
        let mut cells = Vec::new();
        let mut sum = 0u64;
        for part in self.ended.iter().chain([&running]) {
            cells = merge(cells.into_iter(), part.cells.iter());
            sum = sum.wrapping_add(part.sum);
        }
        of_cells(cells, sum, now.max, now.layout, now.sum_unit)
    }

    pub(crate) fn bytes(&self) -> usize {
        let parts = self.ended.iter().chain([&self.before]);
        parts.map(|p| size_of::<Part>() + p.cells.bytes()).sum()
    }
}

fn read(distribution: &Distribution) -> HistogramValue {
    let slabs = local::arena().read();
    let mut value = HistogramValue::empty(distribution.layout(), Unit::None);
    distribution.read_cells(&slabs, |cell, count| value.buckets.push((cell, count)));
    value.sum = distribution.header(SUM, &slabs);
    value.sum_unit = distribution.sum_unit();
    value.max = distribution.max(&slabs);
    value
}

/// A distribution of these cells. Its largest value is known to its cell, and not above the
/// largest that was ever recorded.
pub(crate) fn of_cells(
    buckets: Vec<(u32, u64)>,
    sum: u64,
    max: u64,
    layout: Layout,
    sum_unit: Unit,
) -> HistogramValue {
    let count = buckets.iter().map(|(_, n)| n).sum();
    let max = buckets.last().map_or(0, |&(cell, _)| layout.highest_in(cell).min(max));
    HistogramValue { buckets, count, sum, sum_unit, max, layout, exemplars: Vec::new() }
}
