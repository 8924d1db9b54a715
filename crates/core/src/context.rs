//! What the calling thread is working on, for those who sample it.

use std::cell::Cell;

/// The trace and span that a thread is in. Spans set it; profilers, exemplars and allocation
/// counters read it. Zeroes mean none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The trace's id.
    pub trace_id: u128,
    /// The span's id.
    pub span_id: u64,
    /// A number that stands for the span's name.
    pub name_id: u32,
}

thread_local! {
    static CURRENT: Cell<Context> = const { Cell::new(Context {
        trace_id: 0,
        span_id: 0,
        name_id: 0,
    }) };
}

impl Context {
    /// The calling thread's context.
    #[inline]
    pub fn current() -> Context {
        CURRENT.with(Cell::get)
    }

    /// Makes this the calling thread's context and gives back the one before, to be put back when
    /// the work ends.
    #[inline]
    pub fn enter(self) -> Context {
        CURRENT.with(|current| current.replace(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_belongs_to_its_thread_and_can_be_put_back() {
        let span = Context { trace_id: 7, span_id: 8, name_id: 9 };
        let before = span.enter();
        assert_eq!((before, Context::current()), (Context::default(), span));
        let other = std::thread::spawn(Context::current).join().unwrap();
        assert_eq!(other, Context::default());
        assert_eq!(before.enter(), span);
        assert_eq!(Context::current(), Context::default());
    }
}
