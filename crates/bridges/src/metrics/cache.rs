//! What a thread remembers of keys, so that a macro finds its handle without a lock.
//!
//! Each entry keeps a handle of the thread's own: what a macro counts up and down, once for each
//! record, then lies on a line that no other thread writes. A hit compares the whole key.

use std::cell::RefCell;
use std::sync::Arc;

use ::metrics::Key;
use perf_monitor_core::{Turn, Turns};

use super::handle::{CounterHandle, GaugeHandle, HistogramHandle, Kind};
use super::keys::Entry;

/// Places of a thread's cache of one kind, made when the thread first needs one of them. Two keys share
/// a place in the order of their coming: 4 KiB in all. At most 64 threads at once have them.
const PLACES: usize = 128;

thread_local! {
    static CACHES: Caches = const {
        Caches {
            counters: RefCell::new(Vec::new()),
            gauges: RefCell::new(Vec::new()),
            histograms: RefCell::new(Vec::new()),
            turn: RefCell::new(None),
        }
    };
}

/// The caches of a thread.
pub(super) struct Caches {
    pub(super) counters: Cache<CounterHandle>,
    pub(super) gauges: Cache<GaugeHandle>,
    pub(super) histograms: Cache<HistogramHandle>,
    turn: RefCell<Option<Turn>>,
}

static TURNS: Turns = Turns::new();

impl Caches {
    /// Whether the thread may have caches; it asks again for as long as it has none.
    fn may(&self) -> Option<()> {
        let mut turn = self.turn.try_borrow_mut().ok()?;
        if turn.is_none() {
            *turn = TURNS.take();
        }
        turn.as_ref().map(|_| ())
    }
}

pub(super) type Cache<H> = RefCell<Vec<[Option<Slot<H>>; 2]>>;

pub(super) struct Slot<H> {
    entry: Arc<Entry<H>>,
    own: Arc<H>,
}

/// The key's hash is without a last mixing step; its high bits are made to depend on all others.
#[inline(always)]
fn place(key: &Key) -> usize {
    (key.get_hash().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57) as usize % PLACES
}

/// The thread's handle of `key` in the bridge numbered `bridge`, if it remembers one.
#[inline]
pub(super) fn find<H: Kind>(bridge: u64, key: &Key) -> Option<Arc<H>> {
    let found = CACHES.try_with(|caches| {
        let cache = H::cache(caches).try_borrow().ok()?;
        let slots = cache.get(place(key))?;
        let slot = slots.iter().flatten().find(|slot| slot.entry.is(bridge, key))?;
        Some(slot.own.clone())
    });
    // A thread that is ending goes without.
    found.ok().flatten()
}

/// A handle of the thread's own, which it remembers in place of the one it had longest there.
pub(super) fn remember<H: Kind>(entry: Arc<Entry<H>>) -> Arc<H> {
    let own = Arc::new(entry.handle.clone());
    let place = place(&entry.key);
    let slot = Slot { entry, own: own.clone() };
    let forgotten = CACHES.try_with(|caches| {
        let mut cache = H::cache(caches).try_borrow_mut().ok()?;
        if cache.is_empty() {
            caches.may()?;
            cache.resize_with(PLACES, Default::default);
        }
        let [newest, oldest] = &mut cache[place];
        std::mem::replace(oldest, newest.replace(slot))
    });
    // Dropped here, where nothing is borrowed.
    drop(forgotten);
    own
}
