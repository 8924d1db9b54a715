//! Where the records of a histogram lie: exact HDR counts without a lock.
//!
//! A thread that records often has, in its slab, the histogram's count, sum, largest value and
//! moving average, and a word for each octave that leads to 32-bit cells of its own. Records of
//! colder threads and octaves go to a base that all threads share. Cells only grow; a reader adds
//! them up. A cell that has counted 2^31 (shared) or 2^32 (own) records is emptied into a small
//! table under a lock that readers hold while they add up, so that nothing wraps and nothing is
//! counted twice.

use crate::arena::{ArenaRef, OwnedBlock, Slabs};
use crate::budget::Account;
#[cfg(not(loom))]
use crate::exemplar::{Exemplar, Exemplars};
#[cfg(not(loom))]
use crate::local;
use crate::slab::{CellId, bump};
use crate::snapshot::HistogramValue;
use crate::sync::{AtomicU32, AtomicU64, Lock, Ordering};
use crate::{Layout, Unit, octave};
use std::collections::BTreeMap;

/// Cells of a thread before the octaves' words.
pub(crate) const COUNT: usize = 0;
pub(crate) const SUM: usize = 1;
const MAX: usize = 2;
pub(crate) const AVERAGE: usize = 3;
pub(crate) const FAILED: usize = 4;
pub(crate) const HEADER: usize = 5;

/// Heap of a histogram beside itself: its allocation's header, and what a tick keeps of it.
const BESIDE: usize = 200;

/// The smoothing factor of moving averages, the seed's.
pub(crate) const ALPHA: f64 = 0.1;

/// Records that an octave gets through the base before a thread gets it for itself: low enough
/// that a hot octave moves within microseconds, high enough that a stray value costs nothing.
const HOT_OCTAVE: u64 = if cfg!(loom) { 0 } else { 16 };

/// A shared cell that reaches this is emptied; 2^31 more records fit while that happens.
const SHARED_FULL: u32 = if cfg!(loom) { 2 } else { 1 << 31 };

/// The highest count that a thread's own cell shows before it is emptied.
const OWN_FULL: u32 = if cfg!(loom) { 1 } else { u32::MAX };

pub(crate) struct Distribution {
    block: OwnedBlock,
    layout: Layout,
    sum_unit: Unit,
    /// The header's cells for threads without cells of their own.
    shared: [AtomicU64; HEADER],
    /// Words of the octaves that threads share.
    base: Box<[AtomicU64]>,
    /// Counts that left a full cell, and those of octaves that had no room for cells.
    carried: Lock<BTreeMap<u32, u64>>,
    clamped: AtomicU64,
    /// What octaves of the base are charged to.
    account: Option<Account>,
    #[cfg(not(loom))]
    exemplars: Exemplars,
}

impl Distribution {
    pub(crate) fn new(
        arena: ArenaRef,
        layout: Layout,
        sum_unit: Unit,
        account: Option<Account>,
    ) -> Distribution {
        let octaves = layout.octaves();
        Distribution {
            block: OwnedBlock::with_octaves(arena, HEADER, octaves, layout.octave_cells()),
            layout,
            sum_unit,
            shared: Default::default(),
            base: (0..octaves).map(|_| AtomicU64::new(0)).collect(),
            carried: Lock::new(BTreeMap::new()),
            clamped: AtomicU64::new(0),
            account,
            #[cfg(not(loom))]
            exemplars: Exemplars::new(),
        }
    }

    /// Bytes that it begins with; octaves are charged as they come.
    pub(crate) fn cost(layout: Layout) -> usize {
        size_of::<Distribution>() + BESIDE + layout.octaves() * size_of::<AtomicU64>()
    }

    /// Bytes of all its octaves.
    pub(crate) fn octaves_cost(layout: Layout) -> usize {
        layout.octaves() * octave_cost(layout)
    }

