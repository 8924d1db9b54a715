//! The gate that keeps a forked child from inheriting a lock that another thread held.
//!
//! Each critical section of this crate holds a [`Pass`]. `fork` closes the gate, waits until no
//! pass is out, and opens it again on both sides. A critical section inside another one needs no
//! second pass, so the wait cannot deadlock. Sections are short (microseconds) and never run a
//! user's code.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static OUT: AtomicU32 = AtomicU32::new(0);
static CLOSED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Leave to be inside critical sections; it belongs to the thread that got it.
pub(crate) struct Pass(PhantomData<*const ()>);

pub(crate) fn enter() -> Pass {
    DEPTH.with(|depth| {
        let outermost = depth.get() == 0;
        // First, so that an allocator that records below finds the thread inside.
        depth.set(depth.get() + 1);
        if outermost {
            hooks::install();
            pass_gate();
        }
    });
    Pass(PhantomData)
}

/// Whether the calling thread is inside a critical section.
pub(crate) fn inside() -> bool {
    DEPTH.with(|depth| depth.get() > 0)
}

impl Drop for Pass {
    fn drop(&mut self) {
        DEPTH.with(|depth| {
            depth.set(depth.get() - 1);
            if depth.get() == 0 {
                OUT.fetch_sub(1, Ordering::Release);
            }
        });
    }
}

/// Counts itself before it looks at the gate; the forking thread closes the gate before it looks
/// at the count. In the one order of these four steps, at least one of the two sees the other.
fn pass_gate() {
    loop {
        OUT.fetch_add(1, Ordering::SeqCst);
        if !CLOSED.load(Ordering::SeqCst) {
            return;
        }
        OUT.fetch_sub(1, Ordering::Release);
        while CLOSED.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    }
}

#[cfg(unix)]
mod hooks {
    use super::*;
    use std::sync::Once;

    pub(super) fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: the three handlers are `extern "C"` functions that live as long as the
            // program. If registration fails (out of memory) forks are merely unguarded.
            unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        });
    }

    extern "C" fn prepare() {
        while CLOSED.swap(true, Ordering::SeqCst) {
            std::thread::yield_now();
        }
        while OUT.load(Ordering::SeqCst) != 0 {
            std::thread::yield_now();
        }
    }

    extern "C" fn parent() {
        CLOSED.store(false, Ordering::SeqCst);
    }

    /// Runs in the child, on its only thread. Threads that were waiting at the gate do not exist
    /// here, so what they had counted is forgotten.
    extern "C" fn child() {
        OUT.store(0, Ordering::SeqCst);
        CLOSED.store(false, Ordering::SeqCst);
        crate::local::after_fork();
    }
}

#[cfg(not(unix))]
mod hooks {
    pub(super) fn install() {}
}
