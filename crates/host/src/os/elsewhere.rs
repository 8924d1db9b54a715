//! Systems without a reader of their own: a clock, and the word that the rest is missing.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use super::ContextSwitches;

/// What cannot be read on this system: everything.
pub(crate) const UNSUPPORTED: &[&str] = &["process", "cpu", "memory", "disks", "network"];

/// Nanoseconds since the first call.
pub(crate) fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// Unknown here.
pub(crate) fn process_cpu_ns() -> Option<u64> {
    None
}

/// Unknown here.
pub(crate) fn max_fds() -> Option<u64> {
    None
}

/// The page of the kernel whose files are read from an injected root.
pub(crate) fn page_bytes() -> u64 {
    4096
}

/// The tick of the kernel whose files are read from an injected root.
pub(crate) fn tick_ns() -> u64 {
    10_000_000
}

/// Unknown here.
pub(crate) fn context_switches() -> Option<ContextSwitches> {
    None
}

/// Counts no descriptors.
pub(crate) struct OpenFds;

impl OpenFds {
    pub(crate) fn new(_root: &Path) -> Self {
        OpenFds
    }

    pub(crate) fn forget(&mut self) {}

    pub(crate) fn count(&mut self, _now_ns: u64) -> Option<u64> {
        None
    }
}
