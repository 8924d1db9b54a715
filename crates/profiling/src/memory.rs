//! What the process's memory is used for, over time.

mod jemalloc;
mod options;
mod ring;
mod snapshot;
mod system;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use perf_monitor_core::Lock;

use crate::Error;
use crate::heap::{self, HeapProfile, SamplingOptions};
use ring::Ring;

#[cfg(feature = "jemalloc")]
#[doc(hidden)]
pub use jemalloc::JemallocConf;
pub use options::MemoryProfilerOptions;
pub use ring::MemoryProfilerStats;
pub use snapshot::{MemoryGrowth, MemorySnapshot, MemorySource};

/// Takes snapshots of the process's memory, and keeps the last of them.
///
/// What a snapshot has depends on the program's allocator ([`MemorySource`]): with jemalloc (feature
/// `jemalloc`) its statistics; with [`TrackedAlloc`](crate::TrackedAlloc) the bytes that are allocated; with
/// any, what the system tells. What is not known is `None`. While stacks are sampled
/// ([`start_sampling`](MemoryProfiler::start_sampling)), each snapshot has a heap profile.
///
/// ```
/// use perf_monitor_profiling::MemoryProfiler;
///
/// # async fn snapshots() -> Result<(), perf_monitor_profiling::Error> {
/// let profiler = MemoryProfiler::new();
/// let before = profiler.collect_snapshot().await?;
/// let kept = vec![1_u8; 4 << 20];
/// let after = profiler.collect_snapshot().await?;
/// println!("{:?} bytes more are resident", after.growth_since(&before).resident);
/// # drop(kept);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryProfiler {
    options: MemoryProfilerOptions,
    ring: Lock<Ring>,
}

impl MemoryProfiler {
    /// A profiler with default options and no snapshots yet.
    pub fn new() -> MemoryProfiler {
        MemoryProfiler::default()
    }

    /// A profiler with other options.
    pub fn with_options(options: MemoryProfilerOptions) -> MemoryProfiler {
        MemoryProfiler { options, ring: Lock::default() }
    }

    /// The options.
    pub fn options(&self) -> &MemoryProfilerOptions {
        &self.options
    }

    /// Takes a snapshot, keeps it, and gives it back.
    ///
    /// It does not wait for anything but its own reading of files, which takes some ten microseconds; with
    /// jemalloc's heap profiler active, and its dump, some milliseconds.
    ///
    /// # Errors
    /// Those of [`collect_snapshot_blocking`](MemoryProfiler::collect_snapshot_blocking).
    pub async fn collect_snapshot(&self) -> Result<MemorySnapshot, Error> {
        self.collect_snapshot_blocking()
    }

    /// The same outside of async code.
    ///
    /// # Errors
    /// The allocator's heap profiler is active, and its dump fails or cannot be read. What the system does
    /// not tell is `None`, not an error.
    pub fn collect_snapshot_blocking(&self) -> Result<MemorySnapshot, Error> {
        let snapshot = self.taken()?;
        // Outside of the lock: what is dropped or cloned may be large.
        let (kept, limits) = (snapshot.clone(), &self.options);
        let dropped = self.ring.lock().push(kept, limits.snapshots, limits.bytes);
        drop(dropped);
        Ok(snapshot)
    }

    /// Whether the interval has passed since the last snapshot: a ticking thread asks this.
    pub fn is_due(&self, now: Instant) -> bool {
        let last = self.ring.lock().last_taken();
        last.is_none_or(|last| now.saturating_duration_since(last) >= self.options.interval)
    }

    /// The snapshots that are kept, the oldest first.
    pub fn snapshots(&self) -> Vec<MemorySnapshot> {
        self.ring.lock().snapshots()
    }

    /// What grew from the oldest snapshot that is kept to the newest; `None` with less than two.
    pub fn growth(&self) -> Option<MemoryGrowth> {
        let snapshots = self.snapshots();
        let [earlier, .., later] = &*snapshots else { return None };
        Some(later.growth_since(earlier))
    }

