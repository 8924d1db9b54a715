//! The kept traces as exemplars of their spans' durations.

use perf_monitor_core::Exemplar;

use crate::engine::Core;
use crate::read::FinishedTrace;
use crate::tracer::DistributedTracer;

/// Traces of each sort that a tick looks at: what a scrape shows of a name is one for each doubling.
const LOOKED_AT: usize = 8;

impl DistributedTracer {
    /// Tells the histogram of each name which of the kept traces its slow and its latest spans were in.
    pub(crate) fn mark_exemplars(&self) {
        let traces = self.slow(LOOKED_AT).into_iter().chain(self.recent(LOOKED_AT));
        traces.for_each(|trace| mark(&self.core, &trace));
    }
}

fn mark(core: &Core, trace: &FinishedTrace) {
    for span in &trace.spans {
        let name = core.names.get(core.names.of(&span.name, &core.metrics));
        name.durations.exemplar(Exemplar {
            value: span.duration_ns,
            trace_id: trace.trace_id.get(),
            span_id: span.span_id.get(),
            unix_ns: span.start_unix_ns.saturating_add(span.duration_ns),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TracerOptions;
    use perf_monitor_core::{OwnedValue, Registry};

    #[test]
    fn a_tick_puts_kept_traces_on_the_durations_of_their_spans() {
        let registry = Registry::new();
        let tracer = DistributedTracer::new(&registry, TracerOptions::default()).unwrap();
        let root = tracer.start_span("request", None);
        let trace_id = tracer.context(root).unwrap().trace_id;
        let query = tracer.start_span("query", Some(root));
        tracer.end_span(query);
        tracer.end_span(root);
        tracer.tick();
        let snapshot = registry.snapshot();
        for (name, span) in [("request", root), ("query", query)] {
            let series = &snapshot.family("span_duration_seconds").unwrap().series;
            let found = series.iter().find(|s| &s.info.label_values[0] == name).unwrap();
            let OwnedValue::Histogram(value) = &found.value else { panic!("a histogram") };
            let [exemplar] = value.exemplars[..] else { panic!("{:?}", value.exemplars) };
            assert_eq!((exemplar.trace_id, exemplar.span_id), (trace_id.get(), span.get()));
        }
    }
}
