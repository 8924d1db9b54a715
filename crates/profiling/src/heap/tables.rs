//! What the sampler remembers, in private memory that is mapped when it is first wanted.

use std::sync::atomic::AtomicU64;

use super::live::Live;
use super::stacks::Stacks;
use super::tallies::Tallies;

/// Bytes of private memory while sampling is on. None is resident before that and after.
pub const SAMPLING_BYTES: usize = size_of::<Tables>();

/// All zeroes are empty tables.
#[repr(C, align(4096))]
pub(super) struct Tables {
    pub(super) live: Live,
    pub(super) stacks: Stacks,
    pub(super) tallies: Tallies,
    /// Allocations that were sampled.
    pub(super) samples: AtomicU64,
    /// Of these, those of which the callers are not known.
    pub(super) flat: AtomicU64,
    /// Of these, those that the live heap had no room for.
    pub(super) not_live: AtomicU64,
    /// Of these, those whose stack was cut for want of room, or had to go with the others.
    pub(super) cut: AtomicU64,
}

#[cfg(target_os = "linux")]
pub(super) use linux::{clear, map};

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::ptr::{self, NonNull};

    use super::{SAMPLING_BYTES, Tables};

    /// Empty tables. They stay mapped for ever, since a free may look into them at any time.
    pub(in crate::heap) fn map() -> io::Result<NonNull<Tables>> {
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping of its own.
        let address = unsafe { libc::mmap(ptr::null_mut(), SAMPLING_BYTES, rights, kind, -1, 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(address.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
    }

    /// Gives the memory back to the system, which makes it zeroes.
    ///
    /// # Safety
    /// `tables` come from [`map`], and nobody writes to them meanwhile.
    pub(in crate::heap) unsafe fn clear(tables: NonNull<Tables>) {
        // SAFETY: a whole private mapping, as the caller says. Who reads meanwhile reads atomics, old or 0.
        unsafe { libc::madvise(tables.as_ptr().cast(), SAMPLING_BYTES, libc::MADV_DONTNEED) };
    }
}
