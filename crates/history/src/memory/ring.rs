//! When the latest ticks were.

use std::collections::VecDeque;

/// The times of the latest ticks, which all series share: 4 bytes a tick, as no two that are kept are more than 49 days
/// apart.
#[derive(Debug)]
pub(super) struct Ring {
    low_ms: VecDeque<u32>,
    most: usize,
    keep_ms: i64,
    newest_ms: i64,
    /// The number of the next tick.
    next_tick: u32,
}

impl Ring {
    /// For the latest `most` ticks that are no more than `keep_ms` before the newest.
    pub(super) fn new(most: usize, keep_ms: i64) -> Ring {
        Ring { low_ms: VecDeque::with_capacity(most), most, keep_ms, newest_ms: 0, next_tick: 0 }
    }

    /// Begins a tick, later than all before; returns its number.
    pub(super) fn push(&mut self, at_ms: i64) -> u32 {
        let gap_ms = at_ms.saturating_sub(self.newest_ms);
        if gap_ms > self.keep_ms {
            self.low_ms.clear(); // what is 49 days older would look new
        } else if self.low_ms.len() == self.most {
            self.low_ms.pop_front();
        }
        self.newest_ms = at_ms;
        self.low_ms.push_back(at_ms as u32);
        while self.low_ms.len() > 1 && self.time(0) < at_ms.saturating_sub(self.keep_ms) {
            self.low_ms.pop_front();
        }
        self.next_tick += 1;
        self.next_tick - 1
    }

    /// Forgets the ticks; their numbers go on.
    pub(super) fn clear(&mut self) {
        self.low_ms.clear();
    }

    pub(super) fn newest_ms(&self) -> Option<i64> {
        (!self.low_ms.is_empty()).then_some(self.newest_ms)
    }

    /// The time of the tick at a place in the ring.
    fn time(&self, index: usize) -> i64 {
        let before = (self.newest_ms as u32).wrapping_sub(self.low_ms[index]);
        self.newest_ms - i64::from(before)
    }

    /// The number of the oldest tick that is kept.
    pub(super) fn first_tick(&self) -> u32 {
        self.next_tick - self.low_ms.len() as u32
    }

    /// The time of a tick that is kept.
    pub(super) fn time_of(&self, tick: u32) -> i64 {
        self.time((tick - self.first_tick()) as usize)
    }

    /// Appends the times of `count` ticks that are kept.
    pub(super) fn times(&self, first_tick: u32, count: usize, into: &mut Vec<i64>) {
        let first = (first_tick - self.first_tick()) as usize;
        let newest = self.newest_ms as u32;
        let time = |low: &u32| self.newest_ms - i64::from(newest.wrapping_sub(*low));
        into.extend(self.low_ms.range(first..first + count).map(time));
    }

    /// The number of the first tick that is not before `at_ms`: one behind the last, if there is none.
    pub(super) fn tick_from(&self, at_ms: i64) -> u32 {
        let (mut low, mut high) = (0, self.low_ms.len());
        // What is asked for is mostly near the end.
        let near = high.saturating_sub(high / 4);
        if high > 8 && self.time(near) < at_ms {
            low = near;
        }
        while low < high {
            let middle = low.midpoint(high);
            match self.time(middle) < at_ms {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        self.first_tick() + low as u32
    }

    pub(super) fn bytes(&self) -> usize {
        self.low_ms.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_by_time_and_forgotten_by_count_and_age() {
        let mut ring = Ring::new(3, 5_000);
        let base = 1 << 40;
        for second in 0..5 {
            assert_eq!(ring.push(base + second * 1_000), second as u32);
        }
        assert_eq!((ring.first_tick(), ring.time_of(2)), (2, base + 2_000));
        assert_eq!(ring.tick_from(base), 2);
        assert_eq!(ring.tick_from(base + 2_001), 3);
        assert_eq!(ring.tick_from(base + 4_001), 5);
        ring.push(base + 9_500);
        assert_eq!(ring.first_tick(), 5, "the others are more than 5 s older");
        ring.push(base + 9_500 + (1 << 32));
        assert_eq!(ring.first_tick(), 6, "the other is 49 days older");
    }
}
