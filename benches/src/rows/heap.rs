//! `heap/TrackedAlloc` and `heap/sampling`: what counting and sampling add to an allocator.
//!
//! The bench has a global allocator of its own, so these call the methods of one that is not global. Both sides
//! are the same `System` behind the same calls.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use perf_monitor_core::Context;
use perf_monitor_profiling::TrackedAlloc;
use perf_monitor_profiling::heap::{self, SamplingOptions};

use super::{Row, hot};
use crate::controls::{self, FLOOR};
use crate::harness::{Effort, Rung, Subject, climb};
use crate::report::Report;
use crate::stats::Samples;
use crate::{cpu_time, pin};

pub(crate) const TRACKED: Row = Row { id: "heap/TrackedAlloc", run: tracked };
pub(crate) const SAMPLING: Row = Row { id: "heap/sampling", run: sampling };

static OURS: TrackedAlloc<System> = TrackedAlloc::new(System);

const INNER: &str = "allocator inside";
const SIZE: usize = 64;

fn tracked(effort: Effort) -> Result<Report, String> {
    let subjects = [
        Subject::new(hot::OURS, || |ops| pairs(&OURS, ops)),
        Subject::new(INNER, || |ops| pairs(OURS.inner(), ops)),
        controls::floor(),
    ];
    let time = effort.seconds(1.0, 10.0);
    let climb = climb(&subjects, || drop(black_box(heap::threads())), time);
    let on_two = climb.ns(hot::OURS, Rung::Two).minus(climb.ns(INNER, Rung::Two));
    let mut report = Report::default();
    report.rounds("on", "ns", climb.ns(hot::OURS, Rung::One));
    report.rounds("inner", "ns", climb.ns(INNER, Rung::One));
    report.rounds("over_inner", "ns", &over_inner(&|ops| pairs(&OURS, ops), time / 2));
    report.rounds("over_inner_in_a_span", "ns", &over_inner(&in_a_span, time / 2));
    report.rounds("two_threads_over_inner", "ns", &on_two);
    // The allocator inside does more than an add, so it is what this is divided by; both are shown over the add.
    report.number("flat", "ratio", climb.flatness(hot::OURS, INNER).median());
    report.number("flat_over_add", "ratio", climb.flatness(hot::OURS, FLOOR).median());
    report.number("inner_flat_over_add", "ratio", climb.flatness(INNER, FLOOR).median());
    let counts = heap::counts();
    if counts.allocations == 0 || counts.live_blocks() != 0 {
        return Err(format!("these were not counted: {counts:?}"));
    }
    Ok(report)
}

fn in_a_span(ops: u64) {
    let before = Context { trace_id: 1, span_id: 1, name_id: 1 }.enter();
    pairs(&OURS, ops);
    before.enter();
}

/// Operations of a piece: so few, some 100 µs, that who else uses the core disturbs few pieces.
const PIECE_OPS: u64 = 10_000;

/// What an operation of `ours` takes more than one of the allocator inside, in pieces one after the other, in turns
/// of both orders. The difference of the climb's rounds, which are longer and farther apart, is lost in the noise
/// of a machine that others use too.
fn over_inner(ours: &(dyn Fn(u64) + Sync), time: Duration) -> Samples {
    let inner = |ops| pairs(OURS.inner(), ops);
    let ns = |run: &dyn Fn(u64)| {
        let begun = Instant::now();
        run(PIECE_OPS);
        begun.elapsed().as_nanos() as f64 / PIECE_OPS as f64
    };
    let measure = || {
        pin::this_thread_to(pin::cpus()[0]);
        let begun = Instant::now();
        let mut more = Samples::new();
        while begun.elapsed() < time {
            let (first, second) = (ns(ours), ns(&inner));
            more.push(first - second);
            let (first, second) = (ns(&inner), ns(ours));
            more.push(second - first);
        }
        more
    };
    thread::scope(|scope| scope.spawn(measure).join().expect("a loop of allocations ends"))
}

#[inline(always)]
fn pairs(allocator: &impl GlobalAlloc, ops: u64) {
    for _ in 0..ops {
        let layout = Layout::from_size_align(black_box(SIZE), 8);
        let layout = layout.expect("a size and an alignment that agree");
        // SAFETY: the layout has a size; the block is freed once, with it.
        unsafe {
            let block = black_box(allocator.alloc(layout));
            allocator.dealloc(block, layout);
        }
    }
}

/// CPU time of a round. Switching takes and gives back memory, which is not what is measured: the first part of each
/// round does not count, in which a hundred samples touch most of it.
const ROUND_OPS: u64 = 200_000;
const WARM_UP_OPS: u64 = 100_000;

