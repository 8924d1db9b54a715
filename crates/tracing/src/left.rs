//! Spans that a thread has left before those inside of them.

use std::cell::Cell;

use perf_monitor_core::Context;

/// How many of them a thread remembers, those in a row as one; the oldest is forgotten for one more.
const MOST: usize = 8;

thread_local! {
    /// Whether there may be any, so that the usual order costs one look.
    static ANY: Cell<bool> = const { Cell::new(false) };
    /// Ids with what the thread was in before; 0 for none. The newest is the first.
    static LEFT: Cell<[(u64, Context); MOST]> = const { Cell::new([(0, NOTHING); MOST]) };
}

const NOTHING: Context = Context { trace_id: 0, span_id: 0, name_id: 0 };

/// Takes the thread out of a span, to what it was in before. If it has entered others since, it stays
/// in those, and the last of them leaves for what it was in before this one.
#[inline(always)]
pub(crate) fn leave(id: u64, previous: Context) {
    if Context::current().span_id != id {
        return remember(id, previous);
    }
    if previous.span_id != 0 && ANY.get() {
        return leave_for_outside(previous);
    }
    previous.enter();
}

/// A span is entered, perhaps again: it is not left any more.
#[inline(always)]
pub(crate) fn entered(id: u64) {
    if ANY.get() {
        take(id);
    }
}

#[cold]
#[inline(never)]
fn remember(id: u64, previous: Context) {
    let previous = outside(previous);
    let mut left = LEFT.get();
    match left.iter_mut().find(|(_, before)| before.span_id == id && id != 0) {
        // What was inside has been left before: nobody else will come out here.
        Some((_, before)) => *before = previous,
        None => {
            left.rotate_right(1);
            left[0] = (id, previous);
        }
    }
    LEFT.set(left);
    ANY.set(true);
}

#[cold]
#[inline(never)]
fn leave_for_outside(previous: Context) {
    outside(previous).enter();
}

/// The first around that the thread has not left.
fn outside(mut previous: Context) -> Context {
    while let Some(before) = take(previous.span_id) {
        previous = before;
    }
    previous
}

/// What the thread was in before this span, if it has left it early.
fn take(id: u64) -> Option<Context> {
    let mut left = LEFT.get();
    let place = left.iter().position(|(other, _)| *other == id && id != 0)?;
    let before = std::mem::take(&mut left[place]).1;
    LEFT.set(left);
    ANY.set(left.iter().any(|(other, _)| *other != 0));
    Some(before)
}