    pub(crate) fn id(&self) -> CellId {
        self.block.id()
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn sum_unit(&self) -> Unit {
        self.sum_unit
    }

    pub(crate) fn clamped(&self) -> u64 {
        self.clamped.load(Ordering::Relaxed)
    }

    #[cold]
    pub(crate) fn count_clamped(&self) {
        self.clamped.fetch_add(1, Ordering::Relaxed);
    }

    /// Records in the calling thread's cells, of which `own` is the first.
    #[inline(always)]
    pub(crate) fn record_own<const AVERAGED: bool>(&self, own: &AtomicU64, record: Record) {
        let Record { layout, value, sum, failed } = record;
        // SAFETY: `own` is the first cell of a page's block of this distribution, which has
        // `HEADER` cells and then one for each octave of `layout`.
        let cell = |at: usize| unsafe { &*std::ptr::from_ref(own).add(at) };
        bump(cell(if failed { FAILED } else { COUNT }), 1);
        bump(cell(SUM), sum);
        if value > cell(MAX).load(Ordering::Relaxed) {
            cell(MAX).store(value, Ordering::Relaxed);
        }
        if AVERAGED {
            let average = f64::from_bits(cell(AVERAGE).load(Ordering::Relaxed));
            cell(AVERAGE).store(moved(average, record.average()).to_bits(), Ordering::Relaxed);
        }
        let (octave, inside) = layout.place(value);
        let word = cell(HEADER + octave).load(Ordering::Relaxed);
        // SAFETY: the words of this block hold octaves of this layout, which are freed only with
        // the block, whose handle the caller has.
        match unsafe { octave::cell(word, inside) } {
            Some(own) => self.bump_own(own, layout, value),
            None => self.record_cold_octave(own, value),
        }
    }

    /// Whether the thread has the value's octave, so that recording takes plain stores only.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(crate) fn has_octave(&self, own: &AtomicU64, layout: Layout, value: u64) -> bool {
        let at = HEADER + layout.place(value).0;
        // SAFETY: as in `record_own`.
        let word = unsafe { &*std::ptr::from_ref(own).add(at) };
        word.load(Ordering::Relaxed) >= octave::FIRST
    }

