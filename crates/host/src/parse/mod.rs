//! The formats of the kernel's files, each told by what it fills in.
//!
//! A parser takes any bytes without a panic: a line that is cut off, garbled or beyond `u64`
//! leaves its values unknown.

pub(crate) mod disks;
pub(crate) mod interfaces;
pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod stat;
