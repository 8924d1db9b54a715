//! How two heap profiles differ.

use std::collections::HashMap;

use super::profile::{CUT, HeapProfile, Stack, Values};
use super::stacks::TRUNCATED;

/// What one stack holds more, or less, than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeapGrowth {
    /// Where the calls return to, innermost first; empty where the callers are not known.
    pub frames: Vec<u64>,
    /// Live bytes.
    pub bytes: i64,
    /// Live blocks.
    pub objects: i64,
}

type Sums<'a> = HashMap<(&'a [u64], Option<u32>), Values>;

impl HeapProfile {
    /// What each stack holds more, or less, than in `earlier`, most growth first; what stayed is left out.
    ///
    /// Both are estimates, so small differences mean nothing: those of a few times the interval.
    pub fn growth_since(&self, earlier: &HeapProfile) -> Vec<HeapGrowth> {
        let (before, now) = (sums(earlier, false), sums(self, false));
        let gone = before.keys().filter(|key| !now.contains_key(*key));
        let mut growth: Vec<_> = now
            .keys()
            .chain(gone)
            .map(|key| growth(key.0, before.get(key), now.get(key)))
            .filter(|growth| growth.bytes != 0 || growth.objects != 0)
            .collect();
        growth.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.frames.cmp(&b.frames)));
        growth
    }

    /// The profile of what came since `earlier`: what was allocated, and what the stacks that grew hold more.
    /// Stacks that shrank count as unchanged, since a report has no negative values.
    pub fn grown_since(&self, earlier: &HeapProfile) -> HeapProfile {
        let before = sums(earlier, true);
        let grown = self.stacks.iter().map(|stack| {
            let key = (&*stack.frames, stack.name_id);
            let before = before.get(&key).copied().unwrap_or_default();
            Stack { values: stack.values.less(before), ..stack.clone() }
        });
        HeapProfile {
            stacks: grown.filter(|stack| stack.values != Values::default()).collect(),
            started: earlier.started + earlier.duration,
            duration: (self.started + self.duration)
                .duration_since(earlier.started + earlier.duration)
                .unwrap_or_default(),
            ..self.clone()
        }
    }
}

/// The values by stack, and by span if asked.
fn sums(profile: &HeapProfile, by_span: bool) -> Sums<'_> {
    let mut sums = Sums::new();
    for stack in &profile.stacks {
        let key = (&*stack.frames, stack.name_id.filter(|_| by_span));
        let sum = sums.entry(key).or_default();
        *sum = sum.plus(stack.values);
    }
    sums
}

fn growth(frames: &[u64], before: Option<&Values>, now: Option<&Values>) -> HeapGrowth {
    let [before, now] = [before, now].map(|values| values.copied().unwrap_or_default());
    let marks = [TRUNCATED, CUT];
    HeapGrowth {
        frames: frames.iter().copied().filter(|frame| !marks.contains(frame)).collect(),
        bytes: now.live_bytes.wrapping_sub(before.live_bytes) as i64,
        objects: now.live_objects.wrapping_sub(before.live_objects) as i64,
    }
}

impl Values {
    fn plus(self, other: Values) -> Values {
        self.with(other, u64::saturating_add)
    }

    fn less(self, other: Values) -> Values {
        self.with(other, u64::saturating_sub)
    }

    fn with(self, other: Values, f: fn(u64, u64) -> u64) -> Values {
        Values {
            alloc_objects: f(self.alloc_objects, other.alloc_objects),
            alloc_bytes: f(self.alloc_bytes, other.alloc_bytes),
            live_objects: f(self.live_objects, other.live_objects),
            live_bytes: f(self.live_bytes, other.live_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(stacks: &[(&[u64], u64)]) -> HeapProfile {
        let stack = |(frames, live_bytes): &(&[u64], u64)| Stack {
            frames: frames.to_vec(),
            name_id: None,
            values: Values { live_objects: 1, live_bytes: *live_bytes, ..Values::default() },
        };
        HeapProfile { stacks: stacks.iter().map(stack).collect(), ..HeapProfile::default() }
    }

    #[test]
    fn growth_is_by_stack_and_signed() {
        let before = profile(&[(&[1, 10], 100), (&[20], 50), (&[30], 7)]);
        let now = profile(&[(&[1, 10], 400), (&[30], 7), (&[40], 60)]);
        let growth = now.growth_since(&before);
        let bytes: Vec<_> = growth.iter().map(|g| (g.frames.clone(), g.bytes, g.objects)).collect();
        assert_eq!(bytes, [(vec![10], 300, 0), (vec![40], 60, 1), (vec![20], -50, -1)]);
    }

    #[test]
    fn the_profile_of_growth_has_what_grew() {
        let before = profile(&[(&[10], 100), (&[20], 50)]);
        let grown = profile(&[(&[10], 400), (&[20], 20)]).grown_since(&before);
        assert_eq!((grown.live_bytes(), grown.report().samples.len()), (300, 1));
        assert!(before.grown_since(&before).is_empty());
    }
}
