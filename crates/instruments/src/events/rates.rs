//! Events per second, from one tick to the next.

/// The last closed window.
pub(super) struct Rates {
    /// When it was closed.
    at_ns: u64,
    /// All events until then.
    total: u64,
    per_s: Option<f64>,
}

impl Rates {
    pub(super) fn new(now_ns: u64) -> Rates {
        Rates { at_ns: now_ns, total: 0, per_s: None }
    }

    /// Closes the window, unless the clock stood still.
    pub(super) fn tick(&mut self, now_ns: u64, total: u64) {
        if now_ns > self.at_ns {
            let seconds = (now_ns - self.at_ns) as f64 * 1e-9;
            let per_s = total.saturating_sub(self.total) as f64 / seconds;
            *self = Rates { at_ns: now_ns, total, per_s: Some(per_s) };
        }
    }

    pub(super) fn per_s(&self) -> Option<f64> {
        self.per_s
    }
}
