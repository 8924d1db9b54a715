//! The tracer of the process.

use std::sync::OnceLock;

use perf_monitor_core::{Lock, Registry};

use crate::engine::Core;
use crate::{DistributedTracer, TracerOptions};

static GLOBAL: OnceLock<DistributedTracer> = OnceLock::new();

/// Held while the tracer is put in place, so that `fork` waits for it.
static PLACING: Lock<()> = Lock::new(());

/// What is behind the tracer of the process, if somebody has asked for it.
#[inline]
pub(crate) fn core() -> Option<&'static Core> {
    GLOBAL.get().map(|tracer| &*tracer.core)
}

impl DistributedTracer {
    /// The tracer of [`Registry::global`], which is made with the default options unless
    /// [`new`](Self::new) made it before.
    ///
    /// It is always there: where the names of its metrics are taken by something else, it keeps spans
    /// all the same, with its metrics in no registry that anybody reads.
    ///
    /// # Cost
    /// One load; the first call makes the tracer.
    #[inline]
    pub fn global() -> &'static DistributedTracer {
        match GLOBAL.get() {
            Some(tracer) => tracer,
            None => place(of(Registry::global())),
        }
    }
}

#[cold]
fn of(registry: &Registry) -> DistributedTracer {
    let new = |registry: &Registry| DistributedTracer::new(registry, TracerOptions::default());
    let apart = |_| new(&Registry::new()).expect("a new registry has all names free");
    new(registry).unwrap_or_else(apart)
}

#[cold]
fn place(made: DistributedTracer) -> &'static DistributedTracer {
    // What was made in vain is dropped after the lock is given back.
    let mut made = Some(made);
    let _placing = PLACING.lock();
    GLOBAL.get_or_init(|| made.take().expect("it runs once"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;
    use std::thread;

    #[test]
    fn threads_that_ask_first_at_once_have_one_tracer() {
        let threads: Vec<_> = (0..8).map(|_| thread::spawn(DistributedTracer::global)).collect();
        let tracers = threads.into_iter().map(|thread| thread.join().unwrap());
        assert!(tracers.into_iter().all(|tracer| ptr::eq(tracer, DistributedTracer::global())));
    }

    #[test]
    fn where_the_names_are_taken_spans_are_kept_all_the_same() {
        let registry = Registry::new();
        registry.gauge(("span_errors_total", "Something else.")).unwrap();
        let tracer = of(&registry);
        tracer.root("a").fail("asked to");
        assert_eq!(tracer.failed(1)[0].spans.len(), 1);
    }
}
