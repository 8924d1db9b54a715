//! Where a process spends its CPU time and its memory, cheap enough to stay on.

#![allow(dead_code)] // the samplers that fill reports come next

mod error;
pub mod heap;
mod maps;
mod memory;
mod report;
mod walk;

pub use error::Error;
pub use heap::TrackedAlloc;
pub use maps::Module;
#[cfg(feature = "jemalloc")]
#[doc(hidden)]
pub use memory::JemallocConf;
pub use memory::{
    MemoryGrowth, MemoryProfiler, MemoryProfilerOptions, MemoryProfilerStats, MemorySnapshot,
    MemorySource,
};
pub use report::{Filter, Node, Place, Report, Sample, ValueType};
