//! The traces behind a histogram's buckets, as OpenMetrics writes them.

use perf_monitor_core::{Exemplar, Layout, Unit};

use crate::escape::push_all;
use crate::number::push_decimal;

/// The exemplars of a histogram, given out bucket by bucket.
pub(crate) struct Exemplars<'a> {
    layout: Layout,
    left: &'a [Exemplar],
    /// The edge before, as it is recorded.
    above: Option<u64>,
    decimals: usize,
}

impl<'a> Exemplars<'a> {
    /// Of a histogram of `layout`, smallest first.
    pub(crate) fn new(layout: Layout, all: &'a [Exemplar], decimals: usize) -> Exemplars<'a> {
        Exemplars { layout, left: all, above: None, decimals }
    }

    /// Writes the newest exemplar of the bucket that ends at `edge`, if there is one, behind its count.
    ///
    /// A cell on an edge is counted above it; a value of such a cell that lies below is in no bucket that it
    /// could stand for, so it is passed over.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, edge: Option<u64>) {
        if self.left.is_empty() {
            return;
        }
        let layout = self.layout;
        let below =
            |e: &Exemplar| edge.is_none_or(|edge| layout.highest_in(layout.cell(e.value)) <= edge);
        let (here, left) = self.left.split_at(self.left.partition_point(below));
        self.left = left;
        let inside = here.iter().filter(|e| self.above.is_none_or(|above| e.value > above));
        if let Some(newest) = inside.max_by_key(|e| e.unix_ns) {
            push_exemplar(out, newest, self.decimals);
        }
        self.above = edge.or(self.above);
    }
}

fn push_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar, decimals: usize) {
    let trace = format!("{:032x}", exemplar.trace_id);
    let span = format!("{:016x}", exemplar.span_id);
    push_all(out, &[" # {trace_id=\"", &trace, "\",span_id=\"", &span, "\"} "]);
    push_decimal(out, exemplar.value, decimals);
    out.push(b' ');
    push_decimal(out, exemplar.unix_ns, Unit::Nanoseconds.decimals());
}
