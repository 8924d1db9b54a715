//! Where a process spends its CPU time and its memory, cheap enough to stay on.

#![cfg_attr(loom, allow(dead_code, missing_docs))]
// the samplers, which use everything, are written for Linux
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

#[cfg(not(loom))]
mod cpu;
#[cfg(not(loom))]
mod difference;
#[cfg(not(loom))]
mod error;
#[cfg(all(feature = "symbols", not(loom)))]
mod format;
#[cfg(not(loom))]
pub mod heap;
#[cfg(not(loom))]
mod maps;
#[cfg(not(loom))]
mod memory;
#[cfg(not(loom))]
mod report;
#[cfg(all(target_os = "linux", not(loom)))]
mod stack;
#[cfg(all(feature = "symbols", not(loom)))]
mod symbols;
mod sync;
#[cfg(not(loom))]
mod walk;

#[cfg(loom)]
#[path = "cpu/native/gate.rs"]
mod gate;
#[cfg(loom)]
#[doc(hidden)]
pub mod model;
#[cfg(loom)]
#[path = "cpu/native/ring.rs"]
mod ring;

#[cfg(all(feature = "pprof", unix, not(loom)))]
pub use cpu::PprofProfiler;
#[cfg(not(loom))]
pub use cpu::{ContinuousProfiler, CpuOptions, CpuProfiler, CpuStats, SpanNames};
#[cfg(not(loom))]
pub use difference::{Difference, Scale};
#[cfg(not(loom))]
pub use error::Error;
#[cfg(all(feature = "symbols", not(loom)))]
pub use format::{Call, CallTree, Weight};
#[cfg(not(loom))]
pub use heap::TrackedAlloc;
#[cfg(not(loom))]
pub use maps::Module;
#[cfg(all(feature = "jemalloc", not(loom)))]
#[doc(hidden)]
pub use memory::JemallocConf;
#[cfg(not(loom))]
pub use memory::{
    MemoryGrowth, MemoryProfiler, MemoryProfilerOptions, MemoryProfilerStats, MemorySnapshot,
    MemorySource,
};
#[cfg(not(loom))]
pub use report::{Filter, Node, Place, Report, Sample, ValueType};
#[cfg(all(feature = "symbols", not(loom)))]
pub use symbols::{Line, Names, names_of};
