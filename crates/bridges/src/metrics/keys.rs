//! The keys that a bridge has seen, with their handles.

use std::collections::HashMap;
use std::sync::Arc;

use ::metrics::{Key, Label};
use perf_monitor_core::{Lock, Reservation};

/// One key and its handle, for as long as the bridge lives.
pub(super) struct Entry<H> {
    bridge: u64,
    pub(super) key: Key,
    pub(super) handle: H,
    _charged: Reservation,
}

impl<H> Entry<H> {
    /// Keys are equal whatever the order of their labels.
    #[inline(always)]
    pub(super) fn is(&self, bridge: u64, key: &Key) -> bool {
        self.bridge == bridge && self.key == *key
    }
}

/// Keys by their hash; which is never taken for the key.
pub(super) struct Keys<H>(Lock<HashMap<u64, Vec<Arc<Entry<H>>>>>);

/// Bytes of an entry beside itself: its allocation, its place in the map.
const BESIDE: usize = 120;

/// Bytes that a key takes once it is kept.
pub(super) fn bytes<H>(key: &Key) -> usize {
    let label = |label: &Label| size_of::<Label>() + label.key().len() + label.value().len();
    BESIDE + size_of::<Entry<H>>() + key.name().len() + key.labels().map(label).sum::<usize>()
}

impl<H> Keys<H> {
    pub(super) fn new() -> Keys<H> {
        Keys(Lock::new(HashMap::new()))
    }

    pub(super) fn find(&self, key: &Key) -> Option<Arc<Entry<H>>> {
        let keys = self.0.lock();
        keys.get(&key.get_hash())?.iter().find(|entry| entry.key == *key).cloned()
    }

    /// Keeps the key, unless another thread was first.
    pub(super) fn insert(
        &self,
        bridge: u64,
        key: &Key,
        handle: H,
        charged: Reservation,
    ) -> Arc<Entry<H>> {
        let made = Arc::new(Entry { bridge, key: key.to_retained(), handle, _charged: charged });
        let mut keys = self.0.lock();
        let same_hash = keys.entry(key.get_hash()).or_default();
        match same_hash.iter().find(|entry| entry.key == *key) {
            Some(entry) => entry.clone(),
            None => {
                same_hash.push(made.clone());
                made
            }
        }
    }
}