fn sampling(effort: Effort) -> Result<Report, String> {
    let mut program = Program::new();
    let (mut on, mut off, mut often) = (Samples::new(), Samples::new(), Samples::new());
    let (mut samples, mut often_samples) = (0, 0);
    program.round();
    for round in 0..effort.pick(60, 400) {
        // In turns of all orders, so that what drifts is shared.
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => off.push(ns_per_op(program.round())),
                1 => {
                    let (ns, taken) = sampled_round(&mut program, SamplingOptions::new())?;
                    on.push(ns);
                    samples = taken;
                }
                _ => {
                    let options = SamplingOptions::new().interval_bytes(OFTEN_BYTES);
                    let (ns, taken) = sampled_round(&mut program, options)?;
                    often.push(ns);
                    often_samples += taken;
                }
            }
        }
    }
    let often_samples = often_samples as f64 / often.len() as f64;
    let mut report = Report::default();
    report.rounds("on", "ns", &on);
    report.rounds("off", "ns", &off);
    let percent = on.over(&off).map(|ratio| 100.0 * (ratio - 1.0));
    report.rounds("percent", "%", &percent);
    let times = SamplingOptions::new().interval_bytes as f64 / OFTEN_BYTES as f64;
    let eighth = often.over(&off).map(|ratio| 100.0 * (ratio - 1.0) / times);
    report.rounds("eighth", "%", &eighth);
    let sample = often.minus(&off).map(|ns| ns * ROUND_OPS as f64 / often_samples);
    report.rounds("sample", "ns", &sample);
    let stats = heap::sampling_stats();
    let quartiles = [0.25, 0.75].map(|q| percent.quantile(q));
    report.note(format!(
        "pairs of rounds: {}, their quartiles {:.1} and {:.1} %; {samples} samples a round, frame pointers: {}",
        percent.len(), quartiles[0], quartiles[1], stats.frame_pointers
    ));
    Ok(report)
}

/// Eight samples for each that is usual: an eighth of what these take is what those take, as the rest costs the same
/// whether sampling is on or off. On a machine that others use too, `percent` is lost in the noise, and `eighth` is not.
const OFTEN_BYTES: u64 = 64 << 10;

/// A round with sampling on: nanoseconds for each operation, and the samples.
fn sampled_round(program: &mut Program, options: SamplingOptions) -> Result<(f64, u64), String> {
    start(options)?;
    let ns = ns_per_op(program.round());
    // Not between the two parts of the round: to read the tables is to have them in the caches.
    let taken = heap::sampling_stats().samples * ROUND_OPS / (ROUND_OPS + WARM_UP_OPS);
    heap::stop_sampling();
    Ok((ns, taken))
}

fn start(options: SamplingOptions) -> Result<(), String> {
    heap::start_sampling(options).map_err(|error| error.to_string())
}

fn ns_per_op(time: Duration) -> f64 {
    time.as_nanos() as f64 / ROUND_OPS as f64
}

/// Blocks that come and go in an order of no kind, each written to as a program does.
struct Program {
    blocks: Vec<(*mut u8, Layout)>,
    random: u64,
}

impl Program {
    fn new() -> Program {
        let layout = Layout::new::<u64>();
        Program { blocks: vec![(std::ptr::null_mut(), layout); 8_192], random: 1 }
    }

    fn round(&mut self) -> Duration {
        self.run(WARM_UP_OPS);
        self.run(ROUND_OPS)
    }

    fn run(&mut self, ops: u64) -> Duration {
        let before = cpu_time::of_this_thread();
        (0..ops).for_each(|_| self.replace_one());
        cpu_time::of_this_thread() - before
    }

    fn replace_one(&mut self) {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let place = self.random as usize % self.blocks.len();
        let size = 16 + (self.random >> 40) as usize % 1_009;
        let layout = Layout::from_size_align(size, 8).expect("a size and an alignment that agree");
        let (old, its_layout) = std::mem::replace(&mut self.blocks[place], allocated(layout));
        if !old.is_null() {
            // SAFETY: allocated below with this layout, and out of the table.
            unsafe { OURS.dealloc(old, its_layout) };
        }
    }
}

#[inline(never)]
fn allocated(layout: Layout) -> (*mut u8, Layout) {
    // SAFETY: the layout has a size; what is written lies in the block.
    unsafe {
        let block = OURS.alloc(layout);
        if !block.is_null() {
            block.write_bytes(1, layout.size());
        }
        (black_box(block), layout)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        for (block, layout) in self.blocks.drain(..).filter(|(block, _)| !block.is_null()) {
            // SAFETY: allocated with this layout, and out of the table.
            unsafe { OURS.dealloc(block, layout) };
        }
    }
}
