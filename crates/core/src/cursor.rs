//! Reading a registry a few series at a time.

use crate::arena::{Pages, Slabs};
use crate::local;
use crate::metric::prefetch;
use crate::series::FamilyCore;
use crate::slot::Slot;
use crate::snapshot::{Value, Visitor};
use std::fmt;
use std::sync::Arc;

/// Reads a registry a few series at a time. See [`Registry::cursor`](crate::Registry::cursor).
pub struct Cursor {
    families: std::vec::IntoIter<Arc<FamilyCore>>,
    /// The family that is being read, and where to go on.
    current: Option<(Arc<FamilyCore>, Place)>,
    pages: Pages,
    last_window: bool,
}

impl Cursor {
    pub(crate) fn new(families: Vec<Arc<FamilyCore>>, last_window: bool) -> Cursor {
        let families = families.into_iter();
        Cursor { families, current: None, pages: Pages::default(), last_window }
    }

    /// Shows up to `most` series; false when there are no more. Series that stay from the first
    /// call to the last are shown once, whatever else comes and goes.
    pub fn next(&mut self, most: usize, visitor: &mut dyn Visitor) -> bool {
        // Threads go on recording; those that want a slab, a page or a new series wait for the
        // few series that are shown under this lock.
        let slabs = local::arena().read_with(std::mem::take(&mut self.pages));
        let more = self.show_some(most, &slabs, visitor);
        self.pages = slabs.into_pages();
        more
    }

    fn show_some(&mut self, most: usize, slabs: &Slabs<'_>, visitor: &mut dyn Visitor) -> bool {
        let mut left = most.max(1);
        loop {
            let (family, from) = match self.current.take() {
                Some(current) => current,
                None => match self.families.next() {
                    Some(family) => (family, Place::default()),
                    None => return false,
                },
            };
            let (shown, next) = show(&family, from, left, self.last_window, slabs, visitor);
            left -= shown;
            self.current = next.map(|place| (family, place));
            if left == 0 {
                return self.current.is_some() || self.families.len() > 0;
            }
        }
    }
}

/// A series in its family: its sequence, and its index unless others before it were removed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    pub(crate) index: usize,
}

impl Place {
    pub(crate) fn find(self, slots: &[Slot]) -> usize {
        match slots.get(self.index) {
            Some(slot) if slot.series.sequence == self.sequence => self.index,
            _ => slots.partition_point(|slot| slot.series.sequence < self.sequence),
        }
    }
}

/// Shows up to `most` series of a family from a place on; tells how many, and where to go on.
fn show(
    family: &FamilyCore,
    from: Place,
    most: usize,
    last_window: bool,
    slabs: &Slabs<'_>,
    visitor: &mut dyn Visitor,
) -> (usize, Option<Place>) {
    let state = family.state.lock();
    let first = from.find(&state.slots);
    let rest = &state.slots[first..];
    let shown = &rest[..rest.len().min(most)];
    if from.sequence == 0 && !shown.is_empty() {
        visitor.family(&family.info);
    }

    for (index, slot) in shown.iter().enumerate() {
        let Slot { series, .. } = slot;
        // Series lie all over the heap: what comes soon is asked for while this one is shown
        // (100,000 series: 72 to 40 ns each).
        if let Some(ahead) = shown.get(index + 16) {
            prefetch(Arc::as_ptr(&ahead.series));
            prefetch(&raw const ahead.series.metric);
        }
        if let Some(ahead) = shown.get(index + 8) {
            ahead.series.metric.prefetch();
            prefetch(ahead.series.info.label_values.as_ptr());
        }
        let mut see = |value: Value<'_>| visitor.series(&family.info, &series.info, value);
        match last_window {
            true => see(slot.last(slabs).as_value()),
            false => series.metric.show(slabs, see),
        }
    }

    let next = rest.get(shown.len());
    let next =
        next.map(|slot| Place { sequence: slot.series.sequence, index: first + shown.len() });

    (shown.len(), next)
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("families_left", &self.families.len()).finish()
    }
}
