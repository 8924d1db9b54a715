//! Where the profiles come from that are served.

use std::ops::Range;
use std::time::Duration;

use perf_monitor_profiling::{Error, Report};

/// Takes CPU profiles of this process.
///
/// One is taken at a time. Both calls, here and of [`CpuProfile`], are made on the runtime's blocking threads.
pub trait CpuSource: Send + Sync + 'static {
    /// Begins to sample, `hz` times a second of CPU time: 1 to 1,000.
    ///
    /// # Errors
    /// Somebody else samples already ([`Error::AlreadyStarted`], answered by 409), it cannot be had here
    /// ([`Error::Unsupported`], 501), or the system refuses it (503).
    fn start(&self, hz: u32) -> Result<Box<dyn CpuProfile>, Error>;

    /// The same, but a profile that somebody else takes is ended. Unless this is written, none can be.
    ///
    /// # Errors
    /// As those of [`start`](Self::start).
    fn start_by_force(&self, hz: u32) -> Result<Box<dyn CpuProfile>, Error> {
        self.start(hz)
    }

    /// What was seen in a time that began and ended so long ago, by a profile that is taken all the time; `None` if
    /// nothing of that time is kept.
    ///
    /// # Errors
    /// There is no such profile ([`Error::Unsupported`] says what would do it), which is the answer unless this is
    /// written.
    fn past(&self, ago: Range<Duration>) -> Result<Option<Report>, Error> {
        let _ = ago;
        Err(Error::Unsupported("no profile is taken all the time: what was before cannot be told"))
    }
}

/// A CPU profile that is being taken; to drop it ends it, which must not take long, as a client that leaves does so on
/// the listener's thread.
pub trait CpuProfile: Send + 'static {
    /// Ends it and gives what was measured.
    ///
    /// # Errors
    /// What was measured could not be had.
    fn stop(self: Box<Self>) -> Result<Report, Error>;
}

/// Tells what memory is in use, and what was allocated.
pub trait HeapSource: Send + Sync + 'static {
    /// What there is now, by stack: its last value is what [`HeapKind`] names, in bytes.
    ///
    /// It is called on the runtime's blocking threads.
    ///
    /// # Errors
    /// No allocator of this program can tell ([`Error::Unsupported`] says what would do it, and is answered by 501), or
    /// it failed.
    fn report(&self, kind: HeapKind) -> Result<Report, Error>;
}

/// Which memory is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeapKind {
    /// What is allocated and was not freed.
    InUse,
    /// All that was ever allocated.
    Allocated,
}
