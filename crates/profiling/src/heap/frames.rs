//! The calling function's frame pointer, whether there is one, and the stack that it lies in.

use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::walk::callers;

/// The frame pointer of the function that this is inlined into; 0 where it is not known how to read it.
#[inline(always)]
pub(super) fn frame_pointer() -> u64 {
    #[allow(unused_mut, unused_assignments)]
    let mut frame = 0;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, x29", out(reg) frame, options(nomem, nostack, preserves_flags));
    }
    frame
}

/// The part of memory that a thread's stack is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) low: u64,
    pub(super) end: u64,
}

impl Bounds {
    /// No stack.
    pub(super) const NONE: Bounds = Bounds { low: 1, end: 1 };

    /// Hands the callers' return addresses to `each` with their number, innermost first, from the one whose frame
    /// pointer is `frame`, `most` at most; none if that is on another stack, such as a coroutine's or a signal's.
    #[inline(always)]
    pub(super) fn walk(self, frame: u64, most: usize, each: impl FnMut(usize, u64)) -> usize {
        if frame < self.low || frame >= self.end {
            return 0;
        }
        // SAFETY: `frame` is on the calling thread's stack, which is mapped from here to its end: deeper
        // frames are in use, and this one's callers are above.
        unsafe { callers(frame, frame..self.end, most, each) }
    }

    /// The calling thread's, as its thread library knows it.
    ///
    /// Of the main thread it reads `/proc`, for which the C library allocates.
    #[cfg(target_os = "linux")]
    pub(super) fn of_this_thread() -> Bounds {
        let mut attributes = std::mem::MaybeUninit::uninit();
        // SAFETY: asks for the calling thread, which exists; `attributes` is initialised on success.
        if unsafe { libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) } != 0 {
            return Bounds::NONE;
        }
        let (mut low, mut size) = (std::ptr::null_mut(), 0);
        // SAFETY: initialised above, and destroyed once.
        let known = unsafe {
            let known =
                libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            known == 0
        };
        if known { Bounds { low: low as u64, end: low as u64 + size as u64 } } else { Bounds::NONE }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn of_this_thread() -> Bounds {
        Bounds::NONE
    }
}

/// How deep the test of frame pointers goes.
const DEPTH: usize = 8;

/// Whether this program was built with frame pointers, as far as this crate shows; found out once.
pub(super) fn are_there() -> bool {
    static FOUND: AtomicU8 = AtomicU8::new(0);
    const YES: u8 = 1;
    const NO: u8 = 2;
    match FOUND.load(Ordering::Relaxed) {
        0 => {
            let found = chain_is_whole();
            FOUND.store(if found { YES } else { NO }, Ordering::Relaxed);
            found
        }
        found => found == YES,
    }
}

/// Calls itself so many times and looks whether all the calls are found.
fn chain_is_whole() -> bool {
    let mut found = [0; DEPTH + 1];
    let count = descend(DEPTH, Bounds::of_this_thread(), &mut found);
    // The innermost calls are all from one place, the recursion's.
    count > DEPTH && found[1..DEPTH].iter().all(|address| *address == found[0])
}

#[inline(never)]
fn descend(depth: usize, bounds: Bounds, found: &mut [u64]) -> usize {
    if depth == 0 {
        return bounds.walk(frame_pointer(), found.len(), |n, address| found[n] = address);
    }
    // Used after the call, so that it is one and not a jump.
    black_box(descend(black_box(depth - 1), bounds, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_local_lies_on_the_stack_of_its_thread() {
        let is_on_it = || {
            let (local, bounds) = (0_u8, Bounds::of_this_thread());
            (bounds.low..bounds.end).contains(&(&raw const local as u64))
        };
        assert!(is_on_it());
        let small = std::thread::Builder::new().stack_size(64 << 10).spawn(move || {
            let bounds = Bounds::of_this_thread();
            is_on_it() && bounds.end - bounds.low < 1 << 20
        });
        assert!(small.unwrap().join().unwrap());
    }

    #[test]
    fn another_stack_is_not_walked() {
        let bounds = Bounds { low: 4096, end: 8192 };
        assert_eq!(bounds.walk(frame_pointer(), 4, |_, _| {}), 0);
        assert_eq!(Bounds::NONE.walk(frame_pointer(), 4, |_, _| {}), 0);
    }

    #[test]
    fn the_answer_of_the_test_does_not_change() {
        let first = are_there();
        assert_eq!(chain_is_whole(), first);
        assert_eq!(std::thread::spawn(chain_is_whole).join().unwrap(), first);
    }
}
