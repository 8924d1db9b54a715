//! `profile/…`: what sampling CPU time costs, beside the `pprof` crate.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use perf_monitor_profiling::{ContinuousProfiler, CpuOptions, CpuProfiler, CpuStats};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Row;
use crate::harness::Effort;
use crate::maps::Maps;
use crate::report::Report;
use crate::stats::Samples;
use crate::{child, cpu_time};

pub(crate) const ON_DEMAND: Row = Row { id: "profile/overhead-99hz", run: on_demand };
pub(crate) const ALWAYS: Row = Row { id: "profile/overhead-19hz", run: always };
pub(crate) const MEMORY: Row = Row { id: "profile/memory", run: memory };
pub(crate) const HANDLER: Row = Row { id: "profile/handler", run: handler };

/// Threads that work, as many as there are cores on the machine that the limits are for.
const THREADS: usize = 2;
/// Frames of the stacks that are sampled.
const FRAMES: u32 = 40;
/// The part of a row that is found out in a process of its own.
const PPROF: &str = "profile/pprof";
const OWN_MEMORY: &str = "profile/own-memory";

/// The named part of a row, in its own process.
pub(crate) fn part(name: &str) -> Option<Result<Value, String>> {
    let found = match name {
        PPROF => pprof_found().map(serde_json::to_value),
        OWN_MEMORY => own_memory().map(serde_json::to_value),
        _ => return None,
    };
    Some(found.and_then(|value| value.map_err(|cause| cause.to_string())))
}

fn on_demand(effort: Effort) -> Result<Report, String> {
    let mut report = Report::default();
    let pairs = windows(effort)?;
    let (median, upper) = interval(pairs);
    report.number("ab_upper", "%", 100.0 * upper);
    report.number("ab_median", "%", 100.0 * median);
    let (share, stats) = accounted(99, effort)?;
    report.number("accounted", "%", 100.0 * share);
    let sample_ns = stats.cost().as_nanos() as f64 / stats.samples.max(1) as f64;
    let pprof: Pprof = child::ask(PPROF, effort)?;
    report.number_ratio(
        "of_pprof",
        "ns",
        sample_ns,
        ("pprof, signal and handler", pprof.sample_ns),
    );
    report.note(format!(
        "a sample: {:.0} ns in the handler, {:.0} ns to deliver its signal, {:.0} ns of the sampler's thread",
        per_sample(stats.handlers, &stats),
        per_sample(stats.delivery, &stats),
        per_sample(stats.sampler, &stats),
    ));
    Ok(report)
}

fn always(effort: Effort) -> Result<Report, String> {
    let profiler = ContinuousProfiler::start(19, CpuOptions::default());
    let profiler = profiler.map_err(|error| error.to_string())?;
    let (share, _) = shared(&|| profiler.stats(), effort)?;
    let mut report = Report::default();
    report.number("accounted", "%", 100.0 * share);
    Ok(report)
}

fn handler(effort: Effort) -> Result<Report, String> {
    let (_, stats) = accounted(250, effort)?;
    let mut report = Report::default();
    report.number("sample", "ns", per_sample(stats.handlers, &stats));
    Ok(report)
}

fn memory(effort: Effort) -> Result<Report, String> {
    let own: Memory = child::ask(OWN_MEMORY, effort)?;
    let pprof: Pprof = child::ask(PPROF, effort)?;
    let mut report = Report::default();
    report.number("while_on", "B", own.while_on);
    report.number("after", "B", own.after);
    report.number("private_dirty", "B", own.private_dirty);
    let pprof_bytes = ("pprof while on", pprof.memory.private_dirty);
    report.number_ratio("of_pprof", "B", own.private_dirty, pprof_bytes);
    report.note(format!("pprof after: {:.0} B", pprof.memory.after));
    Ok(report)
}

fn per_sample(time: Duration, stats: &CpuStats) -> f64 {
    time.as_nanos() as f64 / stats.samples.max(1) as f64
}

/// The share of the process's CPU time that sampling accounts for, after its beginning.
fn accounted(hz: i32, effort: Effort) -> Result<(f64, CpuStats), String> {
    let mut profiler = CpuProfiler::new();
    profiler.start(hz).map_err(|error| error.to_string())?;
    shared(&|| profiler.stats(), effort)
}

fn shared(stats: &dyn Fn() -> Option<CpuStats>, effort: Effort) -> Result<(f64, CpuStats), String> {
    let stats = || stats().ok_or("the profiler is not running");
    working(|_| {
        thread::sleep(Duration::from_millis(500));
        let (before, cpu) = (stats()?, cpu_time::of_this_process());
        thread::sleep(effort.seconds(4.0, 30.0));
        let (after, used) = (stats()?, cpu_time::of_this_process() - cpu);
        let since = CpuStats {
            samples: after.samples - before.samples,
            handlers: after.handlers - before.handlers,
            delivery: after.delivery - before.delivery,
            sampler: after.sampler - before.sampler,
            ..after
        };
        Ok((since.cost().as_secs_f64() / used.as_secs_f64(), since))
    })
}

