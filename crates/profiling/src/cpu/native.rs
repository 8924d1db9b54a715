//! The sampler of this project: timers of threads, on Linux for x86-64 and arm64.

mod bare;
mod build;
mod engine;
mod gate;
mod governor;
mod handler;
mod learn;
mod mapped;
mod members;
mod modules;
mod names;
mod profiler;
mod recent;
mod record;
mod registers;
mod ring;
mod rows;
mod selftest;
mod shared;
mod signal;
mod slices;
mod state;
mod system;
mod tally;
mod threads;
mod timer;
mod tree;

pub use profiler::{ContinuousProfiler, CpuProfiler};
