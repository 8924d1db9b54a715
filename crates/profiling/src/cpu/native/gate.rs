//! Who may use memory that is going to be given back.

use std::ptr;

use crate::sync::{AtomicPtr, AtomicUsize, Ordering, fence};

/// Lets signal handlers in as long as there is something to use, and tells when the last one is out.
///
/// A handler first says that it is inside and then looks whether there is something; whoever takes it
/// away does so first and then looks whether anybody is inside. Each has a sequentially consistent fence
/// between the two, so either the handler finds nothing, or it is seen.
pub(crate) struct Gate<T> {
    current: AtomicPtr<T>,
    inside: AtomicUsize,
}

/// The right to use it, for as long as this lives.
pub(crate) struct Pass<'a, T>(&'a Gate<T>, *const T);

impl<T> Gate<T> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Gate<T> {
        Gate { current: AtomicPtr::new(ptr::null_mut()), inside: AtomicUsize::new(0) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Gate<T> {
        Gate { current: AtomicPtr::new(ptr::null_mut()), inside: AtomicUsize::new(0) }
    }

    /// Lets in whoever comes from now on.
    pub(crate) fn open(&self, used: *const T) {
        self.current.store(used.cast_mut(), Ordering::Release);
    }

    /// Lets nobody in any more; some may still be inside.
    pub(crate) fn close(&self) {
        self.current.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Whether nobody is inside who came before [`close`](Self::close).
    pub(crate) fn is_empty(&self) -> bool {
        fence(Ordering::SeqCst);
        // Acquire: what those did who left is done.
        self.inside.load(Ordering::Acquire) == 0
    }

    /// In a forked child: those who were inside are the parent's.
    #[cfg(not(loom))]
    pub(crate) fn forget_parent(&self) {
        self.close();
        self.inside.store(0, Ordering::Relaxed);
    }

    /// Comes in, if there is something to use.
    #[inline]
    pub(crate) fn enter(&self) -> Option<Pass<'_, T>> {
        self.inside.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let pass = Pass(self, self.current.load(Ordering::Acquire));
        (!pass.1.is_null()).then_some(pass)
    }
}

impl<T> Pass<'_, T> {
    /// What there is to use.
    ///
    /// # Safety
    /// What the gate was opened with is kept until it is closed and then empty.
    #[inline]
    pub(crate) unsafe fn used(&self) -> &T {
        // SAFETY: it is not null, and while this pass lives the gate is not empty.
        unsafe { &*self.1 }
    }
}

impl<T> Drop for Pass<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Release);
    }
}
