//! Where a process spends its CPU time and its memory, cheap enough to stay on.

#![allow(dead_code)] // the samplers that fill reports come next

mod difference;
mod error;
mod maps;
mod report;
mod walk;

#[cfg(feature = "symbols")]
mod format;
#[cfg(feature = "symbols")]
mod symbols;

pub use difference::{Difference, Scale};
pub use error::Error;
#[cfg(feature = "symbols")]
pub use format::{Call, CallTree, Weight};
pub use maps::Module;
pub use report::{Filter, Node, Place, Report, Sample, ValueType};
#[cfg(feature = "symbols")]
pub use symbols::{Line, Names, names_of};
