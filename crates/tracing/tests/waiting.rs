//! How an exporter waits for spans to export.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use perf_monitor_tracing::DistributedTracer;
use support::with_registry;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll(tracer: &DistributedTracer, woken: &Arc<Woken>, spans: usize) -> Poll<()> {
    let waker = Waker::from(woken.clone());
    tracer.poll_waiting(&mut Context::from_waker(&waker), spans)
}

#[test]
fn it_is_woken_once_by_the_span_that_makes_them_enough() {
    let (_registry, tracer) = with_registry(support::all());
    for enough in [1, 3, 100] {
        let woken = Arc::new(Woken::default());
        assert_eq!(poll(&tracer, &woken, enough), Poll::Pending);
        for spans in 1..=enough {
            assert_eq!(woken.count(), 0, "{spans} of {enough}");
            drop(tracer.root("a"));
        }
        assert_eq!(woken.count(), 1, "of {enough}");
        (0..10).for_each(|_| drop(tracer.root("a")));
        assert_eq!(woken.count(), 1, "nobody waits any more");
        assert_eq!(poll(&tracer, &woken, enough), Poll::Ready(()));
        tracer.drain(usize::MAX).sent();
        assert_eq!(tracer.waiting_spans(), 0);
    }
}

#[test]
fn readers_in_between_do_not_keep_it_asleep() {
    let (_registry, tracer) = with_registry(support::all());
    let woken = Arc::new(Woken::default());
    assert_eq!(poll(&tracer, &woken, 10), Poll::Pending);
    for spans in 1..=10 {
        assert_eq!(woken.count(), 0);
        drop(tracer.root("a"));
        assert_eq!(tracer.waiting_spans(), spans);
    }
    assert_eq!(woken.count(), 1);
}

#[test]
fn who_asks_last_is_woken_and_what_is_given_back_waits_again() {
    let (_registry, tracer) = with_registry(support::all());
    let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    drop(tracer.root("a"));
    let batch = tracer.drain(1);
    assert_eq!(poll(&tracer, &first, 1), Poll::Pending);
    assert_eq!(poll(&tracer, &last, 1), Poll::Pending);
    batch.give_back();
    assert_eq!((first.count(), last.count()), (0, 1));
    assert_eq!(Arc::strong_count(&last), 1, "the waker is gone");
}

#[test]
fn what_waits_is_what_no_exporter_has() {
    let (_registry, tracer) = with_registry(support::all());
    let capacity = tracer.stats().span_capacity;
    for round in 0..20_usize {
        for n in 0..capacity / 3 {
            let mut root = tracer.root("a");
            (0..n % 4).for_each(|_| drop(tracer.span("b")));
            if n % 7 == 0 {
                root.fail("");
            }
        }
        let out = tracer.drain(capacity / 5);
        let kept = tracer.recent(usize::MAX);
        let taken: usize = out.traces().iter().map(|trace| trace.spans.len()).sum();
        let unsent = kept.iter().filter(|trace| !trace.exported);
        let unsent: usize = unsent.map(|trace| trace.spans.len()).sum();
        assert_eq!(tracer.waiting_spans(), unsent - taken);
        match round % 2 {
            0 => out.sent(),
            _ => out.give_back(),
        }
    }
}
