//! The engine's parts, each driven by hand: who owns a slab is a value here, not the thread.

use crate::Layout;
use crate::arena::ArenaRef;
use crate::counter::CounterCore;
use crate::distribution::{Distribution, Record};
use crate::gauge::GaugeCore;
use crate::slab::{CellId, Slab, bump};
use crate::sync::Arc;
use crate::{HistogramValue, Unit};
use std::ptr::NonNull;

/// An arena of its own.
#[derive(Clone)]
pub struct Arena(ArenaRef);

/// The ownership of a slab; ends like a thread does.
pub struct Thread {
    arena: ArenaRef,
    slab: NonNull<Slab>,
}

impl Arena {
    pub fn new() -> Arena {
        Arena(Arc::new(crate::arena::Arena::new()))
    }

    pub fn thread(&self) -> Thread {
        Thread { arena: self.0.clone(), slab: self.0.attach().expect("there are slabs") }
    }

    pub fn slabs(&self) -> usize {
        self.0.usage().slabs
    }
}

impl Thread {
    fn slab(&self) -> &Slab {
        // SAFETY: slabs live as long as their arena.
        unsafe { self.slab.as_ref() }
    }

    /// The own cell, after asking for its page as a hot thread does.
    fn claim(&self, id: CellId) -> Option<&crate::sync::AtomicU64> {
        if self.slab().cell(id).is_none() {
            // SAFETY: this value is the ownership of the slab.
            unsafe { self.arena.give_page(self.slab(), id, false) };
        }
        self.slab().cell(id)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.arena.detach(self.slab);
    }
}

#[derive(Clone)]
pub struct Counter(Arc<CounterCore>);

impl Counter {
    pub fn new(arena: &Arena) -> Counter {
        Counter(Arc::new(CounterCore::new(arena.0.clone())))
    }

    pub fn add(&self, thread: &Thread, n: u64) {
        match thread.claim(self.0.cell()) {
            Some(own) => bump(own, n),
            None => self.0.add_shared(n),
        }
    }

    pub fn add_shared(&self, n: u64) {
        self.0.add_shared(n);
    }

    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

#[derive(Clone)]
pub struct Gauge(Arc<GaugeCore>);

impl Gauge {
    pub fn new(arena: &Arena) -> Gauge {
        Gauge(Arc::new(GaugeCore::new(arena.0.clone())))
    }

    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    pub fn add(&self, thread: &Thread, x: f64) {
        let id = self.0.cell();
        match thread.claim(id).and_then(|_| thread.slab().block(id)) {
            Some(own) => self.0.add_own(own.first_chunk().expect("a block is whole"), x),
            None => self.0.add_shared(x),
        }
    }

    pub fn add_shared(&self, x: f64) {
        self.0.add_shared(x);
    }

    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

#[derive(Clone)]
pub struct Histogram(Arc<Distribution>);

impl Histogram {
    /// Values from 0 to 31: one octave, so that its block fits a model's page.
    pub fn new(arena: &Arena) -> Histogram {
        Histogram(Arc::new(Distribution::new(
            arena.0.clone(),
            Self::layout(),
            Unit::Nanoseconds,
            None,
        )))
    }

    fn layout() -> Layout {
        Layout::new(1, 31).expect("one digit up to 31 is a layout")
    }

    fn record_of(value: u64) -> Record {
        Record { layout: Self::layout(), value, sum: value, failed: false }
    }

    pub fn record(&self, thread: &Thread, value: u64) {
        match thread.claim(self.0.id()) {
            Some(own) => self.0.record_own::<false>(own, Self::record_of(value)),
            None => self.record_shared(value),
        }
    }

    pub fn record_shared(&self, value: u64) {
        self.0.record_shared::<false>(Self::record_of(value));
    }

    pub fn value(&self) -> HistogramValue {
        self.0.value(&self.0.arena().read())
    }
}
