//! The points of one series in one tier: blocks from the oldest to the newest.

use super::bits::{Reader, Writer};
use super::pool::{NONE, Pool};

/// Missing ticks that are told within a block; a series that was away longer begins a new one.
pub(super) const LONGEST_GAP: u32 = 255;

/// Writes and reads the points of a tier. Both sides begin a block alike and learn alike from each point.
pub(super) trait Coder: Copy + Default {
    type Point: Copy;

    /// Begins a block with `point`.
    fn begin(&mut self, writer: &mut Writer<'_>, point: Self::Point);

    /// Adds a point to a block that has begun; false if it wants to begin one.
    fn add(&mut self, writer: &mut Writer<'_>, point: Self::Point) -> bool;

    /// Tells that `ticks` have no point.
    fn gap(&mut self, writer: &mut Writer<'_>, ticks: u32);

    /// Reads what `begin` wrote.
    fn begun(reader: &mut Reader<'_>) -> (Self, Self::Point);

    /// Reads a point or a gap.
    fn next(&mut self, reader: &mut Reader<'_>) -> Entry<Self::Point>;
}

/// What stands in a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Entry<P> {
    Point(P),
    /// As many ticks without a point.
    Gap(u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Chain<C> {
    pub(super) oldest: u16,
    newest: u16,
    pub(super) blocks: u16,
    /// Bits in the newest block.
    at: u16,
    /// The tick after that of the last point.
    pub(super) next_tick: u32,
    coder: C,
}

impl<C: Coder> Chain<C> {
    pub(super) fn new() -> Chain<C> {
        Chain { oldest: NONE, newest: NONE, blocks: 0, at: 0, next_tick: 0, coder: C::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks == 0
    }

    /// Adds the point of a tick, which is later than all before; false if that takes a block and there is none.
    pub(super) fn push(&mut self, pool: &mut Pool, tick: u32, point: C::Point) -> bool {
        let gap = !self.is_empty() && self.next_tick != tick;
        let added = self.push_here(pool, tick, point) || self.push_anew(pool, tick, point);
        if added {
            if gap {
                self.mark_uneven(pool);
            }
            self.next_tick = tick + 1;
        }
        added
    }

    /// Notes in the newest block that something is [uneven](super::pool::Header::uneven) about its last point.
    pub(super) fn mark_uneven(&self, pool: &mut Pool) {
        if !self.is_empty() {
            pool.header_mut(self.newest).uneven = true;
        }
    }

    /// Whether all blocks from the one of `tick` on are even.
    pub(super) fn is_even_from(&self, pool: &Pool, tick: u32) -> bool {
        let mut block = self.newest;
        while block != NONE {
            let header = pool.header(block);
            if header.uneven {
                return false;
            }
            if header.first_tick <= tick {
                return true;
            }
            block = header.previous;
        }
        false
    }

    fn push_here(&mut self, pool: &mut Pool, tick: u32, point: C::Point) -> bool {
        let gap = tick - self.next_tick;
        if self.is_empty() || gap > LONGEST_GAP {
            return false;
        }
        let mut coder = self.coder;
        let mut writer = pool.writer(self.newest, usize::from(self.at));
        if gap > 0 {
            coder.gap(&mut writer, gap);
        }
        if !coder.add(&mut writer, point) || writer.full {
            return false;
        }
        self.at = writer.at as u16;
        self.coder = coder;
        pool.header_mut(self.newest).entries += 1 + u16::from(gap > 0);
        true
    }

    fn push_anew(&mut self, pool: &mut Pool, tick: u32, point: C::Point) -> bool {
        let Some(block) = pool.take(tick) else { return false };
        let mut writer = pool.writer(block, 0);
        self.coder.begin(&mut writer, point);
        self.at = writer.at as u16;
        let header = pool.header_mut(block);
        (header.entries, header.previous) = (1, self.newest);
        match self.is_empty() {
            true => self.oldest = block,
            false => pool.header_mut(self.newest).next = block,
        }
        self.newest = block;
        self.blocks += 1;
        true
    }

    /// Gives the oldest block back; tells how many points and gaps went with it.
    pub(super) fn drop_oldest(&mut self, pool: &mut Pool) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let header = pool.header(self.oldest);
        pool.give_back(self.oldest);
        self.oldest = header.next;
        self.blocks -= 1;
        match self.is_empty() {
            true => (self.oldest, self.newest) = (NONE, NONE),
            false => pool.header_mut(self.oldest).previous = NONE,
        }
        u64::from(header.entries)
    }

    /// Gives back what lies before `tick` as a whole.
    pub(super) fn expire(&mut self, pool: &mut Pool, tick: u32) {
        while !self.is_empty() {
            let next = pool.header(self.oldest).next;
            let ends = if next == NONE { self.next_tick } else { pool.header(next).first_tick };
            if ends > tick {
                return;
            }
            self.drop_oldest(pool);
        }
    }

    /// The tick of the oldest point.
    pub(super) fn first_tick(&self, pool: &Pool) -> Option<u32> {
        (!self.is_empty()).then(|| pool.header(self.oldest).first_tick)
    }

    /// Shows the points from one tick to another, oldest first.
    pub(super) fn read(
        &self,
        pool: &Pool,
        from_tick: u32,
        until_tick: u32,
        mut show: impl FnMut(u32, C::Point),
    ) {
        let mut block = self.newest;
        while block != NONE && block != self.oldest && pool.header(block).first_tick > from_tick {
            block = pool.header(block).previous;
        }
        while block != NONE {
            let header = pool.header(block);
            let mut reader = pool.reader(block);
            let (mut coder, mut point) = C::begun(&mut reader);
            let (mut tick, mut left) = (header.first_tick, header.entries);
            loop {
                if tick > until_tick {
                    return;
                }
                if tick >= from_tick {
                    show(tick, point);
                }
                left -= 1;
                if left == 0 {
                    break;
                }
                tick += 1;
                let mut entry = coder.next(&mut reader);
                if let Entry::Gap(ticks) = entry {
                    tick += ticks;
                    left = left.saturating_sub(1);
                    entry = coder.next(&mut reader);
                }
                match entry {
                    Entry::Point(next) => point = next,
                    Entry::Gap(_) => return,
                }
            }
            block = header.next;
        }
    }
}
