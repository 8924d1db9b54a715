//! Numbers that nobody guesses, at the cost of a few shifts.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// The state of xoshiro256++, by Blackman and Vigna: passes the usual batteries of tests, and has 2^256
/// states, so that two threads do not meet.
pub(crate) type State = [u64; 4];

/// A state out of the standard library's random keys, the process, and the time: a forked child gets
/// another one than its parent, whose keys it has.
pub(crate) fn seed() -> State {
    let keys = RandomState::new();
    let process = std::process::id();
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.map_or(0, |since| since.as_nanos());
    let state = std::array::from_fn(|word| keys.hash_one((word, process, now)));
    if state == [0; 4] { [1; 4] } else { state }
}

/// The next number.
#[inline(always)]
pub(crate) fn next(state: &mut State) -> u64 {
    let result = state[0].wrapping_add(state[3]).rotate_left(23).wrapping_add(state[0]);
    let shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = state[3].rotate_left(45);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_xoshiro256_plus_plus() {
        // The first numbers of the authors' program from the state 1, 2, 3, 4.
        let mut state = [1, 2, 3, 4];
        let numbers: Vec<u64> = (0..4).map(|_| next(&mut state)).collect();
        assert_eq!(numbers, [41943041, 58720359, 3588806011781223, 3591011842654386]);
    }

    #[test]
    fn two_seeds_differ() {
        assert_ne!(seed(), seed());
    }
}
