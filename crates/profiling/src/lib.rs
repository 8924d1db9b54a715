//! Where a process spends its CPU time and its memory, cheap enough to stay on.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod cpu;
mod error;
mod maps;
mod report;
mod stack;
mod sync;
mod walk;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use cpu::{ContinuousProfiler, CpuOptions, CpuProfiler, CpuStats, SpanNames};
pub use error::Error;
pub use maps::Module;
pub use report::{Filter, Node, Place, Report, Sample, ValueType};
