//! How long an alert waits, holds and rests.

use std::time::Duration;

/// The times by which one rule's alerts move. Zero everywhere is the plainest rule: it fires at the
/// first look that finds its condition, and resolves at the first that does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// How long the condition must hold before the alert fires: Prometheus' `for`.
    pub hold: Duration,
    /// How long the condition must be gone before it resolves: `keep_firing_for`.
    pub keep_firing: Duration,
    /// The least time between two firings of one alert; until it is over, the alert stays pending.
    pub cooldown: Duration,
    /// When an alert counts as flapping; `None` for never.
    pub flapping: Option<Flapping>,
    /// What a look that finds no data means.
    pub no_data: NoData,
}

/// An alert that fires `fires` times `within` a time is flapping: it then resolves only after its
/// condition has been gone for `calm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// Firings that make it flap, at least 2 and at most 16.
    pub fires: u8,
    /// The time in which they are counted.
    pub within: Duration,
    /// How long a flapping alert must be quiet before it resolves.
    pub calm: Duration,
}

/// What a look that finds no data means for an alert that is pending or firing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoData {
    /// The alert stays as it is, and shows that it has no data. Time without data counts towards
    /// nothing.
    #[default]
    Keep,
    /// The same for this long; then it resolves, with the reason `no_data`.
    KeepFor(Duration),
    /// It is as if the condition were gone: what Prometheus does.
    Resolve,
}

impl Default for Flapping {
    /// Four firings in ten minutes; five minutes of calm.
    fn default() -> Flapping {
        Flapping { fires: 4, within: Duration::from_secs(600), calm: Duration::from_secs(300) }
    }
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            hold: Duration::ZERO,
            keep_firing: Duration::ZERO,
            cooldown: Duration::ZERO,
            flapping: Some(Flapping::default()),
            no_data: NoData::Keep,
        }
    }
}