    /// The whole of a thread's block, from its first cell.
    fn own_block<'a>(&self, first: &'a AtomicU64) -> &'a [AtomicU64] {
        // SAFETY: `first` is cell `id` of a page; the block has this many cells, in one page.
        unsafe { std::slice::from_raw_parts(first, HEADER + self.base.len()) }
    }

    #[inline(always)]
    fn bump_own(&self, own: &AtomicU32, layout: Layout, value: u64) {
        let count = own.load(Ordering::Relaxed);
        if count != OWN_FULL {
            own.store(count + 1, Ordering::Relaxed);
        } else {
            self.carry_own(own, layout.cell(value));
        }
    }

    #[cold]
    #[inline(never)]
    fn carry_own(&self, own: &AtomicU32, cell: u32) {
        let mut carried = self.carried.lock();
        *carried.entry(cell).or_default() += u64::from(OWN_FULL) + 1;
        own.store(0, Ordering::Relaxed);
    }

    /// Counts the value in the base, or in an octave that the thread gets now.
    #[cold]
    #[inline(never)]
    pub(crate) fn record_cold_octave(&self, own: &AtomicU64, value: u64) {
        let (octave, inside) = self.layout.place(value);
        let word = &self.own_block(own)[HEADER + octave];
        let heat = word.load(Ordering::Relaxed);
        if heat < HOT_OCTAVE {
            word.store(heat + 1, Ordering::Relaxed);
            return self.record_base(value);
        }
        let Some(octave) = self.new_own_octave() else {
            word.store(0, Ordering::Relaxed);
            return self.record_base(value);
        };
        // Release: a reader that follows the word sees the zeroes.
        word.store(octave, Ordering::Release);
        // SAFETY: just made for this layout.
        if let Some(own) = unsafe { octave::cell(octave, inside) } {
            self.bump_own(own, self.layout, value);
        }
    }

    fn new_own_octave(&self) -> Option<u64> {
        let cells = self.layout.octave_cells();
        let arena = &self.block.arena;
        let make = || arena.charge_octave(octave::bytes(cells)).then(|| octave::new(cells));
        #[cfg(not(loom))]
        return local::unless_busy(make).flatten();
        #[cfg(loom)]
        make()
    }

    /// Counts in the cells that threads share.
    pub(crate) fn record_base(&self, value: u64) {
        let (octave, inside) = self.layout.place(value);
        let Some(cells) = self.base_octave(octave) else {
            return self.record_coarse(octave);
        };
        let shared = &cells[inside];
        // Exactly one record makes the cell full.
        if shared.fetch_add(1, Ordering::Relaxed) == SHARED_FULL - 1 {
            self.carry_base(shared, self.layout.cell(value));
        }
    }

    /// Counts a value whose octave had no room for cells, as the highest of its octave.
    #[cold]
    fn record_coarse(&self, octave: usize) {
        let last = ((octave + 1) * self.layout.octave_cells() - 1) as u32;
        *self.carried.lock().entry(last).or_default() += 1;
        if let Some(account) = &self.account {
            account.ledger.coarse.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cold]
    fn carry_base(&self, shared: &AtomicU32, cell: u32) {
        let mut carried = self.carried.lock();
        *carried.entry(cell).or_default() += u64::from(SHARED_FULL);
        shared.fetch_sub(SHARED_FULL, Ordering::Relaxed);
    }

    /// The octave of the base, made if there is room for it.
    fn base_octave(&self, index: usize) -> Option<&[AtomicU32]> {
        let cells = self.layout.octave_cells();
        let word = &self.base[index];
        // SAFETY: words of the base hold octaves of this layout until the distribution goes.
        if let Some(octave) = unsafe { octave::get(word.load(Ordering::Acquire), cells) } {
            return Some(octave);
        }
        let grow = |account: &Account| account.grow(octave_cost(self.layout));
        if !self.account.as_ref().is_none_or(grow) {
            return None;
        }
        let new = octave::new(cells);
        let word = match word.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => new,
            Err(other) => {
                // SAFETY: nobody else has seen it.
                unsafe { octave::free(new, cells as u32) };
                self.discharge_octaves(1);
                other
            }
        };
        // SAFETY: as above.
        unsafe { octave::get(word, cells) }
    }

    fn discharge_octaves(&self, octaves: usize) {
        if let Some(account) = &self.account {
            account.shrink(octaves * octave_cost(self.layout));
        }
    }

    /// Records for a thread that has no cells of its own.
    pub(crate) fn record_shared<const AVERAGED: bool>(&self, record: Record) {
        self.record_base(record.value);
        self.shared[SUM].fetch_add(record.sum, Ordering::Relaxed);
        self.shared[MAX].fetch_max(record.value, Ordering::Relaxed);
        if AVERAGED {
            move_shared(&self.shared[AVERAGE], record.average());
        }
        let at = if record.failed { FAILED } else { COUNT };
        self.shared[at].fetch_add(1, Ordering::Relaxed);
    }

    /// Records after the thread was found to have no cells of its own.
    #[cfg(not(loom))]
    #[cold]
    #[inline(never)]
    pub(crate) fn record_cold<const AVERAGED: bool>(&self, value: u64, sum: u64, failed: bool) {
        let record = Record { layout: self.layout, value, sum, failed };
        // A moving average must not begin in the shared cells and go on in the thread's own.
        match local::claim(self.id(), AVERAGED) {
            Some(own) => self.record_own::<AVERAGED>(own, record),
            None => self.record_shared::<AVERAGED>(record),
        }
    }

    /// The sum of one header cell over all threads.
    pub(crate) fn header(&self, at: usize, slabs: &Slabs<'_>) -> u64 {
        slabs.blocks(self.id()).fold(self.shared[at].load(Ordering::Relaxed), |sum, own| {
            sum.wrapping_add(own[at].load(Ordering::Relaxed))
        })
    }

    /// How many records there are: cheap, to tell whether anything happened.
    pub(crate) fn count(&self, slabs: &Slabs<'_>) -> u64 {
        self.header(COUNT, slabs).wrapping_add(self.header(FAILED, slabs))
    }

    /// The header cells that threads share, then those of each slab, by an index that stays.
    pub(crate) fn parts<'a>(
        &'a self,
        slabs: &'a Slabs<'_>,
    ) -> impl Iterator<Item = (usize, &'a [AtomicU64])> {
        let own = slabs.iter().map(|slab| slab.block(self.id()));
        let all = std::iter::once(Some(&self.shared[..])).chain(own);
        all.enumerate().filter_map(|(index, part)| Some((index, part?)))
    }

    /// Everything, added up.
    pub(crate) fn value(&self, slabs: &Slabs<'_>) -> HistogramValue {
        let mut value = HistogramValue::empty(self.layout, self.sum_unit);
        self.read_cells(slabs, |cell, count| {
            value.buckets.push((cell, count));
            value.count += count;
        });
        value.sum = self.header(SUM, slabs);
        value.max = self.max(slabs);
        #[cfg(not(loom))]
        {
            value.exemplars = self.exemplars.all();
        }
        value
    }

    /// Remembers the trace of a value that was recorded.
    #[cfg(not(loom))]
    pub(crate) fn keep_exemplar(&self, mut exemplar: Exemplar) {
        exemplar.value = exemplar.value.min(self.layout.highest());
        let (octave, _) = self.layout.place(exemplar.value);
        self.exemplars.keep(octave, exemplar, self.account.as_ref());
    }

    /// The largest value that was recorded.
    pub(crate) fn max(&self, slabs: &Slabs<'_>) -> u64 {
        let max = self.parts(slabs).map(|(_, part)| part[MAX].load(Ordering::Relaxed)).max();
        max.unwrap_or(0)
    }

    /// Shows each cell that has counts, ascending.
    pub(crate) fn read_cells(&self, slabs: &Slabs<'_>, mut show: impl FnMut(u32, u64)) {
        let carried = self.carried.lock();
        let cells = self.layout.octave_cells();
        let own: Vec<&[AtomicU64]> = slabs.blocks(self.id()).collect();
        let mut sums = vec![0u64; cells];
        for index in 0..self.base.len() {
            let words = own.iter().map(|block| &block[HEADER + index]);
            let mut any = false;
            for word in std::iter::once(&self.base[index]).chain(words) {
                // SAFETY: words of this histogram; its handle, which the caller has, keeps them.
                let octave = unsafe { octave::get(word.load(Ordering::Acquire), cells) };
                for (sum, cell) in sums.iter_mut().zip(octave.unwrap_or_default()) {
                    *sum += u64::from(cell.load(Ordering::Relaxed));
                }
                any |= octave.is_some();
            }
            let first = (index * cells) as u32;
            if any || carried.range(first..first + cells as u32).next().is_some() {
                self.show_octave(index, &mut sums, &carried, &mut show);
            }
        }
    }

    fn show_octave(
        &self,
        index: usize,
        sums: &mut [u64],
        carried: &BTreeMap<u32, u64>,
        show: &mut impl FnMut(u32, u64),
    ) {
        let first = (index * self.layout.octave_cells()) as u32;
        for (cell, sum) in (first..).zip(sums) {
            let more =
                if carried.is_empty() { 0 } else { carried.get(&cell).copied().unwrap_or(0) };
            let count = std::mem::take(sum) + more;
            if count > 0 {
                show(cell, count);
            }
        }
    }

    /// Bytes of the octaves in the base.
    pub(crate) fn base_bytes(&self) -> usize {
        self.base_octaves() * octave::bytes(self.layout.octave_cells())
    }

    fn base_octaves(&self) -> usize {
        self.base.iter().filter(|w| w.load(Ordering::Relaxed) >= octave::FIRST).count()
    }

    pub(crate) fn arena(&self) -> &ArenaRef {
        &self.block.arena
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        self.discharge_octaves(self.base_octaves());
        #[cfg(not(loom))]
        if let Some(account) = &self.account {
            account.shrink(self.exemplars.charged());
        }
        for word in &self.base {
            // SAFETY: the distribution is going, and its octaves with it.
            unsafe {
                octave::free(word.load(Ordering::Relaxed), self.layout.octave_cells() as u32)
            };
        }
    }
}

