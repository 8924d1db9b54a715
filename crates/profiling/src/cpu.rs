//! Where threads spend their CPU time: samples by timers of threads, on Linux.

mod build;
mod engine;
mod gate;
mod governor;
mod handler;
#[cfg(target_arch = "x86_64")]
mod learn;
mod mapped;
mod members;
mod modules;
mod names;
mod options;
mod profiler;
mod recent;
mod record;
mod registers;
mod ring;
#[cfg(target_arch = "x86_64")]
mod rows;
mod selftest;
mod shared;
mod signal;
mod slices;
mod state;
mod stats;
mod system;
mod tally;
mod threads;
mod timer;
mod tree;

pub use options::CpuOptions;
pub use profiler::{ContinuousProfiler, CpuProfiler, SpanNames};
pub use stats::CpuStats;
