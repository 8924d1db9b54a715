//! Whether a collector takes what it is sent.

use std::sync::Arc;

use perf_monitor_core::Lock;

/// The longest text of a failure that is kept, in bytes.
const LONGEST: usize = 300;

/// Whether the collector takes what it is sent, for whoever asks; clones tell the same.
#[derive(Clone, Debug)]
pub struct OtlpHealth {
    signals: Arc<[Lock<State>; 2]>,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Unknown,
    Taken,
    Failed(Box<str>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

impl Default for OtlpHealth {
    fn default() -> OtlpHealth {
        OtlpHealth { signals: Arc::new([const { Lock::new(State::Unknown) }; 2]) }
    }
}

impl OtlpHealth {
    /// Whether the last requests were taken; `None` before there was any.
    pub fn is_delivering(&self) -> Option<bool> {
        let states = self.signals.each_ref().map(|state| state.lock().clone());
        if states.iter().any(|state| matches!(state, State::Failed(_))) {
            return Some(false);
        }
        states.iter().any(|state| matches!(state, State::Taken)).then_some(true)
    }

    /// What the last request failed for, of spans rather than of metrics, in words; `None` if none did.
    pub fn failure(&self) -> Option<String> {
        self.signals.iter().find_map(|state| match &*state.lock() {
            State::Failed(why) => Some(why.to_string()),
            _ => None,
        })
    }

    pub(crate) fn taken(&self, signal: Signal) {
        *self.signals[signal as usize].lock() = State::Taken;
    }

    pub(crate) fn failed(&self, signal: Signal, why: &str) {
        let fits = (0..=LONGEST.min(why.len())).rev().find(|end| why.is_char_boundary(*end));
        *self.signals[signal as usize].lock() = State::Failed(why[..fits.unwrap_or(0)].into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_request_of_each_kind_counts() {
        let health = OtlpHealth::default();
        assert_eq!((health.is_delivering(), health.failure()), (None, None));
        health.taken(Signal::Metrics);
        assert_eq!(health.clone().is_delivering(), Some(true));
        health.failed(Signal::Traces, "no");
        assert_eq!((health.is_delivering(), health.failure()), (Some(false), Some("no".into())));
        health.taken(Signal::Traces);
        assert_eq!((health.is_delivering(), health.failure()), (Some(true), None));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let health = OtlpHealth::default();
        health.failed(Signal::Traces, &format!("x{}", "\u{20ac}".repeat(1_000)));
        assert_eq!(health.failure().unwrap().len(), 298);
    }
}