/// What an octave of the base is charged: its cells, and half as much for what a tick remembers of
/// them.
fn octave_cost(layout: Layout) -> usize {
    octave::bytes(layout.octave_cells()) * 3 / 2
}

/// What is recorded. The layout is the distribution's; callers that know it as a constant say so,
/// which takes the variable shifts out of the hot path.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) layout: Layout,
    /// Not above the layout's highest.
    pub(crate) value: u64,
    /// What the sum grows by.
    pub(crate) sum: u64,
    /// Whether it is counted as failed.
    pub(crate) failed: bool,
}

impl Record {
    /// The sum's growth in nanoseconds, which the moving average takes: sums of distributions
    /// that have an average are in nanoseconds. As a signed number it converts in one
    /// instruction; 2^63 ns are 292 years.
    #[inline(always)]
    fn average(&self) -> f64 {
        self.sum as i64 as f64
    }
}

/// One step of the seed's moving average.
#[inline(always)]
pub(crate) fn moved(average: f64, new: f64) -> f64 {
    ALPHA * new + (1.0 - ALPHA) * average
}

/// The same step on a cell that several threads move.
pub(crate) fn move_shared(cell: &AtomicU64, new: f64) {
    let mut now = cell.load(Ordering::Relaxed);
    loop {
        let next = moved(f64::from_bits(now), new).to_bits();
        match cell.compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(other) => now = other,
        }
    }
}
