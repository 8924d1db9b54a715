//! Callers by the chain of frame pointers.

use std::ops::Range;

/// The longest stack that is kept; what lies beyond is cut at the outer end.
pub(crate) const MOST_FRAMES: usize = 64;

/// The bits of an address of code. Where addresses to go back to are signed, as arm64 may do, the others hold the
/// signature; Linux gives programs that do not ask for more addresses of 48 bits.
const CODE_BITS: u64 = if cfg!(target_arch = "aarch64") { (1 << 48) - 1 } else { u64::MAX };

/// An address to go back to without its signature.
#[inline(always)]
pub(crate) fn plain(back: u64) -> u64 {
    back & CODE_BITS
}

/// Puts the return addresses of the chain that begins at `frame` into `found`, innermost first, and
/// gives back how many there are, as [`callers`] finds them.
///
/// # Safety
/// As of [`callers`].
#[inline]
pub(crate) unsafe fn walk(frame: u64, low: u64, high: u64, found: &mut [u64]) -> usize {
    // SAFETY: the caller keeps the same contract.
    unsafe { callers(frame, low..high, found.len(), |number, back| found[number] = back) }
}

/// Hands the return addresses of the chain that begins at `frame` to `each` with their number, innermost first,
/// `most` at most, and gives back how many there are.
///
/// Only addresses in `readable` are read. The chain ends where a frame pointer is not aligned, does
/// not lie above the one before, or leaves the range; so it ends at all, and code that uses the
/// register for something else ends it early rather than leading anywhere.
///
/// It calls nothing but `each` and allocates nothing: a signal handler may use it.
///
/// # Safety
/// `readable` is mapped and readable while this runs. (That other threads may write there does no harm.)
#[inline(always)]
pub(crate) unsafe fn callers(
    frame: u64,
    readable: Range<u64>,
    most: usize,
    mut each: impl FnMut(usize, u64),
) -> usize {
    let Range { start: mut low, end: high } = readable;
    let (mut frame, mut count) = (frame, 0);
    while count < most && frame >= low && frame.is_multiple_of(8) {
        let Some(end) = frame.checked_add(16).filter(|end| *end <= high) else { break };
        // SAFETY: the record lies in the range, which the caller says can be read; it is aligned.
        let (above, back) = unsafe {
            let record = frame as *const u64;
            (record.read_volatile(), record.add(1).read_volatile())
        };
        if back == 0 {
            break;
        }
        each(count, plain(back));
        count += 1;
        (frame, low) = (above, end);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn walked(memory: &[u64], first: usize) -> Vec<u64> {
        let low = memory.as_ptr() as u64;
        let mut found = [0; MOST_FRAMES];
        // SAFETY: the range is that of the slice.
        let count =
            unsafe { walk(low + 8 * first as u64, low, low + 8 * memory.len() as u64, &mut found) };
        found[..count].to_vec()
    }

    #[test]
    fn a_chain_is_followed_to_its_end() {
        let mut memory = [0_u64; 12];
        let at = |memory: &[u64; 12], index: usize| memory.as_ptr() as u64 + 8 * index as u64;
        (memory[1], memory[2]) = (at(&memory, 4), 100);
        (memory[4], memory[5]) = (at(&memory, 9), 200);
        (memory[9], memory[10]) = (0, 300);
        assert_eq!(walked(&memory, 1), [100, 200, 300]);
    }

    #[test]
    fn a_chain_that_turns_back_ends() {
        let mut memory = [0_u64; 8];
        (memory[2], memory[3]) = (memory.as_ptr() as u64, 100);
        assert_eq!(walked(&memory, 2), [100]);
    }

    proptest! {
        /// Under a sanitizer, or with a guard page, a read outside would end the test.
        #[test]
        fn whatever_lies_on_the_stack_is_read_within_bounds(
            words in prop::collection::vec(any::<u64>(), 1..64),
            links in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..32),
            first: prop::sample::Index,
        ) {
            let mut memory = words;
            for (from, to) in links {
                let to = memory.as_ptr() as u64 + 8 * to.index(memory.len()) as u64;
                let from = from.index(memory.len());
                memory[from] = to;
            }
            prop_assert!(walked(&memory, first.index(memory.len())).len() <= memory.len());
        }
    }
}
