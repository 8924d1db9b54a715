//! What a profiler measured, for other programs and over HTTP.

mod json;
mod pprof;

mod output;
mod query;
mod source;

mod blocking;
mod turn;

mod cpu;
mod heap;
mod symbol;

mod router;
#[cfg(test)]
mod tests;

pub use json::call_tree_to_json;
pub use pprof::{difference_to_pprof, to_pprof};
pub use router::profile_router;
pub use source::{CpuProfile, CpuSource, HeapKind, HeapSource};
