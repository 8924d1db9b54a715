//! What a profiler measured, for other programs and over HTTP.

mod json;
mod pprof;
#[cfg(test)]
mod tests;

pub use json::call_tree_to_json;
pub use pprof::{difference_to_pprof, to_pprof};
