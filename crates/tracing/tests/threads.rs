//! Threads by the thousand, that end while spans are open, or record while they end.

mod support;

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;

use perf_monitor_tracing::{DistributedTracer, Span, TracerOptions};
use support::{all, keeping, tracer, with_registry};

const CROWD: usize = 5_000;

/// A thread with a stack as small as it may be.
fn small(work: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::Builder::new().stack_size(64 * 1024).spawn(work).unwrap()
}

#[test]
fn five_thousand_threads_at_once_lose_nothing() {
    let (registry, tracer) = with_registry(all());
    let mut alive = Vec::new();
    let held = Arc::new(AtomicBool::new(false));
    for _ in 0..CROWD {
        let (tracer, held) = (tracer.clone(), held.clone());
        alive.push(small(move || {
            {
                let _root = tracer.root("root");
                drop(tracer.span("child"));
            }
            while !held.load(Ordering::Acquire) {
                thread::park();
            }
            drop(tracer.root("again"));
        }));
    }
    held.store(true, Ordering::Release);
    for thread in alive {
        thread.thread().unpark();
        thread.join().unwrap();
    }
    let stats = tracer.stats();
    assert_eq!(stats.kept + stats.lost_slots, 3 * CROWD as u64);
    assert_eq!(stats.kept, stats.finished_spans as u64 + stats.lost_evicted);
    assert_eq!(stats.open_spans, 0);
    assert_eq!(support::durations(&registry, "again"), CROWD as u64);
    // All slots came back: they can all be open at once.
    let open: Vec<_> =
        (0..stats.span_capacity).map(|_| tracer.start("open").root().begin()).collect();
    let recording = open.iter().filter(|span| span.is_recording()).count();
    let protected = tracer.stats().finished_spans;
    assert!(recording + protected + 64 >= stats.span_capacity, "{recording} and {protected}");
}

#[test]
fn spans_that_begin_on_one_thread_end_on_another() {
    let tracer = keeping();
    let (send, receive) = mpsc::channel::<Span>();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (tracer, send) = (tracer.clone(), send.clone());
            scope.spawn(move || {
                for _ in 0..2_000 {
                    send.send(tracer.start("sent").begin()).unwrap();
                }
            });
        }
        drop(send);
        scope.spawn(move || receive.into_iter().for_each(drop));
    });
    let stats = tracer.stats();
    // Those that wait in the channel may be more than there are slots.
    assert_eq!(stats.kept + stats.lost_slots, 8_000);
    assert_eq!(stats.kept, stats.finished_spans as u64 + stats.lost_evicted);
    assert_eq!(stats.open_spans, 0);
}

thread_local! {
    static LAST: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

/// Records while the thread's own storage is being taken down.
struct AtExit {
    tracer: DistributedTracer,
    open: Option<Span>,
}

impl Drop for AtExit {
    fn drop(&mut self) {
        drop(self.open.take());
        drop(self.tracer.root("at exit"));
        self.tracer.end_span(self.tracer.start_span("at exit", None));
    }
}

#[test]
fn a_thread_that_ends_still_records_and_gives_its_slots_back() {
    let tracer = keeping();
    for early in [true, false] {
        for _ in 0..500 {
            let tracer = tracer.clone();
            let run = move || {
                let open = Some(tracer.start("open").begin());
                let at_exit = AtExit { tracer: tracer.clone(), open };
                if early {
                    LAST.with(|last| *last.borrow_mut() = Some(at_exit));
                    drop(tracer.root("root"));
                } else {
                    drop(tracer.root("root"));
                    LAST.with(|last| *last.borrow_mut() = Some(at_exit));
                }
            };
            thread::spawn(run).join().unwrap();
        }
    }
    let stats = tracer.stats();
    assert_eq!((stats.kept, stats.open_spans, stats.lost_slots), (4_000, 0, 0));
}

#[test]
fn readers_and_recorders_do_not_disturb_each_other() {
    let tracer = tracer(all());
    let stop = AtomicBool::new(false);
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        let work = |name: &'static str| {
            barrier.wait();
            for n in 0..20_000_i64 {
                let mut root = tracer.root(name);
                root.attribute("n", n);
                let mut child = tracer.span("child");
                child.attribute("n", n);
                let by_id = tracer.start_span("by id", Some(child.id()));
                tracer.add_event(by_id, "event", &[("n", n)]);
                tracer.end_span(by_id);
            }
        };
        let workers = [scope.spawn(move || work("a")), scope.spawn(move || work("b"))];
        scope.spawn(|| {
            barrier.wait();
            while !stop.load(Ordering::Relaxed) {
                let batch = tracer.drain(200);
                for trace in batch.traces() {
                    // Nobody waits for a reader: what finds no room meanwhile is lost, which it says.
                    let lost = trace.spans.iter().any(|span| span.dropped > 0);
                    if lost || trace.spans.len() < 3 {
                        continue;
                    }
                    let n = &trace.spans[0].attributes[0].value;
                    assert_eq!(&trace.spans[1].attributes[0].value, n);
                    assert_eq!(&trace.spans[2].events[0].attributes[0].value, n);
                    assert!(trace.spans.iter().all(|span| span.trace_id == trace.trace_id));
                }
                batch.sent();
            }
        });
        scope.spawn(|| {
            barrier.wait();
            while !stop.load(Ordering::Relaxed) {
                for span in tracer.open_spans() {
                    assert!(["a", "b", "child", "by id"].contains(&&*span.name));
                    assert_eq!(span.parent.is_none(), ["a", "b"].contains(&&*span.name));
                }
                tracer.tick();
                drop((tracer.slow(10), tracer.failed(10), tracer.stats()));
            }
        });
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        stop.store(true, Ordering::Relaxed);
    });
    let stats = tracer.stats();
    assert_eq!(stats.open_spans, 0);
    assert_eq!(stats.kept + stats.lost_slots, 120_000);
    assert_eq!((stats.stale, stats.foreign, stats.ended_twice), (0, 0, 0));
    assert!(stats.bytes <= stats.memory_bytes);
}

#[test]
fn tracers_that_take_turns_on_a_thread_do_not_mix() {
    let (first, second) = (keeping(), keeping());
    for _ in 0..5_000 {
        let _one = first.root("first");
        let _two = second.root("second");
        drop(first.span("below second, which is not ours"));
        drop(second.span("below second"));
    }
    let (one, two) = (first.stats(), second.stats());
    assert_eq!((one.kept, two.kept), (10_000, 10_000));
    for _ in 0..100 {
        let tracer = tracer(TracerOptions { memory_bytes: 20_000, ..all() });
        drop(tracer.root("of a tracer that does not last"));
    }
    assert_eq!((one.open_spans, two.open_spans), (0, 0));
}
