//! What must survive the process: changes, appended to a file and brought to the disk.

mod file;
mod frame;

pub use file::Repair;

pub(crate) use file::{Loaded, Store};
