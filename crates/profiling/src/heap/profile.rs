//! What of the heap came from where.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::poisson::{PARTS, Weight};
use super::sampling::{Sampled, SampledStack, SamplingStats};
use super::stacks::TRUNCATED;
use crate::maps::{self, Module};
use crate::report::{Place, Report, Sample, Stacks, ValueType, place};

/// What of the heap came from where: estimates by stack, out of samples.
///
/// It comes from [`heap::profile`](super::profile()), or from a dump of jemalloc's by
/// [`parse_dump`](HeapProfile::parse_dump). Like a [`Report`], it is a plain value.
///
/// ```
/// use perf_monitor_profiling::heap::HeapProfile;
///
/// let mut profile = HeapProfile::default();
/// profile.parse_dump("heap_v2/524288\n  t*: 1: 1048576 [0: 0]\n@ 0x1000 0x2000\n  t*: 1: 1048576 [0: 0]\n")?;
/// assert_eq!(profile.live_objects(), 1);
/// assert_eq!(profile.report().weight(), profile.live_bytes());
/// # Ok::<(), perf_monitor_profiling::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HeapProfile {
    pub(super) interval_bytes: u64,
    pub(super) stacks: Vec<Stack>,
    pub(super) modules: Vec<Module>,
    pub(super) span_names: HashMap<u32, String>,
    pub(super) started: SystemTime,
    pub(super) duration: Duration,
    pub(super) notes: Vec<String>,
    /// Whether it knows of blocks that are freed.
    pub(super) has_allocations: bool,
}

/// One stack in spans of one name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stack {
    /// Return addresses, innermost first, with [`TRUNCATED`] and [`CUT`]; none if the callers are not known.
    pub(super) frames: Vec<u64>,
    pub(super) name_id: Option<u32>,
    pub(super) values: Values,
}

/// Estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) alloc_objects: u64,
    pub(super) alloc_bytes: u64,
    pub(super) live_objects: u64,
    pub(super) live_bytes: u64,
}

/// Stands for inner frames that there was no room for. No code lies at such addresses.
pub(super) const CUT: u64 = 2;

const ALLOCATED: [ValueType; 2] = [
    ValueType { name: "alloc_objects", unit: "count" },
    ValueType { name: "alloc_space", unit: "bytes" },
];
const LIVE: [ValueType; 2] = [
    ValueType { name: "inuse_objects", unit: "count" },
    ValueType { name: "inuse_space", unit: "bytes" },
];

impl Default for HeapProfile {
    /// Of nothing.
    fn default() -> HeapProfile {
        HeapProfile {
            interval_bytes: 0,
            stacks: Vec::new(),
            modules: Vec::new(),
            span_names: HashMap::new(),
            started: SystemTime::UNIX_EPOCH,
            duration: Duration::ZERO,
            notes: Vec::new(),
            has_allocations: false,
        }
    }
}

impl HeapProfile {
    /// Whether it has no stack.
    pub fn is_empty(&self) -> bool {
        self.stacks.is_empty()
    }

    /// Bytes between two samples, on average.
    pub fn interval_bytes(&self) -> u64 {
        self.interval_bytes
    }

    /// Blocks that are live.
    pub fn live_objects(&self) -> u64 {
        self.sum(|values| values.live_objects)
    }

    /// Bytes that are live, as they were asked for.
    pub fn live_bytes(&self) -> u64 {
        self.sum(|values| values.live_bytes)
    }

    /// Bytes that were allocated, freed ones included; `None` if what is freed was not remembered.
    pub fn allocated_bytes(&self) -> Option<u64> {
        self.has_allocations.then(|| self.sum(|values| values.alloc_bytes))
    }

    /// What a reader should know: what was lost, what could not be had.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Bytes that the profile itself holds, about.
    pub fn memory_bytes(&self) -> usize {
        let stack = |stack: &Stack| size_of::<Stack>() + 8 * stack.frames.capacity();
        let module = |module: &Module| size_of::<Module>() + module.path.capacity();
        let text = |text: &String| size_of::<String>() + text.capacity();
        self.stacks.iter().map(stack).sum::<usize>()
            + self.modules.iter().map(module).sum::<usize>()
            + self.span_names.values().map(text).sum::<usize>()
            + self.notes.iter().map(text).sum::<usize>()
    }

