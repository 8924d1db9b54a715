//! Notice of forks, so that a child does not repeat its parent's ids.

use crate::sync::{AtomicU64, Ordering};

/// How many forks lie between this process and the one that was started.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// The first sequence number of the next block.
static SEQUENCE: AtomicU64 = AtomicU64::new(1 << 16);

/// Sequence numbers of a block, which one thread gives to its spans.
pub(crate) const BLOCK: u64 = 4_096;

/// Sequence numbers are below this.
const SEQUENCES: u64 = 1 << 48;

#[inline(always)]
pub(crate) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// The first number of a block that nobody else in the process has.
pub(crate) fn block() -> u64 {
    SEQUENCE.fetch_add(BLOCK, Ordering::Relaxed) % SEQUENCES
}

/// Whether a block with this number has been given out, as far as is known: a child forgets where its
/// parent began.
pub(crate) fn was_given(sequence: u64) -> bool {
    FORKS.load(Ordering::Relaxed) > 0 || sequence < SEQUENCE.load(Ordering::Relaxed)
}

#[cfg(unix)]
pub(crate) fn watch() {
    use std::sync::Once;

    /// Runs in the child, on its only thread: atomics alone, as little else may be done there.
    extern "C" fn child() {
        let process = u64::from(std::process::id());
        let before = SEQUENCE.load(Ordering::Relaxed);
        let mixed = (before ^ process << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        SEQUENCE.store(mixed / BLOCK * BLOCK, Ordering::Relaxed);
        FORKS.fetch_add(1, Ordering::Relaxed);
    }

    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler is an `extern "C"` function that lives as long as the program. If
        // registration fails (out of memory), a child's ids merely repeat its parent's.
        unsafe { libc::pthread_atfork(None, None, Some(child)) };
    });
}

#[cfg(not(unix))]
pub(crate) fn watch() {}
