//! What is asked of the operating system by a call instead of a file.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

/// How often the threads of this process left a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContextSwitches {
    pub(crate) voluntary: u64,
    pub(crate) involuntary: u64,
}
