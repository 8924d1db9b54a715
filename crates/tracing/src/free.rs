//! The free places of a pool, as a stack that any thread pushes to or pops from without a lock.

use std::ops::Range;

use crate::sync::{AtomicU16, AtomicU64, Ordering};

/// No place.
pub(crate) const NIL: u16 = u16::MAX;

/// Lists that the free places are on: as many threads do not meet. The model checker has one.
pub(crate) const HOMES: usize = if cfg!(loom) { 1 } else { 8 };

/// The free places of a pool, by the threads that had them last: what one core has in its cache another one
/// does not fetch while it has some of its own.
pub(crate) struct Homes([FreeList; HOMES]);

impl Homes {
    /// All of `count` places, each home with a share.
    pub(crate) fn full<'a>(count: u16, link: impl Fn(u16) -> &'a AtomicU16) -> Homes {
        let start = |home: usize| (home * usize::from(count) / HOMES) as u16;
        let list = |home| FreeList::full(start(home)..start(home + 1), &link);
        Homes(std::array::from_fn(list))
    }

    /// How many are free, at some moment.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|list| usize::from(list.count())).sum()
    }

    /// Takes up to `most` places from `home`, or else from the next that has any.
    pub(crate) fn pop<'a>(
        &self,
        home: usize,
        most: u16,
        link: impl Fn(u16) -> &'a AtomicU16,
    ) -> Option<(u16, u16)> {
        (0..HOMES).find_map(|n| self.0[(home + n) % HOMES].pop(most, &link))
    }

    /// The list of a home.
    pub(crate) fn of(&self, home: usize) -> &FreeList {
        &self.0[home % HOMES]
    }
}

/// A stack of places; which place lies below which is kept in links outside of it.
///
/// Protocol. `head` is the top, the number of places, and a tag that changes with each change, so that
/// a popper that read links which meanwhile changed fails its exchange. Whoever pops a place owns it:
/// the exchange acquires what the pusher had released.
#[repr(align(64))]
pub(crate) struct FreeList {
    head: AtomicU64,
}

#[derive(Clone, Copy)]
struct Head(u64);

impl Head {
    fn new(top: u16, count: u16, tag: u32) -> Head {
        Head(u64::from(top) | u64::from(count) << 16 | u64::from(tag) << 32)
    }

    fn top(self) -> u16 {
        self.0 as u16
    }

    fn count(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The head after this one.
    fn next(self, top: u16, count: u16) -> u64 {
        Head::new(top, count, ((self.0 >> 32) as u32).wrapping_add(1)).0
    }
}

impl FreeList {
    /// All of these places, the first on top.
    pub(crate) fn full<'a>(places: Range<u16>, link: impl Fn(u16) -> &'a AtomicU16) -> FreeList {
        for place in places.clone() {
            let below = if place + 1 < places.end { place + 1 } else { NIL };
            link(place).store(below, Ordering::Relaxed);
        }
        let top = if places.is_empty() { NIL } else { places.start };
        FreeList { head: AtomicU64::new(Head::new(top, places.len() as u16, 0).0) }
    }

    /// How many are free, at some moment.
    pub(crate) fn count(&self) -> u16 {
        Head(self.head.load(Ordering::Relaxed)).count()
    }

    /// Takes up to `most` places in one exchange: the first of a chain through the links, with how many
    /// there are.
    pub(crate) fn pop<'a>(
        &self,
        most: u16,
        link: impl Fn(u16) -> &'a AtomicU16,
    ) -> Option<(u16, u16)> {
        let mut seen = self.head.load(Ordering::Acquire);
        loop {
            let head = Head(seen);
            let taken = most.min(head.count());
            if taken == 0 {
                return None;
            }
            // Links of places that others pop meanwhile may be anything; then the exchange fails.
            let below = (0..taken).try_fold(head.top(), |place, _| {
                (place != NIL).then(|| link(place).load(Ordering::Relaxed))
            });
            let swapped = below.map(|below| {
                let next = head.next(below, head.count() - taken);
                let (ok, fail) = (Ordering::AcqRel, Ordering::Acquire);
                self.head.compare_exchange_weak(seen, next, ok, fail)
            });
            match swapped {
                Some(Ok(_)) => return Some((head.top(), taken)),
                Some(Err(now)) => seen = now,
                None => seen = self.head.load(Ordering::Acquire),
            }
        }
    }

    /// Gives back a chain of `count` places from `first` to `last`.
    pub(crate) fn push<'a>(
        &self,
        first: u16,
        last: u16,
        count: u16,
        link: impl Fn(u16) -> &'a AtomicU16,
    ) {
        let mut seen = self.head.load(Ordering::Relaxed);
        loop {
            let head = Head(seen);
            link(last).store(head.top(), Ordering::Relaxed);
            let next = head.next(first, head.count() + count);
            // Release: whoever pops them sees what was done to them before.
            match self.head.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }
}
