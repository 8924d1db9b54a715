//! Every interleaving of handlers, the sampler and a stop, by a model checker.
//!
//! `cargo xtask test` runs this with `--cfg loom`; without it the file is empty.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;
use loom::thread;
use perf_monitor_profiling::model::{Gate, Ring};

#[test]
fn records_come_out_whole_and_once_or_were_refused() {
    loom::model(|| {
        let ring = Arc::new(Ring::new());
        let writers: Vec<_> = [1_u64, 2]
            .into_iter()
            .map(|writer| {
                let ring = ring.clone();
                thread::spawn(move || ring.push(writer, &[writer * 10, writer * 100]))
            })
            .collect();
        let mut records = ring.drain();
        let taken: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        records.extend(ring.drain());
        records.sort();
        let expected = [1_u64, 2].into_iter().zip(&taken).filter(|(_, taken)| **taken);
        let expected: Vec<_> =
            expected.map(|(writer, _)| (writer, vec![writer * 10, writer * 100])).collect();
        assert_eq!(records, expected);
        assert_eq!(taken, [true, true], "there was room for both");
    });
}

#[test]
fn what_goes_round_the_end_is_not_torn() {
    loom::model(|| {
        let ring = Arc::new(Ring::new());
        assert!(ring.push(7, &[7; 4]));
        assert_eq!(ring.drain().len(), 1);
        let writer = {
            let ring = ring.clone();
            // does not fit behind the first, so it goes to the beginning
            thread::spawn(move || ring.push(1, &[10, 100, 1000]))
        };
        let mut records = ring.drain();
        let taken = writer.join().unwrap();
        records.extend(ring.drain());
        assert!(taken);
        assert_eq!(records, [(1, vec![10, 100, 1000])]);
    });
}

#[test]
fn a_full_ring_has_room_again_once_it_was_read() {
    loom::model(|| {
        let ring = Arc::new(Ring::new());
        assert!(ring.push(1, &[1; 7]));
        let reader = {
            let ring = ring.clone();
            thread::spawn(move || ring.drain().len())
        };
        let taken = ring.push(2, &[2; 7]);
        let read = reader.join().unwrap();
        let rest = ring.drain();
        assert_eq!(read + rest.len(), 1 + usize::from(taken));
        assert!(rest.iter().all(|record| *record == (2, vec![2; 7])));
    });
}

#[test]
fn memory_is_given_back_only_when_no_handler_is_inside() {
    loom::model(|| {
        let gone = Arc::new(AtomicBool::new(false));
        let gate = Arc::new(Gate::new());
        gate.open(&gone);
        let handlers: Vec<_> = (0..2)
            .map(|_| {
                let gate = gate.clone();
                thread::spawn(move || gate.handle())
            })
            .collect();
        gate.give_back(&gone);
        assert!(!gate.handle());
        handlers.into_iter().for_each(|handler| drop(handler.join().unwrap()));
    });
}
