//! Reports written for people and other programs.

mod collapsed;
#[cfg(feature = "flamegraph")]
mod color;
#[cfg(feature = "flamegraph")]
mod flamegraph;
#[cfg(test)]
mod tests;
mod tree;

pub use tree::{Call, CallTree, Weight};
