//! Profiles a second of work and tells how deep its stacks are: of one frame in a program that was
//! built without frame pointers.

use std::hint::black_box;
use std::time::{Duration, Instant};

use perf_monitor_profiling::CpuProfiler;

#[inline(never)]
fn down(more: u32, end: Instant) -> u64 {
    if more > 0 {
        return black_box(down(black_box(more - 1), end)) + 1;
    }
    let mut sum = 1_u64;
    while Instant::now() < end {
        (0..10_000).for_each(|n| sum = black_box(sum.rotate_left(7) ^ n));
    }
    sum
}

fn main() -> Result<(), perf_monitor_profiling::Error> {
    let mut profiler = CpuProfiler::new();
    profiler.start(199)?;
    black_box(down(10, Instant::now() + Duration::from_secs(1)));
    let report = profiler.stop()?;
    let depths = report.samples.iter().map(|sample| report.frames(sample.leaf).count());
    println!("samples: {}", report.total(0));
    println!("deepest: {}", depths.max().unwrap_or(0));
    report.notes.iter().for_each(|note| println!("note: {note}"));
    Ok(())
}