/// What a unit of work takes more with the profiler than without, in windows one after the other.
fn windows(effort: Effort) -> Result<Vec<f64>, String> {
    let window = Duration::from_millis(200);
    working(|units| {
        let per_unit = || {
            let (before, cpu) = (units.load(Ordering::Relaxed), cpu_time::of_this_process());
            thread::sleep(window);
            let used = cpu_time::of_this_process() - cpu;
            used.as_secs_f64() / (units.load(Ordering::Relaxed) - before).max(1) as f64
        };
        let mut more = Vec::new();
        for pair in 0..effort.pick(40, 300) {
            let mut with = 0.0;
            let mut without = 0.0;
            for on in [pair % 2 == 0, pair % 2 != 0] {
                let mut profiler = CpuProfiler::new();
                if on {
                    profiler.start(99).map_err(|error| error.to_string())?;
                }
                *if on { &mut with } else { &mut without } = per_unit();
            }
            more.push(with / without - 1.0);
        }
        Ok(more)
    })
}

/// The median, and the upper end of its interval of 95 % by rank, which no outlier moves.
fn interval(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let upper = (count as f64 / 2.0 + 0.98 * (count as f64).sqrt()).ceil() as usize;
    (values[count / 2], values[upper.min(count - 1)])
}

/// Runs `measure` while threads work; it is given the units that they have done.
fn working<T>(measure: impl FnOnce(&AtomicU64) -> Result<T, String>) -> Result<T, String> {
    let (units, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    black_box(down(FRAMES));
                    units.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let measured = measure(&units);
        done.store(true, Ordering::Relaxed);
        measured
    })
}

/// Some tens of microseconds of work below so many calls.
#[inline(never)]
fn down(more: u32) -> u64 {
    if more > 0 {
        return black_box(down(black_box(more - 1))) + 1;
    }
    let mut text = String::new();
    let mut sum = 1_u64;
    for n in 0..4_000_u64 {
        sum = (sum ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(9);
        if n % 500 == 0 {
            text.push_str("some text that grows");
        }
    }
    black_box(sum ^ text.len() as u64)
}

/// Private memory that was written.
#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    /// As the profiler itself counts, with the stack of its thread.
    while_on: f64,
    private_dirty: f64,
    after: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Pprof {
    sample_ns: f64,
    memory: Memory,
}

fn dirty() -> Result<f64, String> {
    Ok(Maps::now()?.private_dirty() as f64)
}

/// The profiler after a second of different stacks in two threads, and after its end with its report dropped.
///
/// Each is the median of some profiles, after a first one that takes what the process takes once: the allocator of
/// this bench, which reads the lists of mappings, now and then takes a page more.
fn own_memory() -> Result<Memory, String> {
    working(|_| {
        one_profile()?;
        let profiles: Vec<Memory> = (0..5).map(|_| one_profile()).collect::<Result<_, _>>()?;
        let median = |of: fn(&Memory) -> f64| profiles.iter().map(of).collect::<Samples>().median();
        Ok(Memory {
            while_on: median(|memory| memory.while_on),
            private_dirty: median(|memory| memory.private_dirty),
            after: median(|memory| memory.after),
        })
    })
}

fn one_profile() -> Result<Memory, String> {
    let before = dirty()?;
    let mut profiler = CpuProfiler::new();
    profiler.start(250).map_err(|error| error.to_string())?;
    thread::sleep(Duration::from_secs(1));
    let (maps, stack) = with_the_sampler_s_stack()?;
    let stats = profiler.stats().ok_or("the profiler is not running")?;
    drop(profiler.stop().map_err(|error| error.to_string())?);
    Ok(Memory {
        while_on: (stats.bytes as u64 + stack) as f64,
        private_dirty: maps.private_dirty() as f64 - before,
        after: dirty()? - before,
    })
}

/// The mappings, and the written part of the sampler's stack: the kernel tells where that is while the sampler waits,
/// as it does most of the time.
fn with_the_sampler_s_stack() -> Result<(Maps, u64), String> {
    for _ in 0..1_000 {
        let maps = Maps::now()?;
        if let Some(stack) = maps.stacks(&["perf-sampler"]) {
            return Ok((maps, stack));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err("the sampler's stack is not known".into())
}

/// What the `pprof` crate takes for a sample of the same depth: the signal sent to itself.
fn pprof_found() -> Result<Pprof, String> {
    const SAMPLES: u32 = 3_000;
    let before = dirty()?;
    let guard = pprof::ProfilerGuardBuilder::default().frequency(1).build();
    let guard = guard.map_err(|error| error.to_string())?;
    let sample_ns = deep(FRAMES, &|| {
        let begun = std::time::Instant::now();
        for _ in 0..SAMPLES {
            let this = rustix::thread::gettid();
            let _ = rustix::process::kill_process(this, rustix::process::Signal::PROF);
        }
        begun.elapsed().as_nanos() as f64 / f64::from(SAMPLES)
    });
    let while_on = dirty()? - before;
    drop(guard);
    let memory = Memory { while_on, private_dirty: while_on, after: dirty()? - before };
    Ok(Pprof { sample_ns, memory })
}

/// Runs `work` below so many calls.
#[inline(never)]
fn deep(more: u32, work: &dyn Fn() -> f64) -> f64 {
    if more == 0 { work() } else { black_box(deep(black_box(more - 1), work)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_by_rank() {
        let (median, upper) = interval((0..100).map(f64::from).collect());
        assert_eq!((median, upper), (50.0, 60.0));
        let mut outliers: Vec<f64> = (0..100).map(f64::from).collect();
        outliers[99] = 1e9;
        assert_eq!(interval(outliers), (50.0, 60.0));
    }
}
