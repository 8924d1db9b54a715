//! Every interleaving of the storage's lock-free parts, by a model checker.
//!
//! `cargo xtask test` runs this with `--cfg loom`; without it the file is empty.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use perf_monitor_tracing::model::{Ended, Pool};

#[test]
fn a_slot_has_one_owner_at_a_time() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(2, 1));
        let other = {
            let pool = pool.clone();
            thread::spawn(move || {
                let taken = pool.take(1);
                taken.iter().for_each(|slot| pool.publish(*slot, 7));
                taken.iter().for_each(|slot| assert_eq!(pool.read(*slot), Some(7)));
                taken.iter().for_each(|slot| pool.give(*slot));
            })
        };
        let taken = pool.take(2);
        taken.iter().for_each(|slot| pool.publish(*slot, 9));
        taken.iter().for_each(|slot| assert_eq!(pool.read(*slot), Some(9)));
        taken.iter().for_each(|slot| pool.give(*slot));
        other.join().unwrap();
        assert_eq!(pool.free_slots(), 2);
        let mut all = pool.take(3);
        all.sort_unstable();
        assert_eq!(all, [0, 1]);
    });
}

#[test]
fn a_reader_sees_one_span_or_none() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(1, 1));
        let slot = pool.take(1)[0];
        pool.publish(slot, 1);
        let writer = {
            let pool = pool.clone();
            thread::spawn(move || {
                pool.give(slot);
                let slot = pool.take(1)[0];
                pool.publish(slot, 2);
            })
        };
        // `read` looks at all fields.
        assert!(matches!(pool.read(slot), None | Some(1 | 2)));
        writer.join().unwrap();
        assert_eq!(pool.read(slot), Some(2));
    });
}

#[test]
fn a_span_ends_once() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(1, 1));
        let slot = pool.take(1)[0];
        pool.publish(slot, 1);
        let other = {
            let pool = pool.clone();
            thread::spawn(move || pool.end(slot, 1))
        };
        let ended = pool.end(slot, 1);
        assert_ne!(ended, other.join().unwrap());
    });
}

#[test]
fn an_end_that_comes_too_late_does_not_end_the_next_span() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(1, 1));
        let slot = pool.take(1)[0];
        pool.publish(slot, 1);
        let late = {
            let pool = pool.clone();
            thread::spawn(move || pool.end(slot, 1))
        };
        if pool.end(slot, 1) {
            pool.give(slot);
            let slot = pool.take(1)[0];
            pool.publish(slot, 2);
            assert!(!late.join().unwrap());
            assert!(!pool.is_ended(slot));
        } else {
            assert!(late.join().unwrap());
        }
    });
}

#[test]
fn what_a_span_carries_is_its_own_or_given_back() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(1, 2));
        let slot = pool.take(1)[0];
        pool.publish(slot, 1);
        let other = {
            let pool = pool.clone();
            thread::spawn(move || pool.append(slot, 1))
        };
        let mine = pool.append(slot, 1);
        assert!(mine && pool.end(slot, 1));
        let theirs = other.join().unwrap();
        assert_eq!(pool.free_cells(), if theirs { 0 } else { 1 });
        pool.give(slot);
        assert_eq!(pool.free_cells(), 2);
    });
}

#[test]
fn a_span_is_on_the_list_of_its_trace_or_knows_that_it_is_late() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(4, 1));
        let (root, generation) = (0, pool.open_group(0));
        let threads: Vec<_> = [1, 2]
            .map(|slot| {
                let pool = pool.clone();
                thread::spawn(move || {
                    let joined = pool.join(root, generation);
                    (slot, joined, pool.gather(root, generation, slot, false))
                })
            })
            .into();
        assert_eq!(pool.gather(root, generation, 3, true), Ended::InTime);
        let in_time = pool.close(root, true);
        assert!(in_time.contains(&3));
        for thread in threads {
            let (slot, joined, ended) = thread.join().unwrap();
            assert_eq!(ended == Ended::InTime, in_time.contains(&slot));
            assert!(joined || ended != Ended::InTime);
            assert!(matches!(ended, Ended::InTime | Ended::Late { kept: true }));
        }
    });
}

#[test]
fn a_span_of_a_trace_that_is_gone_does_not_get_into_the_next_one() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(2, 1));
        let generation = pool.open_group(0);
        let late = {
            let pool = pool.clone();
            thread::spawn(move || pool.gather(0, generation, 1, false))
        };
        let first = pool.close(0, false);
        let next = pool.open_group(0);
        assert_ne!(generation, next);
        let second = pool.close(0, true);
        assert_eq!(second, []);
        match late.join().unwrap() {
            Ended::InTime => assert_eq!(first, [1]),
            Ended::Late { .. } => assert_eq!(first, []),
        }
    });
}

#[test]
fn a_trace_that_is_put_aside_is_taken_once_as_its_owner_left_it() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(3, 1));
        let threads: Vec<_> = [0, 1]
            .map(|slot| {
                let pool = pool.clone();
                thread::spawn(move || {
                    pool.publish(slot, 7);
                    pool.put_aside(slot, slot + 1);
                })
            })
            .into();
        pool.publish(2, 7);
        pool.put_aside(2, 3);
        let mut all = pool.take_aside();
        assert!(all.contains(&(2, 3)));
        all.iter().for_each(|(slot, _)| assert_eq!(pool.read(*slot), Some(7)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let counted: u64 = pool.spans_aside();
        let rest = pool.take_aside();
        assert_eq!(counted, rest.iter().map(|(_, number)| u64::from(*number)).sum::<u64>());
        all.extend(rest);
        all.sort_unstable();
        assert_eq!(all, [(0, 1), (1, 2), (2, 3)]);
        assert_eq!((pool.take_aside(), pool.spans_aside()), (vec![], 0));
    });
}

#[test]
fn what_is_put_aside_again_while_it_is_looked_through_is_not_lost() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(2, 1));
        pool.put_aside(0, 1);
        let other = {
            let pool = pool.clone();
            thread::spawn(move || {
                // As who finds the lock taken: looks at all, frees none.
                let taken = pool.take_aside();
                taken.into_iter().for_each(|(slot, number)| _ = pool.put_aside(slot, number));
            })
        };
        pool.put_aside(1, 2);
        let mut all = pool.take_aside();
        other.join().unwrap();
        all.extend(pool.take_aside());
        all.sort_unstable();
        assert_eq!(all, [(0, 1), (1, 2)]);
    });
}
