//! Where a thread's stack is.

use std::ops::Range;

use crate::maps::{self, Mapping};

/// The most that the main thread's stack is taken to be, where there is no limit. The kernel leaves as
/// much free below it.
const MAIN_STACK: u64 = 128 << 20;

/// The stack that `pointer` points into, for as long as its thread runs on it. It allocates nothing.
pub(crate) fn stack_of(pointer: u64, thread_pointer: u64) -> Option<Range<u64>> {
    let (main, mut found) = (main_stack(), None);
    let see = |mapping: &Mapping<'_>| {
        found = found.take().or_else(|| stack_in(mapping, &main, pointer, thread_pointer));
    };
    let _ = maps::each(see);
    found
}

/// Where the main thread's stack may be, which is where it may grow to; empty if the kernel does not tell.
pub(crate) fn main_stack() -> Range<u64> {
    let mut main = 0..0;
    let _ = maps::each(|mapping| {
        if mapping.path == "[stack]" {
            main = main_stack_in(mapping);
        }
    });
    main
}

fn main_stack_in(mapping: &Mapping<'_>) -> Range<u64> {
    mapping.end.saturating_sub(main_stack_bytes()).min(mapping.start)..mapping.end
}

/// The stack that `pointer` points into, for as long as its thread runs on it, if it is `main` or in
/// `mapping`.
///
/// A thread of the C library has its control block at the top of its stack, which `thread_pointer`
/// points to: what lies above is not the stack's, even where the kernel lists both as one. The main
/// thread's stack is the one that the kernel names. Any other, such as that of a coroutine or of a
/// signal handler, is `None`: nobody knows when it goes.
pub(crate) fn stack_in(
    mapping: &Mapping<'_>,
    main: &Range<u64>,
    pointer: u64,
    thread_pointer: u64,
) -> Option<Range<u64>> {
    if main.contains(&pointer) {
        return Some(main.clone());
    }
    let stack = mapping.start..thread_pointer;
    let is_stack = mapping.readable && mapping.writable && !mapping.executable;
    (is_stack && thread_pointer < mapping.end && stack.contains(&pointer)).then_some(stack)
}

/// How far the main thread's stack may grow.
fn main_stack_bytes() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes the limit, which lives across the call.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) };
    if got == 0 { limit.rlim_cur.min(MAIN_STACK) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
1000-2000 ---p 00000000 00:00 0
2000-8000 rw-p 00000000 00:00 0
9000-a000 r-xp 00000000 00:00 0 /bin/x
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]
";

    fn found(pointer: u64, thread_pointer: u64) -> Option<Range<u64>> {
        let main = maps::mappings(LIST).find(|mapping| mapping.path == "[stack]").unwrap();
        let main = main_stack_in(&main);
        maps::mappings(LIST).find_map(|mapping| stack_in(&mapping, &main, pointer, thread_pointer))
    }

    #[test]
    fn a_thread_s_stack_ends_at_its_control_block() {
        assert_eq!(found(0x3000, 0x7f00), Some(0x2000..0x7f00));
        for (pointer, thread_pointer) in [(0x7f80, 0x7f00), (0x3000, 0x9100), (0x1800, 0x7f00)] {
            assert_eq!(found(pointer, thread_pointer), None, "{pointer:x}");
        }
    }

    #[test]
    fn the_main_thread_s_stack_may_have_grown() {
        let stack = found(0x7ffd_0000_1000, 0x3000).unwrap();
        assert_eq!(stack.end, 0x7ffd_0002_1000);
        assert!(stack.start <= 0x7ffd_0000_0000);
        let deeper = found(stack.start + 8, 0x3000);
        assert_eq!(deeper, Some(stack));
    }
}
