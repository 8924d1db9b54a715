//! What the calling thread is working on, for those who sample it.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

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

/// Where a thread keeps its [`Context`], so that a signal handler that interrupts the thread can read it.
///
/// Only its thread writes it, and only its thread reads it, in a handler or not; the atomics are for
/// the compiler. While it is written its span is 0, so that a handler sees a context whole or none.
#[derive(Debug)]
#[repr(C)]
pub struct ContextCell {
    span_id: AtomicU64,
    trace_high: AtomicU64,
    trace_low: AtomicU64,
    name_id: AtomicU32,
}

thread_local! {
    static CURRENT: ContextCell = const { ContextCell {
        span_id: AtomicU64::new(0),
        trace_high: AtomicU64::new(0),
        trace_low: AtomicU64::new(0),
        name_id: AtomicU32::new(0),
    } };
}

impl Context {
    /// The calling thread's context.
    #[inline]
    pub fn current() -> Context {
        CURRENT.with(ContextCell::get)
    }

    /// The number of the name of the span that the calling thread is in; `None` if it is in none.
    ///
    /// # Cost
    /// Outside of spans one load, where [`current`](Self::current) takes four.
    #[inline(always)]
    pub fn current_name_id() -> Option<u32> {
        CURRENT.with(|cell| {
            let is_in_span = cell.span_id.load(Ordering::Relaxed) != 0;
            is_in_span.then(|| cell.name_id.load(Ordering::Relaxed))
        })
    }

    /// Makes this the calling thread's context and gives back the one before, to be put back when
    /// the work ends.
    #[inline]
    pub fn enter(self) -> Context {
        CURRENT.with(|current| {
            let before = current.get();
            current.set(self);
            before
        })
    }

    /// Where the calling thread keeps it; valid until the thread ends.
    ///
    /// In a program or a library that was loaded with it, all threads have it at the same distance
    /// from their thread pointer. A sampler that has made sure of this finds it without touching a
    /// thread-local, which may allocate.
    pub fn cell() -> NonNull<ContextCell> {
        CURRENT.with(|cell| NonNull::from(cell))
    }
}

impl ContextCell {
    /// The context, or none of it while it is being written.
    #[inline]
    pub fn get(&self) -> Context {
        let half = |half: &AtomicU64| u128::from(half.load(Ordering::Relaxed));
        Context {
            trace_id: half(&self.trace_high) << 64 | half(&self.trace_low),
            span_id: self.span_id.load(Ordering::Relaxed),
            name_id: self.name_id.load(Ordering::Relaxed),
        }
    }

    /// The fences keep the compiler from moving the stores; the processor keeps a thread's own order.
    #[inline]
    fn set(&self, context: Context) {
        self.span_id.store(0, Ordering::Relaxed);
        compiler_fence(Ordering::Release);
        self.trace_high.store((context.trace_id >> 64) as u64, Ordering::Relaxed);
        self.trace_low.store(context.trace_id as u64, Ordering::Relaxed);
        self.name_id.store(context.name_id, Ordering::Relaxed);
        compiler_fence(Ordering::Release);
        self.span_id.store(context.span_id, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_belongs_to_its_thread_and_can_be_put_back() {
        let span = Context { trace_id: 7 << 64 | 6, span_id: 8, name_id: 9 };
        let before = span.enter();
        assert_eq!((before, Context::current()), (Context::default(), span));
        assert_eq!(Context::current_name_id(), Some(9));
        let other = std::thread::spawn(Context::current).join().unwrap();
        assert_eq!(other, Context::default());
        assert_eq!(before.enter(), span);
        assert_eq!(Context::current(), Context::default());
        assert_eq!(Context::current_name_id(), None);
    }

    #[test]
    fn the_cell_is_where_the_context_is() {
        let span = Context { trace_id: 1, span_id: 2, name_id: 3 };
        span.enter();
        // SAFETY: this thread's cell, while this thread runs.
        assert_eq!(unsafe { Context::cell().as_ref() }.get(), span);
    }
}
