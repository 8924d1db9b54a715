//! One octave of a histogram: a run of 32-bit cells behind a word.
//!
//! The word is a cell of a slab, or of a histogram's shared base. Below [`FIRST`] it counts the
//! records that wanted the octave; from there on it is the octave's address.

use crate::sync::AtomicU32;
use std::ptr;

/// No allocation lies below this address.
pub(crate) const FIRST: u64 = 4096;

/// Bytes of an octave.
pub(crate) const fn bytes(cells: usize) -> usize {
    cells * size_of::<AtomicU32>()
}

/// A new octave of zeroes.
pub(crate) fn new(cells: usize) -> u64 {
    let octave: Box<[AtomicU32]> = (0..cells).map(|_| AtomicU32::new(0)).collect();
    let address = Box::into_raw(octave).cast::<AtomicU32>().expose_provenance();
    debug_assert!(address as u64 >= FIRST);
    address as u64
}

/// The octave behind `word`.
///
/// # Safety
/// `word` counts, or comes from `new(cells)` and is not freed during `'a`.
#[inline(always)]
pub(crate) unsafe fn get<'a>(word: u64, cells: usize) -> Option<&'a [AtomicU32]> {
    if word < FIRST {
        return None;
    }
    let first = ptr::with_exposed_provenance::<AtomicU32>(word as usize);
    // SAFETY: the caller's promise.
    Some(unsafe { std::slice::from_raw_parts(first, cells) })
}

/// One cell of the octave behind `word`.
///
/// # Safety
/// As [`get`], and `inside` is below the octave's cells.
#[inline(always)]
pub(crate) unsafe fn cell<'a>(word: u64, inside: usize) -> Option<&'a AtomicU32> {
    let first = ptr::with_exposed_provenance::<AtomicU32>(word as usize);
    // SAFETY: the caller's promise.
    (word >= FIRST).then(|| unsafe { &*first.add(inside) })
}

/// Frees the octave behind `word`, if there is one, and tells its bytes.
///
/// # Safety
/// As [`get`], and nobody uses the octave any more.
pub(crate) unsafe fn free(word: u64, cells: u32) -> usize {
    if word < FIRST {
        return 0;
    }
    let first = ptr::with_exposed_provenance_mut::<AtomicU32>(word as usize);
    // SAFETY: the caller's promise; `new` made the box from a slice of this length.
    drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(first, cells as usize)) });
    bytes(cells as usize)
}
