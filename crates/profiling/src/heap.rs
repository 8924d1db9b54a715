//! What a program allocates, whatever its allocator is.
//!
//! [`TrackedAlloc`] stands around the program's allocator. It counts each allocation and each free, by
//! thread and by span; while sampling is on, it remembers where some of the allocations came from.
//!
//! ```
//! use perf_monitor_profiling::{TrackedAlloc, heap};
//! use std::alloc::System;
//!
//! #[global_allocator]
//! static ALLOCATOR: TrackedAlloc<System> = TrackedAlloc::new(System);
//!
//! fn main() {
//!     let before = heap::counts();
//!     let kept = vec![0_u8; 1_000_000];
//!     let grown = heap::counts().live_bytes() - before.live_bytes();
//!     assert!(grown >= 1_000_000);
//!     drop(kept);
//! }
//! ```
//!
//! All of it belongs to the process, as its allocator does: several [`TrackedAlloc`]s count into the same
//! cells, and a program that has none reads zeros, which [`is_global`] tells from a program that allocates
//! nothing.
//!
//! # Memory
//! The counters are 74 KB of zeroed statics, of which a thread touches its own part when it first allocates:
//! 128 bytes, and 1 KiB when it allocates in spans. Sampling takes [`SAMPLING_BYTES`] of private memory while
//! it is on and none after.

mod tracked;

mod cells;
mod counts;
mod exit;
mod local;

mod frames;
mod live;
mod poisson;
mod sampler;
mod sampling;
mod stacks;
mod tables;
mod tallies;

mod dump;
mod growth;
mod profile;

pub use counts::{
    AllocCounts, SpanHeap, ThreadHeap, ThreadHeaps, counts, is_global, spans, this_thread, threads,
};
pub use growth::HeapGrowth;
pub use profile::HeapProfile;
pub use sampling::{
    SAMPLING_BYTES, SamplingOptions, SamplingStats, profile, sampling_stats, start_sampling,
    stop_sampling,
};
pub use tracked::TrackedAlloc;
