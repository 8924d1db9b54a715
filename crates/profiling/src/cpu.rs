//! Where threads spend their CPU time.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod absent;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod native;
mod options;
#[cfg(all(unix, feature = "pprof"))]
mod pprof;
mod span_names;
mod stats;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub use absent::{ContinuousProfiler, CpuProfiler};
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use native::{ContinuousProfiler, CpuProfiler};
pub use options::CpuOptions;
#[cfg(all(unix, feature = "pprof"))]
pub use pprof::PprofProfiler;
pub use span_names::SpanNames;
pub use stats::CpuStats;

use crate::error::Error;

/// The rate, if it is within the lowest and the highest.
fn checked(frequency: i32) -> Result<u32, Error> {
    (1..=1000).contains(&frequency).then_some(frequency as u32).ok_or(Error::Frequency(frequency))
}
