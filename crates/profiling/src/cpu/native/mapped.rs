//! Memory that is taken from the system for as long as a profiler runs, and given back after it.

use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use crate::error::Error;

/// A type of which every bit pattern of zeroes is a value.
///
/// # Safety
/// Whoever implements this guarantees it: integers and atomics of them, arrays and structs of those.
pub(crate) unsafe trait Zeroes {}

/// A value in pages of its own, which begins as zeroes. Pages that are never touched cost nothing.
pub(crate) struct Mapped<T: Zeroes>(NonNull<T>);

// SAFETY: it owns its value, as a Box does.
unsafe impl<T: Zeroes + Send> Send for Mapped<T> {}
// SAFETY: as a Box, it shows no more than a reference to its value.
unsafe impl<T: Zeroes + Sync> Sync for Mapped<T> {}

impl<T: Zeroes> Mapped<T> {
    /// Maps it.
    ///
    /// # Errors
    /// The system has no memory left for this process.
    pub(crate) fn new() -> Result<Mapped<T>, Error> {
        assert!(align_of::<T>() <= 4096, "pages are aligned to no more");
        // SAFETY: a new private mapping at an address that the kernel chooses touches nothing else.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size_of::<T>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(Error::System("no memory for the profiler", io::Error::last_os_error()));
        }
        NonNull::new(memory.cast()).map(Mapped).ok_or(Error::Unsupported("memory at address 0"))
    }
}

impl<T: Zeroes> Deref for Mapped<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the mapping is as large as a T, page-aligned, lives as long as this, and began as
        // zeroes, which `Zeroes` guarantees to be a T.
        unsafe { self.0.as_ref() }
    }
}

impl<T: Zeroes> DerefMut for Mapped<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; this is the only owner and is borrowed exclusively.
        unsafe { self.0.as_mut() }
    }
}

impl<T: Zeroes> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's, and nobody can refer to it any more.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<T>()) };
    }
}
