//! A forked child records on with ids of its own, whatever its parent's threads were doing.
#![cfg(unix)]

mod support;

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use perf_monitor_tracing::DistributedTracer;
use support::keeping;

/// Spans that each side begins after a fork.
const SPANS: usize = 200;

fn record(tracer: &DistributedTracer) {
    let mut root = tracer.root("root");
    root.attribute("n", 1);
    drop(tracer.span("child"));
    let id = tracer.start_span("by id", Some(root.id()));
    tracer.add_event(id, "event", &[("n", 1)]);
    tracer.end_span(id);
}

/// The ids of new traces with those of their spans.
fn ids(tracer: &DistributedTracer) -> Vec<String> {
    let contexts = (0..SPANS).map(|_| tracer.root("id").context());
    contexts.flat_map(|it| [it.trace_id.to_string(), it.span_id.to_string()]).collect()
}

/// What the child does: 0 when all is well. Its ids go to `out`.
fn child(tracer: &DistributedTracer, mut out: File) -> i32 {
    let before = tracer.stats();
    (0..500).for_each(|_| record(tracer));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..500).for_each(|_| record(tracer)));
        }
    });
    let after = tracer.stats();
    let spans = after.kept - before.kept;
    if spans + (after.lost_slots - before.lost_slots) != 6_000 {
        return 2;
    }
    if after.open_spans != before.open_spans || after.bytes > after.memory_bytes {
        return 3;
    }
    tracer.drain(100).sent();
    match out.write_all(ids(tracer).join(" ").as_bytes()) {
        Ok(()) => 0,
        Err(_) => 4,
    }
}

/// Forks; the child's exit status with the ids that it wrote.
fn fork(tracer: &DistributedTracer) -> (i32, String) {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: both were just opened and nobody else owns them.
    let [mut reader, writer] = unsafe { ends.map(|end| File::from_raw_fd(end)) };
    // SAFETY: the child runs code of this test alone, and leaves by `_exit`; what it takes of the
    // standard library (memory, threads) the C library keeps usable after a fork.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: a child that hangs is ended by this alarm.
        unsafe { libc::alarm(60) };
        let code = catch_unwind(AssertUnwindSafe(|| child(tracer, writer))).unwrap_or(101);
        // SAFETY: ends this process, with nothing of the parent's run or flushed twice.
        unsafe { libc::_exit(code) };
    }
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let mut status = 0;
    // SAFETY: `status` is a place for the status of a child that has not been waited for.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    (status, text)
}

#[test]
fn a_child_forked_at_any_moment_records_with_ids_of_its_own() {
    let tracer = keeping();
    let stop = AtomicBool::new(false);
    let (mut seen, mut total) = (HashSet::new(), 0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    record(&tracer);
                }
            });
        }
        for _ in 0..20 {
            let (status, theirs) = fork(&tracer);
            let ours = ids(&tracer);
            let all = theirs.split(' ').map(String::from).chain(ours);
            for id in all {
                total += 1;
                seen.insert(id);
            }
            if status != 0 {
                stop.store(true, Ordering::Relaxed);
                panic!("status {status:x}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!((seen.len(), total), (20 * 4 * SPANS, 20 * 4 * SPANS));
    assert_eq!(tracer.stats().open_spans, 0);
}
