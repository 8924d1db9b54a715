//! What a thread has entered, so that it leaves for what it was in before.

use std::cell::{Cell, RefCell};

use perf_monitor_core::Context;

/// Spans that a thread may be in at a time; what it enters beyond them does not become its context.
const MOST: usize = 256;

thread_local! {
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    static NEWEST: Cell<Option<(Key, Context)>> = const { Cell::new(None) };
}

struct Entry {
    key: Key,
    /// The span, as the thread's context tells it.
    span_id: u64,
    /// What the thread was in.
    previous: Context,
}

/// A span of one layer: its number, then the number that the subscriber gave the span.
pub(super) type Key = (u32, u64);

/// Remembers the newest span of the calling thread, which mostly is entered next: looking it up in the
/// registry takes 30 ns (November 2026, EPYC). All spans that the layer sees are told, so that a number
/// that the registry gives out again is not taken for what it was before: each thread has its own numbers.
pub(super) fn begun(key: Key, context: Option<Context>) {
    NEWEST.set(context.map(|context| (key, context)));
}

/// The context of a span, if it is the newest of the calling thread.
pub(super) fn newest(key: Key) -> Option<Context> {
    NEWEST.get().filter(|(newest, _)| *newest == key).map(|(_, context)| context)
}

/// Puts the calling thread into a span.
pub(super) fn enter(key: Key, context: Context) {
    with(|entered| {
        if entered.len() < MOST {
            let previous = context.enter();
            entered.push(Entry { key, span_id: context.span_id, previous });
        }
    });
}

/// Takes the thread out of a span. If it has entered others since, it stays in those, and leaves
/// the last of them for what it was in before this one.
pub(super) fn exit(key: Key) {
    with(|entered| {
        let Some(index) = entered.iter().rposition(|entry| entry.key == key) else { return };
        let left = entered.remove(index);
        match entered.get_mut(index) {
            Some(above) => above.previous = left.previous,
            None if Context::current().span_id == left.span_id => drop(left.previous.enter()),
            // The thread is in a span that a guard is still to leave.
            None => {}
        }
    });
}

/// Nothing happens in a thread whose locals are gone.
fn with(f: impl FnOnce(&mut Vec<Entry>)) {
    let _ = ENTERED.try_with(|entered| entered.try_borrow_mut().map(|mut entered| f(&mut entered)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(span_id: u64) -> Context {
        Context { trace_id: 1, span_id, name_id: 0 }
    }

    fn current() -> u64 {
        Context::current().span_id
    }

    #[test]
    fn leaving_in_another_order_ends_outside_of_all() {
        [1, 2, 3].iter().for_each(|id| enter((0, *id), context(*id)));
        exit((0, 2));
        assert_eq!(current(), 3);
        exit((0, 3));
        assert_eq!(current(), 1);
        exit((0, 1));
        assert_eq!(current(), 0);
    }

    #[test]
    fn a_span_that_was_entered_twice_is_left_twice() {
        [1, 2, 1].iter().for_each(|id| enter((0, *id), context(*id)));
        exit((0, 1));
        assert_eq!(current(), 2);
        exit((0, 2));
        assert_eq!(current(), 1);
        exit((0, 1));
        assert_eq!(current(), 0);
    }

    #[test]
    fn a_span_inside_that_is_not_of_a_layer_stays() {
        enter((0, 1), context(1));
        let before = context(9).enter();
        exit((0, 1));
        assert_eq!(current(), 9);
        before.enter();
        Context::default().enter();
    }

    #[test]
    fn spans_of_another_layer_are_others() {
        enter((0, 1), context(1));
        enter((1, 1), context(2));
        exit((0, 1));
        assert_eq!(current(), 2);
        exit((1, 1));
        assert_eq!(current(), 0);
    }

    #[test]
    fn depth_is_bounded() {
        (1..=MOST as u64 + 10).for_each(|id| enter((0, id), context(id)));
        assert_eq!(current(), MOST as u64);
        (1..=MOST as u64 + 10).rev().for_each(|id| exit((0, id)));
        assert_eq!(current(), 0);
        exit((0, 7)); // never entered
    }
}
