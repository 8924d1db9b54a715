//! Every interleaving of the engine's lock-free parts, by a model checker.
//!
//! `cargo xtask test` runs this with `--cfg loom`; without it the file is empty.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use perf_monitor_core::model::{Arena, Counter, Gauge, Histogram};

#[test]
fn counts_of_owners_and_of_others_add_up_and_never_go_down() {
    loom::model(|| {
        let arena = Arena::new();
        let counter = Counter::new(&arena);
        let own = {
            let (arena, counter) = (arena.clone(), counter.clone());
            thread::spawn(move || {
                let me = arena.thread();
                counter.add(&me, 1);
                counter.add(&me, 2);
            })
        };
        let other = {
            let counter = counter.clone();
            thread::spawn(move || counter.add_shared(4))
        };
        let first = counter.get();
        let second = counter.get();
        assert!(first <= second && second <= 7);
        own.join().unwrap();
        assert!(counter.get() >= 3);
        other.join().unwrap();
        assert_eq!(counter.get(), 7);
    });
}

#[test]
fn a_slab_that_is_handed_on_keeps_its_counts() {
    loom::model(|| {
        let arena = Arena::new();
        let counter = Counter::new(&arena);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (arena, counter) = (arena.clone(), counter.clone());
                thread::spawn(move || {
                    let me = arena.thread();
                    counter.add(&me, 1);
                    drop(me);
                    // A record from a destructor that runs later.
                    counter.add_shared(1);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(counter.get(), 4);
        assert!(arena.slabs() <= 2);
    });
}

#[test]
fn a_record_before_a_snapshot_is_in_it() {
    loom::model(|| {
        let arena = Arena::new();
        let counter = Counter::new(&arena);
        let published = Arc::new(AtomicU64::new(0));
        let writer = {
            let (arena, counter, published) = (arena.clone(), counter.clone(), published.clone());
            thread::spawn(move || {
                let me = arena.thread();
                for n in 1..=2 {
                    counter.add(&me, 1);
                    published.store(n, Ordering::Release);
                }
            })
        };
        let before = published.load(Ordering::Acquire);
        assert!(counter.get() >= before);
        writer.join().unwrap();
    });
}

#[test]
fn a_reused_cell_begins_at_zero_and_the_old_handle_never_reaches_it() {
    loom::model(|| {
        let arena = Arena::new();
        let old = Counter::new(&arena);
        let reader = old.clone();
        let writer = {
            let (arena, old) = (arena.clone(), old.clone());
            thread::spawn(move || {
                let me = arena.thread();
                old.add(&me, 5);
                drop(old);
                me
            })
        };
        drop(old);
        assert!(matches!(reader.get(), 0 | 5));
        drop(reader);
        // It may or may not get the old one's cell: the writer may still hold it.
        let new = Counter::new(&arena);
        assert_eq!(new.get(), 0);
        let me = writer.join().unwrap();
        assert_eq!(new.get(), 0);
        new.add(&me, 3);
        assert_eq!(new.get(), 3);
    });
}

#[test]
fn a_histogram_counts_each_record_once_while_cells_are_emptied() {
    // Cells are full at two records here, so that every path that empties one is taken.
    loom::model(|| {
        let arena = Arena::new();
        let histogram = Histogram::new(&arena);
        let writer = {
            let (arena, histogram) = (arena.clone(), histogram.clone());
            thread::spawn(move || {
                let me = arena.thread();
                for _ in 0..3 {
                    histogram.record(&me, 7);
                }
            })
        };
        let first = histogram.value().count;
        let second = histogram.value().count;
        assert!(first <= second && second <= 3, "{first} {second}");
        writer.join().unwrap();
        let value = histogram.value();
        assert_eq!((value.count, value.sum, value.max), (3, 21, 7));
    });
}

#[test]
fn threads_that_share_cells_make_one_octave_and_empty_it_once() {
    loom::model(|| {
        let arena = Arena::new();
        let histogram = Histogram::new(&arena);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let histogram = histogram.clone();
                thread::spawn(move || {
                    histogram.record_shared(3);
                    histogram.record_shared(3);
                })
            })
            .collect();
        let seen = histogram.value().count;
        for thread in threads {
            thread.join().unwrap();
        }
        let value = histogram.value();
        assert_eq!((value.count, value.sum, value.max), (4, 12, 3));
        assert!(seen <= 4);
    });
}

#[test]
fn a_gauge_is_what_was_set_and_what_was_added_since() {
    loom::model(|| {
        let arena = Arena::new();
        let gauge = Gauge::new(&arena);
        let adder = {
            let (arena, gauge) = (arena.clone(), gauge.clone());
            thread::spawn(move || {
                let me = arena.thread();
                gauge.add(&me, 1.0);
                gauge.add(&me, 1.0);
                me
            })
        };
        gauge.set(10.0);
        let seen = gauge.get();
        assert!([10.0, 11.0, 12.0].contains(&seen), "{seen}");
        let me = adder.join().unwrap();
        assert!([10.0, 11.0, 12.0].contains(&gauge.get()));
        // Nothing happens at the same time any more: exact.
        gauge.set(3.0);
        gauge.add(&me, 2.0);
        assert_eq!(gauge.get(), 5.0);
    });
}
