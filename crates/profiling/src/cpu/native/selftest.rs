//! Whether this program was built with frame pointers.

use std::hint::black_box;
use std::sync::OnceLock;

use super::registers::{frame_pointer, thread_pointer};
use crate::stack::stack_of;
use crate::walk::walk;

/// Calls that must be found again.
const DEPTH: usize = 8;

/// Code of [`down`] is no longer than that.
const CODE_BYTES: u64 = 1024;

/// Whether a chain of calls within this crate is found by its frame pointers. Without them a profile
/// has no callers, and says so.
pub(crate) fn has_frame_pointers() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| down(DEPTH) > 0)
}

/// Calls itself `more` times, then counts the calls.
#[inline(never)]
fn down(more: usize) -> usize {
    if more == 0 {
        return usize::from(calls_found() >= DEPTH);
    }
    // what is done with the result keeps this from becoming a jump
    black_box(down(black_box(more - 1))).saturating_mul(black_box(1))
}

#[inline(never)]
fn calls_found() -> usize {
    let here = black_box(0_u64);
    let stack_pointer = &raw const here as u64;
    let Some(stack) = stack_of(stack_pointer, thread_pointer()) else { return 0 };
    let mut callers = [0; DEPTH];
    // SAFETY: the range is this thread's own stack, from a local of this function upwards.
    let found = unsafe { walk(frame_pointer(), stack_pointer, stack.end, &mut callers) };
    let code = down as *const () as u64;
    let inside = |back: &&u64| (code..code + CODE_BYTES).contains(*back);
    callers[..found].iter().take_while(inside).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The workspace is built with them.
    #[test]
    fn this_program_has_them_and_so_have_its_threads() {
        assert!(has_frame_pointers());
        let other = std::thread::spawn(|| down(DEPTH));
        assert_eq!(other.join().unwrap(), 1);
    }
}
