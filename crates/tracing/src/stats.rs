//! What a tracer holds, in numbers.

use crate::engine::Core;
use crate::metrics::{Detail, Loss, Misuse};
use crate::slot;

/// What a tracer holds, with what it could not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TracerStats {
    /// Spans that have not ended.
    pub open_spans: usize,
    /// Traces that are kept.
    pub finished_traces: usize,
    /// Their spans.
    pub finished_spans: usize,
    /// Spans that there is room for.
    pub span_capacity: usize,
    /// Cells of 64 bytes for attributes with the like that there are.
    pub payload_cells: usize,
    /// Those of them that are free.
    pub free_payload_cells: usize,
    /// Names that spans have had.
    pub names: usize,
    /// Bytes of everything that is kept.
    pub bytes: usize,
    /// What the options allow.
    pub memory_bytes: usize,
    /// Spans that ended in traces that were kept.
    pub kept: u64,
    /// Spans that ended in traces that were not kept.
    pub dropped: u64,
    /// Spans that were measured only.
    pub unsampled: u64,
    /// Spans that found no slot.
    pub lost_slots: u64,
    /// Spans of traces that had too many.
    pub lost_trace_full: u64,
    /// Spans that made room for others before anybody had exported them.
    pub lost_evicted: u64,
    /// Spans that had to share the name `overflow`.
    pub lost_names: u64,
    /// Attributes, events, links and messages that found no room.
    pub lost_payload: u64,
    /// Ends of spans that had ended.
    pub ended_twice: u64,
    /// Calls with ids whose spans are gone.
    pub stale: u64,
    /// Calls with ids that are not this tracer's, or that a guard has.
    pub foreign: u64,
    /// Events and attributes of spans that had ended.
    pub event_after_end: u64,
}

impl TracerStats {
    pub(crate) fn of(core: &Core) -> TracerStats {
        let (finished_traces, finished_spans) = core.finished.lock(core).lists.totals();
        let seen = core.slots.iter().filter_map(|slot| slot.read());
        let metrics = &core.metrics;
        TracerStats {
            open_spans: seen.filter(|seen| !seen.log.has(slot::ENDED)).count(),
            finished_traces,
            finished_spans,
            span_capacity: core.slots.len(),
            payload_cells: core.cells.len(),
            free_payload_cells: core.cells.free(),
            names: core.names.len(),
            bytes: core.bytes(),
            memory_bytes: core.options.memory_bytes,
            kept: metrics.kept.get(),
            dropped: metrics.dropped.get(),
            unsampled: metrics.unsampled.get(),
            lost_slots: metrics.lost(Loss::Slots).get(),
            lost_trace_full: metrics.lost(Loss::TraceFull).get(),
            lost_evicted: metrics.lost(Loss::Evicted).get(),
            lost_names: metrics.detail(Detail::Name).get(),
            lost_payload: metrics.detail(Detail::Payload).get(),
            ended_twice: metrics.misuse(Misuse::EndedTwice).get(),
            stale: metrics.misuse(Misuse::Stale).get(),
            foreign: metrics.misuse(Misuse::Foreign).get(),
            event_after_end: metrics.misuse(Misuse::EventAfterEnd).get(),
        }
    }
}
