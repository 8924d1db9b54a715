//! A value that is made at its first use, so that a forked child never finds it half made.

use std::sync::OnceLock;

use perf_monitor_core::Lock;

/// Held while a value is put in place, so that `fork` waits for it.
static PLACING: Lock<()> = Lock::new(());

/// Makes its value once. Two threads that are first may both make one; one of the two is kept.
pub(crate) struct Once<T>(OnceLock<T>);

impl<T> Once<T> {
    pub(crate) const fn new() -> Once<T> {
        Once(OnceLock::new())
    }

    /// The value, if it was made.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    /// The value, made now if it was not.
    #[inline]
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        match self.0.get() {
            Some(value) => value,
            None => self.place(make()),
        }
    }

    #[cold]
    fn place(&self, made: T) -> &T {
        // What was made in vain is dropped after the lock is given back.
        let mut made = Some(made);
        let _placing = PLACING.lock();
        self.0.get_or_init(|| made.take().expect("it runs once"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_are_first_at_once_agree_on_one_value() {
        let once = Once::new();
        let seen: Vec<u64> = std::thread::scope(|scope| {
            let first = |n| *once.get_or_make(|| n);
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || first(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|n| Some(n) == once.get()));
    }
}
