//! Span ids that tell where their span is kept without showing it.

use std::sync::OnceLock;

use crate::local::Local;
use crate::random;

/// In place of a slot: the span was not sampled.
pub(crate) const UNSAMPLED: u16 = u16::MAX;
/// In place of a slot: the span, or one above it, found none.
pub(crate) const LOST: u16 = u16::MAX - 1;
/// In place of a slot: its trace had too many spans.
pub(crate) const FULL: u16 = u16::MAX - 2;

/// Odd, so that multiplying by it can be undone.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const INVERSE: u64 = inverse(FACTOR);

/// By Newton's iteration, which doubles the bits that are right: an odd number is its own inverse in
/// the lowest three.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

/// Mixes the upper half into the lower one, which the product leaves as even as the place is; done
/// twice it is undone.
#[inline(always)]
const fn fold(product: u64) -> u64 {
    product ^ (product >> 32)
}

/// The same for all tracers of the process, so that each can read the ids of the others.
#[inline(always)]
fn key() -> u64 {
    static KEY: OnceLock<u64> = OnceLock::new();
    *KEY.get_or_init(|| random::seed()[0])
}

/// A new id of a span in this place, with its sequence number. An id is never 0, and never comes
/// again.
#[inline(always)]
pub(crate) fn seal(local: Local, place: u16) -> (u64, u64) {
    loop {
        let sequence = local.sequence();
        let plain = sequence << 16 | u64::from(place);
        let id = fold(plain.wrapping_mul(FACTOR)) ^ key();
        if id != 0 {
            return (id, sequence);
        }
    }
}

/// The place of a span, with its sequence number.
#[inline(always)]
pub(crate) fn open(id: u64) -> (u16, u64) {
    let plain = fold(id ^ key()).wrapping_mul(INVERSE);
    (plain as u16, plain >> 16)
}

/// Whether this place stands for none.
#[inline(always)]
pub(crate) fn is_marker(place: u16) -> bool {
    place >= FULL
}

/// Whether a span of this sequence number may have begun in this process.
pub(crate) fn was_given(sequence: u64) -> bool {
    crate::fork::was_given(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_where_its_span_is() {
        for place in [0, 1, 1_023, FULL, LOST, UNSAMPLED] {
            let (id, sequence) = seal(Local, place);
            assert_eq!(open(id), (place, sequence));
        }
    }

    #[test]
    fn ids_of_one_place_differ_in_all_their_bits() {
        let ids: Vec<u64> = (0..200).map(|_| seal(Local, 7).0).collect();
        let differing = ids.iter().fold(0, |bits, id| bits | (id ^ ids[0]));
        assert_eq!(differing, u64::MAX);
    }

    #[test]
    fn ids_do_not_come_again() {
        let ids = |_| (0..10_000).map(|_| seal(Local, 7).0).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|n| std::thread::spawn(move || ids(n))).collect();
        let all: Vec<u64> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
