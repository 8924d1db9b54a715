//! What the machine and this process use: CPU, memory, disks, network.
//!
//! In an application, [`HostMetrics`] feeds a registry:
//!
//! ```
//! use perf_monitor_core::Registry;
//! use perf_monitor_host::{HostMetrics, HostOptions};
//!
//! fn main() -> Result<(), perf_monitor_host::Error> {
//!     let registry = Registry::new();
//!     let mut host = HostMetrics::new(&registry, HostOptions::default())?;
//!     for _second in 0..2 {
//!         host.collect();
//!     }
//!     println!("{:?} of a core", host.process_cpu_ratio());
//!     Ok(())
//! }
//! ```
//!
//! Elsewhere, [`HostReader`] gives the same numbers as plain structs. Both read Linux' `/proc` and
//! `/sys`; on other systems they compile, everything is unknown, and [`unsupported`] says so.
//!
//! What is unknown is `None` in the structs and has no series in the registry: 0 is a measurement.

mod error;
mod model;
mod options;
mod reader;
mod view;

mod devices;
mod kept;
mod os;
mod parse;
mod process;
mod rates;
mod refill;
mod scan;

pub use error::Error;
pub use model::{
    CoreSample, CpuTimes, DiskSample, HostSample, InterfaceSample, LoadSample, MemorySample,
    OverLimit, PagingSample, ProcessSample, SystemSample, Traffic,
};
pub use options::{HostOptions, NameFilter};
pub use rates::{CpuShares, DiskRates, process_cpu_ratio};
pub use reader::HostReader;
pub use view::HostMetrics;

/// The categories that cannot be read on this system; none on Linux.
pub fn unsupported() -> &'static [&'static str] {
    os::UNSUPPORTED
}
