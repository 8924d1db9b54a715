//! What the sampler remembers, in private memory that is mapped when it is first wanted.

use std::sync::atomic::AtomicU64;

use super::live::{Live, Lives};
use super::poisson::{Weight, weight};
use super::stacks::Stacks;
use super::tallies::{Key, TALLIES, Tallies};

/// Bytes of private memory while sampling is on. None is resident before that and after.
pub const SAMPLING_BYTES: usize = size_of::<Tables>();

/// All zeroes are empty tables.
#[repr(C, align(4096))]
pub(super) struct Tables {
    pub(super) live: Live,
    pub(super) stacks: Stacks,
    pub(super) tallies: Tallies,
    /// Of the allocations that were sampled, those of which the callers are not known.
    pub(super) flat: AtomicU64,
    /// Of these, those that the live heap had no room for.
    pub(super) not_live: AtomicU64,
    /// Of these, those whose stack was cut for want of room, or had to go with the others.
    pub(super) cut: AtomicU64,
}

/// What was sampled of one stack in spans of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    /// The stack and the span; `None` for all that had no place.
    pub(super) key: Option<Key>,
    pub(super) allocated: Weight,
    pub(super) live: Weight,
}

impl Tables {
    /// What was sampled, one in `interval` bytes.
    pub(super) fn read(&self, interval: u64) -> Vec<Sums> {
        // First what lives, so that nothing does that was not allocated.
        let mut live = vec![Weight::default(); TALLIES];
        for Lives { place, size } in self.live.words().map(Lives::of) {
            let sum = &mut live[usize::from(place)];
            *sum = sum.plus(weight(size, interval));
        }
        let sums = self.tallies.read().zip(live);
        sums.filter(|((_, allocated), _)| allocated.parts > 0)
            .map(|((key, allocated), live)| Sums { key, allocated, live })
            .collect()
    }
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