    /// Gives the spans their names: `name_of` is asked with each [`name_id`](perf_monitor_core::Context::name_id)
    /// once. Reports tell apart only spans that have a name.
    pub fn name_spans(&mut self, name_of: impl Fn(u32) -> Option<String>) {
        for name_id in self.stacks.iter().filter_map(|stack| stack.name_id) {
            if !self.span_names.contains_key(&name_id) {
                self.span_names.extend(name_of(name_id).map(|name| (name_id, name)));
            }
        }
    }

    /// The live heap: `alloc_objects`, `alloc_space`, `inuse_objects` and `inuse_space`, or the latter two
    /// alone if what is freed was not remembered. Flame graphs are of `inuse_space`.
    pub fn report(&self) -> Report {
        self.report_in_order(true)
    }

    /// The same with `alloc_objects` and `alloc_space` last, of which flame graphs then are: everything that
    /// was allocated, freed or not.
    pub fn allocations_report(&self) -> Report {
        self.report_in_order(!self.has_allocations)
    }

    fn report_in_order(&self, live_last: bool) -> Report {
        let kinds = match (self.has_allocations, live_last) {
            (false, _) => LIVE.to_vec(),
            (true, true) => [ALLOCATED, LIVE].concat(),
            (true, false) => [LIVE, ALLOCATED].concat(),
        };
        let mut report = Building::default();
        for stack in &self.stacks {
            let leaf = report.stacks.stack(stack.places(&self.modules));
            let span = stack.name_id.and_then(|id| self.span_names.get(&id));
            let span = span.map(|name| report.span(name));
            report.add(leaf, span, kinds.iter().map(|kind| stack.values.of(*kind)).collect());
        }
        Report {
            values: kinds,
            period: self.interval_bytes,
            stacks: report.stacks.nodes,
            samples: report.samples,
            modules: self.modules.clone(),
            threads: Vec::new(),
            spans: report.spans,
            started: self.started,
            duration: self.duration,
            notes: self.notes.clone(),
        }
    }

    fn sum(&self, of: impl Fn(&Values) -> u64) -> u64 {
        self.stacks.iter().map(|stack| of(&stack.values)).fold(0, u64::saturating_add)
    }

    /// Of the sampler's tables.
    pub(super) fn sampled(
        sampled: Sampled,
        started: SystemTime,
        duration: Duration,
    ) -> HeapProfile {
        let text = maps::read();
        let mut notes = notes(&sampled.stats);
        if let Err(cause) = &text {
            notes.push(format!(
                "where code lies is not known, since /proc/self/maps cannot be read: {cause}"
            ));
        }
        HeapProfile {
            interval_bytes: sampled.interval_bytes,
            stacks: sampled.stacks.into_iter().map(Stack::sampled).collect(),
            modules: text.map(|text| maps::modules(&text)).unwrap_or_default(),
            span_names: HashMap::new(),
            started,
            duration,
            notes,
            has_allocations: true,
        }
    }
}

fn notes(stats: &SamplingStats) -> Vec<String> {
    let mut notes = Vec::new();
    if !stats.frame_pointers {
        notes.push(
            "callers are not known, since the program was built without frame pointers: set \
             RUSTFLAGS=\"-C force-frame-pointers=yes\""
                .to_owned(),
        );
    }
    let mut count = |count: u64, what: &str| {
        if count > 0 {
            notes.push(format!("{count} of {} samples {what}", stats.samples));
        }
    };
    if stats.frame_pointers {
        count(stats.flat, "are without their callers");
    }
    count(stats.cut, "are under another stack or cut, for want of room");
    count(stats.not_live, "are missing in the live heap, for want of room: take a longer interval");
    notes
}

impl Stack {
    fn sampled(SampledStack { mut frames, sums }: SampledStack) -> Stack {
        let cut = sums.key.is_none_or(|key| key.leaf.cut);
        if cut {
            frames.insert(0, CUT);
        }
        let name_id = sums.key.and_then(|key| key.name_id);
        Stack { frames, name_id, values: Values::of_weights(sums.allocated, sums.live) }
    }

