//! The last samples that were taken within a trace.

use super::mapped::Zeroes;
use super::tally::Key;

/// Samples that are kept: 24 KiB, four seconds of two busy cores at 99 Hz, a minute at 19 Hz if a
/// quarter of a core is in traces.
pub(crate) const SAMPLES: usize = 768;

/// A ring, oldest first.
#[repr(C)]
pub(crate) struct Recent {
    samples: [InTrace; SAMPLES],
    next: usize,
    count: usize,
}

/// One sample.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InTrace {
    trace: [u64; 2],
    leaf: u16,
    span: u16,
    thread: u8,
    slice: u8,
    _unused: u16,
    time_us: u32,
}

// SAFETY: integers, arrays and structs of them.
unsafe impl Zeroes for Recent {}

impl Recent {
    pub(crate) fn add(&mut self, trace: u128, key: Key, time_us: u32) {
        let Key { leaf, thread, span, slice } = key;
        let trace = [(trace >> 64) as u64, trace as u64];
        self.samples[self.next] = InTrace { trace, leaf, span, thread, slice, _unused: 0, time_us };
        self.next = (self.next + 1) % SAMPLES;
        self.count = (self.count + 1).min(SAMPLES);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &InTrace> + '_ {
        self.samples[..self.count].iter().filter(|sample| sample.time_us != 0)
    }

    /// Forgets what `dropped` says so of.
    pub(crate) fn remove(&mut self, dropped: impl Fn(Key) -> bool) {
        for sample in &mut self.samples[..self.count] {
            if dropped(sample.key()) {
                sample.time_us = 0;
            }
        }
    }
}

impl InTrace {
    pub(crate) fn trace(&self) -> u128 {
        u128::from(self.trace[0]) << 64 | u128::from(self.trace[1])
    }

    /// What it is counted under in the tally.
    pub(crate) fn key(&self) -> Key {
        Key { leaf: self.leaf, thread: self.thread, span: self.span, slice: self.slice }
    }

    pub(crate) fn time_us(&self) -> u32 {
        self.time_us
    }
}
