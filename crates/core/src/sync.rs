//! The atomics and locks of this crate, which a model checker can take the place of.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc,
    atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering},
};

#[cfg(loom)]
pub(crate) use modelled::{Guard, Lock};
#[cfg(not(loom))]
pub use real::{Guard, Lock};

#[cfg(not(loom))]
mod real {
    use crate::fork;
    use std::ops::{Deref, DerefMut};
    use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

    /// A mutex that no child process inherits locked, and that a panic does not poison.
    ///
    /// Every critical section passes the fork gate, so that `fork` waits until none is open: keep them
    /// short, and call nothing foreign in them.
    ///
    /// ```
    /// let names = perf_monitor_core::Lock::new(Vec::new());
    /// names.lock().push("fetch");
    /// assert_eq!(names.lock().len(), 1);
    /// ```
    #[derive(Debug, Default)]
    pub struct Lock<T>(Mutex<T>);

    /// The right to a [`Lock`]'s contents. The lock is given back before the gate is left.
    pub struct Guard<'a, T> {
        inner: MutexGuard<'a, T>,
        _pass: fork::Pass,
    }

    impl<T> Lock<T> {
        /// A lock around `value`.
        pub const fn new(value: T) -> Lock<T> {
            Lock(Mutex::new(value))
        }

        /// Waits for the contents.
        pub fn lock(&self) -> Guard<'_, T> {
            let pass = fork::enter();
            Guard { inner: self.0.lock().unwrap_or_else(PoisonError::into_inner), _pass: pass }
        }

        /// The contents, unless somebody has them.
        pub fn try_lock(&self) -> Option<Guard<'_, T>> {
            let pass = fork::enter();
            match self.0.try_lock() {
                Ok(inner) => Some(Guard { inner, _pass: pass }),
                Err(TryLockError::Poisoned(e)) => {
                    Some(Guard { inner: e.into_inner(), _pass: pass })
                }
                Err(TryLockError::WouldBlock) => None,
            }
        }

        /// The contents, which nobody else can have.
        pub fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl<T> Deref for Guard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.inner
        }
    }

    impl<T> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.inner
        }
    }
}

#[cfg(loom)]
mod modelled {
    /// The model checker's mutex behind the same face.
    #[derive(Debug)]
    pub(crate) struct Lock<T>(loom::sync::Mutex<T>);

    pub(crate) type Guard<'a, T> = loom::sync::MutexGuard<'a, T>;

    impl<T> Lock<T> {
        pub(crate) fn new(value: T) -> Lock<T> {
            Lock(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> Guard<'_, T> {
            self.0.lock().unwrap()
        }

        pub(crate) fn try_lock(&self) -> Option<Guard<'_, T>> {
            self.0.try_lock().ok()
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap()
        }
    }
}
