//! Moments that all charts show.

use std::collections::VecDeque;
use std::time::SystemTime;

use serde::Serialize;

use crate::update::unix_ms;

/// Markers that are kept for clients that come, the newest.
const KEPT: usize = 32;

/// Bytes of a title.
const TITLE_BYTES: usize = 200;

/// What a [`Marker`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MarkerKind {
    /// An alert fired or resolved.
    Alert,
    /// A profile was taken.
    Profile,
}

/// A moment that all charts show, such as that an alert fired.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "marker")]
pub struct Marker {
    kind: MarkerKind,
    #[serde(serialize_with = "unix_ms")]
    at: SystemTime,
    title: String,
    state: &'static str,
    severity: Option<&'static str>,
}

impl Marker {
    /// A marker at `at`; of the title, what is beyond 200 bytes is cut off.
    pub fn new(kind: MarkerKind, at: SystemTime, title: impl Into<String>) -> Marker {
        let mut title = title.into();
        let cut = (0..=title.len().min(TITLE_BYTES)).rev().find(|end| title.is_char_boundary(*end));
        title.truncate(cut.unwrap_or(0));
        Marker { kind, at, title, state: "", severity: None }
    }

    /// What happened: `firing` or `resolved`, `captured` or `recorded`.
    pub fn state(mut self, state: &'static str) -> Marker {
        self.state = state;
        self
    }

    /// How bad it is.
    pub fn severity(mut self, severity: &'static str) -> Marker {
        self.severity = Some(severity);
        self
    }
}

/// The newest markers, and how many there have been.
#[derive(Default)]
pub(crate) struct Markers {
    newest: VecDeque<Marker>,
    count: u64,
}

impl Markers {
    /// Keeps it; how many there have been with it.
    pub(crate) fn push(&mut self, marker: Marker) -> u64 {
        if self.newest.len() == KEPT {
            self.newest.pop_front();
        }
        self.newest.push_back(marker);
        self.count += 1;
        self.count
    }

    /// Those after the first `told`, as far as they are kept, oldest first; and how many there have been.
    pub(crate) fn after(&self, told: u64) -> (Vec<Marker>, u64) {
        let new = (self.count - told).min(self.newest.len() as u64) as usize;
        let old = self.newest.len() - new;
        (self.newest.iter().skip(old).cloned().collect(), self.count)
    }

    pub(crate) fn bytes(&self) -> usize {
        let titles = self.newest.iter().map(|marker| marker.title.capacity());
        self.newest.capacity() * size_of::<Marker>() + titles.sum::<usize>()
    }
}
