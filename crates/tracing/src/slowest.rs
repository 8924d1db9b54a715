//! The slowest spans of each name, whose traces are kept for longer.

use crate::engine::Core;
use crate::free::NIL;
use crate::order::Lists;
use crate::payload::depth;
use crate::sync::Ordering;

/// Spans that are kept of each name.
const EACH: usize = 2;

/// For each name its slowest spans.
pub(crate) struct Slowest {
    names: Box<[[Place; EACH]]>,
}

/// A kept span: its slot, with the first slot of its trace.
#[derive(Clone, Copy)]
struct Place {
    first: u16,
    slot: u16,
}

const NOBODY: Place = Place { first: NIL, slot: NIL };

impl Slowest {
    pub(crate) const NAME_BYTES: usize = size_of::<[Place; EACH]>();

    pub(crate) fn new(names: usize) -> Slowest {
        Slowest { names: vec![[NOBODY; EACH]; names].into() }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.names)
    }

    /// Protects a trace that was just taken in, if one of its spans is among the slowest of its name.
    pub(crate) fn consider(&mut self, core: &Core, lists: &mut Lists, first: u16) {
        for slot in chain(core, first) {
            let name = core.slot(slot).name.load(Ordering::Relaxed);
            if let Some(place) = self.worse(core, name, slot) {
                let before = std::mem::replace(place, Place { first, slot });
                withdraw(lists, before);
                if lists.entry(first).slowest == 0 {
                    lists.protect(first, cells(core, first));
                }
                let entry = lists.entry_mut(first);
                entry.slowest = entry.slowest.saturating_add(1);
                self.tell(core, name);
            }
        }
    }

    /// The place of a span of this name that took less time than the one in `slot`.
    fn worse(&mut self, core: &Core, name: u16, slot: u16) -> Option<&mut Place> {
        let places = self.names.get_mut(usize::from(name))?;
        let least = places.iter_mut().min_by_key(|place| duration(core, place.slot))?;
        (duration(core, least.slot) < duration(core, slot)).then_some(least)
    }

    /// Forgets a trace that is no longer protected.
    pub(crate) fn forget(&mut self, core: &Core, first: u16) {
        for slot in chain(core, first) {
            let name = core.slot(slot).name.load(Ordering::Relaxed);
            let places = self.names.get_mut(usize::from(name)).into_iter().flatten();
            for place in places.filter(|place| place.slot == slot) {
                *place = NOBODY;
            }
            self.tell(core, name);
        }
    }

    /// Lets spans know what they have to exceed.
    fn tell(&self, core: &Core, name: u16) {
        let Some(places) = self.names.get(usize::from(name)) else { return };
        let least = places.iter().map(|place| duration(core, place.slot)).min().unwrap_or(0);
        core.names.get(name).slowest_above.store(least, Ordering::Relaxed);
    }
}

/// Takes a protected span's claim from its trace.
fn withdraw(lists: &mut Lists, place: Place) {
    if place.first == NIL {
        return;
    }
    let entry = lists.entry_mut(place.first);
    entry.slowest = entry.slowest.saturating_sub(1);
    if entry.slowest == 0 {
        lists.demote(place.first);
    }
}

fn duration(core: &Core, slot: u16) -> u64 {
    if slot == NIL {
        return 0;
    }
    let slot = core.slot(slot);
    let start_ns = slot.start_ns.load(Ordering::Relaxed);
    slot.end_ns.load(Ordering::Relaxed).saturating_sub(start_ns)
}

/// The spans of a kept trace.
pub(crate) fn chain(core: &Core, first: u16) -> impl Iterator<Item = u16> {
    std::iter::successors(Some(first), move |slot| {
        let next = core.slot(*slot).next.load(Ordering::Relaxed);
        (next != NIL).then_some(next)
    })
}

/// The cells of payload that they have.
pub(crate) fn cells(core: &Core, first: u16) -> u16 {
    chain(core, first)
        .map(|slot| depth(core, core.slot(slot).log().cell()))
        .fold(0, u16::saturating_add)
}