    /// What is kept, and what was dropped for the limits.
    pub fn stats(&self) -> MemoryProfilerStats {
        self.ring.lock().stats()
    }

    /// Samples the stacks of allocations from here on, by jemalloc's heap profiler or by
    /// [`heap::start_sampling`].
    ///
    /// Of jemalloc it sets `prof.active`; how often it samples was set when the program started, so
    /// `options` do not reach it.
    ///
    /// # Errors
    /// [`Error::Unsupported`], with what would do it: the program's allocator is neither, jemalloc was built
    /// or configured without its heap profiler, or there is no sampler for this system.
    pub fn start_sampling(&self, options: SamplingOptions) -> Result<MemorySource, Error> {
        match self.source() {
            MemorySource::Jemalloc => jemalloc::set_active(true)?,
            MemorySource::TrackedAlloc => heap::start_sampling(options)?,
            MemorySource::System => return Err(Error::Unsupported(jemalloc::NO_ALLOCATOR)),
        }
        Ok(self.source())
    }

    /// Samples no more. What jemalloc sampled stays in its profile until the program ends.
    ///
    /// # Errors
    /// jemalloc refuses.
    pub fn stop_sampling(&self) -> Result<(), Error> {
        match self.source() {
            MemorySource::Jemalloc => jemalloc::set_active(false),
            MemorySource::TrackedAlloc | MemorySource::System => {
                heap::stop_sampling();
                Ok(())
            }
        }
    }

    /// The heap profile of now.
    ///
    /// # Errors
    /// [`Error::ProfilerNotStarted`] before sampling was started; [`Error::Unsupported`] as
    /// [`start_sampling`](MemoryProfiler::start_sampling); the dump fails or cannot be read.
    pub fn heap_profile(&self) -> Result<HeapProfile, Error> {
        match self.source() {
            MemorySource::Jemalloc => jemalloc::profile(),
            MemorySource::TrackedAlloc => heap::profile(),
            MemorySource::System => Err(Error::Unsupported(jemalloc::NO_ALLOCATOR)),
        }
    }

    /// Where snapshots come from in this program; found out once.
    pub fn source(&self) -> MemorySource {
        if jemalloc::is_used() {
            return MemorySource::Jemalloc;
        }
        match heap::is_global() {
            true => MemorySource::TrackedAlloc,
            false => MemorySource::System,
        }
    }

    fn taken(&self) -> Result<MemorySnapshot, Error> {
        let source = self.source();
        let system = system::Reader::new(&self.options.root).read();
        let blank = MemorySnapshot::new(Instant::now(), SystemTime::now(), source, system);
        let heap_profile = self.profile_if_on(source)?;
        let blank = MemorySnapshot { heap_profile, notes: jemalloc::notes(), ..blank };
        Ok(match source {
            MemorySource::Jemalloc => jemalloc::fill(blank)?,
            MemorySource::TrackedAlloc => {
                let counts = heap::counts();
                MemorySnapshot {
                    allocated: Some(counts.live_bytes()),
                    allocations: Some(counts),
                    ..blank
                }
            }
            MemorySource::System => blank,
        })
    }

    fn profile_if_on(&self, source: MemorySource) -> Result<Option<Arc<HeapProfile>>, Error> {
        let is_on = match source {
            _ if !self.options.profiles => false,
            MemorySource::Jemalloc => jemalloc::is_active(),
            MemorySource::TrackedAlloc => heap::sampling_stats().interval_bytes.is_some(),
            MemorySource::System => false,
        };
        if !is_on {
            return Ok(None);
        }
        match self.heap_profile() {
            Ok(profile) => Ok(Some(Arc::new(profile))),
            Err(Error::ProfilerNotStarted) => Ok(None), // stopped meanwhile
            Err(error) => Err(error),
        }
    }
}
