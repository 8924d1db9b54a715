//! jemalloc, if the program uses it; the same names without it.

use super::snapshot::MemorySnapshot;
use crate::Error;
use crate::heap::HeapProfile;

/// What a program is told that has neither allocator.
pub(super) const NO_ALLOCATOR: &str = "the program's allocator cannot be profiled: make `TrackedAlloc` its \
     global allocator, or use jemalloc with the feature `jemalloc`";

#[cfg(feature = "jemalloc")]
mod linked;
#[cfg(feature = "jemalloc")]
pub use linked::JemallocConf;
#[cfg(feature = "jemalloc")]
pub(super) use linked::*;

#[cfg(not(feature = "jemalloc"))]
pub(super) use without::*;

#[cfg(not(feature = "jemalloc"))]
mod without {
    //! The feature is off: no program uses jemalloc, as far as is known.

    use super::{Error, HeapProfile, MemorySnapshot, NO_ALLOCATOR};

    pub(in crate::memory) fn is_used() -> bool {
        false
    }

    pub(in crate::memory) fn is_active() -> bool {
        false
    }

    pub(in crate::memory) fn set_active(_: bool) -> Result<(), Error> {
        Err(Error::Unsupported(NO_ALLOCATOR))
    }

    pub(in crate::memory) fn profile() -> Result<HeapProfile, Error> {
        Err(Error::Unsupported(NO_ALLOCATOR))
    }

    pub(in crate::memory) fn fill(snapshot: MemorySnapshot) -> Result<MemorySnapshot, Error> {
        Ok(snapshot)
    }

    pub(in crate::memory) fn notes() -> Vec<&'static str> {
        Vec::new()
    }
}
