//! Whether somebody can look at a span later.

use crate::engine::Core;
use crate::tracer::DistributedTracer;
use crate::{SpanId, key, slot};

impl DistributedTracer {
    /// Whether the trace of this span is kept for certain: it was sampled as it began, or its local root
    /// is this span, which has ended and not been dropped. Exemplars refer to such spans.
    ///
    /// False too for spans that are not this tracer's or no longer there.
    ///
    /// # Cost
    /// Reads one cache line.
    pub fn keeps(&self, id: SpanId) -> bool {
        self.core.keeps(id.get())
    }
}

impl Core {
    pub(crate) fn keeps(&self, id: u64) -> bool {
        let (place, _) = key::open(id);
        let span = self.slots.get(usize::from(place)).and_then(|slot| slot.read_if(id));
        span.is_some_and(|span| {
            span.log.has(slot::SAMPLED) || span.log.has(slot::ROOT) && span.log.has(slot::ENDED)
        })
    }
}

#[cfg(test)]
mod tests {
    use perf_monitor_core::Registry;

    use super::*;
    use crate::TracerOptions;

    fn tracer(ratio: f64) -> DistributedTracer {
        let options =
            TracerOptions { ratio, roots_per_second: f64::INFINITY, ..TracerOptions::default() };
        DistributedTracer::new(&Registry::new(), options).unwrap()
    }

    #[test]
    fn what_was_sampled_is_kept_from_its_beginning_on() {
        let tracer = tracer(1.0);
        let root = tracer.start("root").begin();
        let child = tracer.start("child").parent(&root).begin();
        let ids = [root.id(), child.id()];
        assert!(ids.into_iter().all(|id| tracer.keeps(id)));
        drop((child, root));
        assert!(ids.into_iter().all(|id| tracer.keeps(id)));
    }

    #[test]
    fn what_the_tail_rule_decides_about_is_kept_once_it_has() {
        let tracer = tracer(0.0);
        let (fine, failed) = (tracer.start("fine").begin(), tracer.start("failed").begin());
        let ids = [fine.id(), failed.id()];
        failed.fail("");
        assert_eq!(ids.map(|id| tracer.keeps(id)), [false, false]);
        drop((fine, failed));
        assert_eq!(ids.map(|id| tracer.keeps(id)), [false, true]);
    }

    #[test]
    fn spans_of_nobody_are_not_kept() {
        let (one, other) = (tracer(1.0), tracer(1.0));
        let id = other.start("elsewhere").begin().id();
        assert!(other.keeps(id) && !one.keeps(id));
        assert!(!one.keeps(SpanId::new(7).unwrap()));
    }
}
