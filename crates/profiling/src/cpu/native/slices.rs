//! Time in slices, so that a profile of some minutes ago can be asked for.

use std::collections::VecDeque;

/// How long a slice is.
pub(crate) const SLICE_NS: u64 = 10_000_000_000;

/// How long slices are kept.
pub(crate) const KEPT_NS: u64 = 300_000_000_000;

/// Slices that can be told apart at once, with room so that a number does not come again too soon.
const MOST: usize = 128;

/// The slices that are kept, oldest first; the last one is being filled.
#[derive(Debug)]
pub(crate) struct Slices {
    slices: VecDeque<Slice>,
    /// The first slice that must stay, while somebody waits for it and those after it.
    pinned: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Slice {
    number: u8,
    began_ns: u64,
}

impl Slices {
    /// Memory that they take.
    pub(crate) const BYTES: usize = MOST * size_of::<Slice>();

    pub(crate) fn new(now_ns: u64) -> Slices {
        let mut slices = VecDeque::with_capacity(MOST); // all of it now: the sampler's thread allocates nothing
        slices.push_back(Slice { number: 0, began_ns: now_ns });
        Slices { slices, pinned: None }
    }

    /// The slice that is being filled.
    pub(crate) fn current(&self) -> u8 {
        self.slices[self.slices.len() - 1].number
    }

    /// Begins a new slice, if the present one is old enough.
    pub(crate) fn cut_if_due(&mut self, now_ns: u64) -> bool {
        let began = self.slices[self.slices.len() - 1].began_ns;
        now_ns.saturating_sub(began) >= SLICE_NS && self.cut(now_ns)
    }

    /// Begins a new slice, unless there are too many; then the present one goes on.
    pub(crate) fn cut(&mut self, now_ns: u64) -> bool {
        let room = self.slices.len() < MOST;
        if room {
            let number = self.current().wrapping_add(1);
            self.slices.push_back(Slice { number, began_ns: now_ns });
        }
        room
    }

    /// Keeps the present slice and all after it until [`unpin`](Self::unpin).
    pub(crate) fn pin(&mut self) {
        self.pinned = Some(self.current());
    }

    pub(crate) fn unpin(&mut self) {
        self.pinned = None;
    }

    /// Takes the oldest slice away, if it ended before `before_ns` and may go.
    pub(crate) fn expire(&mut self, before_ns: u64) -> Option<u8> {
        let (first, second) = (self.slices.front()?, self.slices.get(1)?);
        if second.began_ns > before_ns || self.pinned == Some(first.number) {
            return None;
        }
        self.slices.pop_front().map(|slice| slice.number)
    }

    /// The numbers of the slices from that of `from_ns` to that of `to_ns`, with when the first began
    /// and the last ended; the present one ends at `now_ns`. `None` if none was then.
    pub(crate) fn between(&self, from_ns: u64, to_ns: u64, now_ns: u64) -> Option<Span> {
        let end = |at: usize| self.slices.get(at + 1).map_or(now_ns, |next| next.began_ns);
        let inside = |at: &usize| end(*at) > from_ns && self.slices[*at].began_ns <= to_ns;
        let mut found = (0..self.slices.len()).filter(inside);
        let first = found.next()?;
        let last = found.next_back().unwrap_or(first);
        Some(Span {
            first: self.slices[first].number,
            last: self.slices[last].number,
            began_ns: self.slices[first].began_ns,
            ended_ns: end(last),
        })
    }

    /// From the pinned slice to the present one.
    pub(crate) fn since_pin(&self, now_ns: u64) -> Option<Span> {
        let first = self.slices.iter().find(|slice| Some(slice.number) == self.pinned)?;
        let (began_ns, last) = (first.began_ns, self.current());
        Some(Span { first: first.number, last, began_ns, ended_ns: now_ns })
    }
}

/// Slices in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    first: u8,
    last: u8,
    pub(crate) began_ns: u64,
    pub(crate) ended_ns: u64,
}

impl Span {
    /// Whether slice `number` is one of them; numbers go round.
    pub(crate) fn contains(&self, number: u8) -> bool {
        number.wrapping_sub(self.first) <= self.last.wrapping_sub(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn five_minutes_of_slices_are_kept() {
        let mut slices = Slices::new(0);
        let mut gone = 0;
        for second in 1..=6_000 {
            let now = second * S;
            slices.cut_if_due(now);
            while slices.expire(now.saturating_sub(KEPT_NS)).is_some() {
                gone += 1;
            }
        }
        assert_eq!((slices.slices.len(), gone), (31, 570));
        let span = slices.between(5_825 * S, 5_845 * S, 6_000 * S).unwrap();
        assert_eq!((span.began_ns, span.ended_ns), (5_820 * S, 5_850 * S));
        assert!(slices.between(0, 5_000 * S, 6_000 * S).is_none());
    }

    #[test]
    fn a_pinned_slice_and_those_after_it_stay() {
        let mut slices = Slices::new(0);
        slices.cut(5 * S);
        slices.pin();
        for second in 6..4_000 {
            slices.cut_if_due(second * S);
            while slices.expire((second * S).saturating_sub(KEPT_NS)).is_some() {}
        }
        let span = slices.since_pin(4_000 * S).unwrap();
        assert_eq!((span.began_ns, span.ended_ns), (5 * S, 4_000 * S));
        assert!(span.contains(1) && span.contains(slices.current()) && !span.contains(0));
        slices.unpin();
        assert_eq!(slices.expire(u64::MAX), Some(1));
    }

    #[test]
    fn numbers_go_round() {
        let span = Span { first: 250, last: 3, began_ns: 0, ended_ns: 0 };
        assert!([250, 255, 0, 3].iter().all(|number| span.contains(*number)));
        assert!([4, 249].iter().all(|number| !span.contains(*number)));
    }
}
