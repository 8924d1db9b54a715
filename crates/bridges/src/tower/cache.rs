//! What a thread remembers of the routes that it served.

use super::route::Route;
use perf_monitor_core::{Turn, Turns};
use std::cell::RefCell;
use std::sync::Arc;

/// Sets of places, and places of a set. All of them take 4 KiB, made when a thread first serves;
/// each share takes 32 bytes. At most 64 threads at once have them.
const SETS: usize = 64;
const WAYS: usize = 4;

/// A thread's own reference to a route. Requests count their references to it, so that threads
/// which serve the same route do not meet at the route's own count.
pub(super) type Share = Arc<Arc<Route>>;

thread_local! {
    static CACHE: RefCell<Cache> = const { RefCell::new(Cache { places: Vec::new(), next: 0, turn: None }) };
}

static TURNS: Turns = Turns::new();

struct Cache {
    places: Vec<Option<(u64, Share)>>,
    /// The place that is next to go in a set that is full.
    next: usize,
    turn: Option<Turn>,
}

/// The share of this hash that `is` the one.
#[inline]
pub(super) fn find(hash: u64, is: impl Fn(&Route) -> bool) -> Option<Share> {
    // A thread that is ending remembers nothing.
    CACHE.try_with(|cache| cache.try_borrow().ok()?.find(hash, is)).ok()?
}

/// Remembers a share that was not found.
pub(super) fn remember(hash: u64, share: Share) {
    let forgotten = CACHE.try_with(|cache| {
        // An allocator that serves requests goes without.
        cache.try_borrow_mut().ok()?.replace(hash, share)
    });
    // Dropped here, where nothing is borrowed.
    drop(forgotten);
}

impl Cache {
    #[inline]
    fn find(&self, hash: u64, is: impl Fn(&Route) -> bool) -> Option<Share> {
        let first = first_of_set(hash);
        let places = self.places.get(first..first + WAYS)?;
        let mut known = places.iter().flatten();
        let (_, share) = known.find(|(own, share)| *own == hash && is(share))?;
        Some(share.clone())
    }

    fn replace(&mut self, hash: u64, share: Share) -> Option<(u64, Share)> {
        if self.turn.is_none() {
            self.turn = Some(TURNS.take()?);
            self.places.resize_with(SETS * WAYS, || None);
        }
        let first = first_of_set(hash);
        let set = &mut self.places[first..first + WAYS];
        let free = set.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.next = self.next.wrapping_add(1);
            self.next % WAYS
        });
        set[place].replace((hash, share))
    }
}

fn first_of_set(hash: u64) -> usize {
    (hash >> 58) as usize % SETS * WAYS
}

/// Mixes the texts eight bytes at a time, by the multiplier of FxHash. What is compared in the end
/// is the texts.
#[inline]
pub(super) fn hash(method: &str, route: &str) -> u64 {
    let mut hash = word(method.as_bytes());
    for chunk in route.as_bytes().chunks(8) {
        hash = (hash.rotate_left(23) ^ word(chunk)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    hash
}

/// The first eight bytes, zeroes behind.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    let some = bytes.len().min(8);
    word[..some].copy_from_slice(&bytes[..some]);
    u64::from_le_bytes(word)
}