    /// From the outermost frame to the innermost.
    fn places<'a>(&'a self, modules: &'a [Module]) -> impl Iterator<Item = Place> + 'a {
        self.frames.iter().rev().map(|address| match *address {
            TRUNCATED => Place::Truncated,
            CUT => Place::Overflow,
            // It is where the call returns to; the call is before it.
            after => place(modules, after.saturating_sub(1)),
        })
    }
}

impl Values {
    fn of_weights(allocated: Weight, live: Weight) -> Values {
        let objects = |weight: Weight| (weight.parts + PARTS / 2) / PARTS;
        // A block that is being freed while this is read may be taken away already from the one only.
        Values {
            alloc_objects: objects(allocated),
            alloc_bytes: allocated.bytes,
            live_objects: objects(live).min(objects(allocated)),
            live_bytes: live.bytes.min(allocated.bytes),
        }
    }

    fn of(&self, kind: ValueType) -> u64 {
        match kind.name {
            "alloc_objects" => self.alloc_objects,
            "alloc_space" => self.alloc_bytes,
            "inuse_objects" => self.live_objects,
            _ => self.live_bytes,
        }
    }
}

/// A report that is being put together.
#[derive(Default)]
struct Building {
    stacks: Stacks,
    samples: Vec<Sample>,
    numbers: HashMap<(Option<u32>, Option<u32>), usize>,
    spans: Vec<String>,
}

impl Building {
    fn span(&mut self, name: &str) -> u32 {
        let known = self.spans.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.spans.push(name.to_owned());
            self.spans.len() - 1
        }) as u32
    }

    fn add(&mut self, leaf: Option<u32>, span: Option<u32>, values: Vec<u64>) {
        let number = *self.numbers.entry((leaf, span)).or_insert(self.samples.len());
        match self.samples.get_mut(number) {
            Some(sample) => {
                let sums = sample.values.iter_mut().zip(values);
                sums.for_each(|(sum, value)| *sum = sum.saturating_add(value));
            }
            None => self.samples.push(Sample { leaf, thread: None, span, trace: None, values }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(frames: &[u64], name_id: Option<u32>, live_bytes: u64) -> Stack {
        let values =
            Values { alloc_objects: 2, alloc_bytes: 2 * live_bytes, live_objects: 1, live_bytes };
        Stack { frames: frames.to_vec(), name_id, values }
    }

    fn profile(stacks: Vec<Stack>) -> HeapProfile {
        HeapProfile { stacks, has_allocations: true, ..HeapProfile::default() }
    }

    #[test]
    fn spans_without_a_name_are_not_told_apart() {
        let mut profile = profile(vec![stack(&[20, 10], None, 5), stack(&[20, 10], Some(0), 7)]);
        assert_eq!(profile.report().samples.len(), 1);
        profile.name_spans(|id| Some(format!("span {id}")));
        let report = profile.report();
        assert_eq!(report.by_span(), [("span 0".to_owned(), 7)]);
        assert_eq!((report.samples.len(), report.weight()), (2, 12));
    }

    #[test]
    fn flame_graphs_are_of_the_last_value() {
        let profile = profile(vec![stack(&[20, 10], None, 5)]);
        assert_eq!(profile.report().weight(), 5);
        assert_eq!(profile.allocations_report().weight(), 10);
        assert_eq!(profile.allocated_bytes(), Some(10));
        let names = profile.report().values.iter().map(|v| v.name).collect::<Vec<_>>();
        assert_eq!(names, ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]);
    }

    #[test]
    fn marks_and_calls_have_their_places() {
        let report = profile(vec![stack(&[CUT, 20, TRUNCATED], None, 1)]).report();
        let places: Vec<_> = report.stacks.iter().map(|node| node.place).collect();
        assert_eq!(places, [Place::Truncated, Place::Unknown { address: 19 }, Place::Overflow]);
        assert_eq!(profile(vec![stack(&[], None, 1)]).report().samples[0].leaf, None);
    }
}
