//! Names of spans, with what is known of each.

use perf_monitor_core::{Counter, Histogram};

use crate::intern::Interner;
use crate::metrics::{Detail, Metrics};
use crate::sync::{AtomicU64, Ordering};

/// One name's metrics, with the limits that its spans are held against.
pub(crate) struct Name {
    pub(crate) durations: Histogram,
    pub(crate) errors: Counter,
    /// A span longer than this is slow: the live p99, once there are enough.
    pub(crate) slow_above: AtomicU64,
    /// The shorter of the slowest that are kept; 0 while there is room for more.
    pub(crate) slowest_above: AtomicU64,
    /// When the next root of this name may be sampled, in nanoseconds of the tracer.
    pub(crate) next_sample_ns: AtomicU64,
}

/// The name of all that found no room.
const OVERFLOW: &str = "overflow";

/// Durations that a name must have before its p99 means anything.
const ENOUGH: u64 = 100;

/// The names of a tracer. Number 0 is the overflow.
pub(crate) struct Names {
    texts: Interner<Name>,
}

impl Names {
    pub(crate) fn new(count: usize, bytes: usize, metrics: &Metrics) -> Names {
        let texts = Interner::new(count + 1, bytes);
        texts.resolve(OVERFLOW, |text| Name::new(text, metrics));
        Names { texts }
    }

    /// What the tables take for `count` names, beside their texts.
    pub(crate) const fn table_bytes(count: usize) -> usize {
        Interner::<Name>::table_bytes(count + 1)
    }

    /// The number of a name that lives as long as the program.
    #[inline(always)]
    pub(crate) fn of_static(&self, text: &'static str, metrics: &Metrics) -> u16 {
        match self.texts.seen(text) {
            Some(number) => number,
            None => self.of_static_cold(text, metrics),
        }
    }

    #[cold]
    #[inline(never)]
    fn of_static_cold(&self, text: &'static str, metrics: &Metrics) -> u16 {
        let number = self.texts.resolve_static(text, |text| Name::new(text, metrics));
        number.unwrap_or_else(|| overflow(metrics))
    }

    /// The number of any name.
    #[inline]
    pub(crate) fn of(&self, text: &str, metrics: &Metrics) -> u16 {
        let number = self.texts.resolve(text, |text| Name::new(text, metrics));
        number.unwrap_or_else(|| overflow(metrics))
    }

    #[inline(always)]
    pub(crate) fn get(&self, number: u16) -> &Name {
        match self.texts.value(number) {
            Some(name) => name,
            None => self.overflow(),
        }
    }

    #[cold]
    fn overflow(&self) -> &Name {
        self.texts.value(0).expect("the overflow is there from the start")
    }

    pub(crate) fn text(&self, number: u16) -> std::sync::Arc<str> {
        self.texts.text(number).cloned().unwrap_or_else(|| OVERFLOW.into())
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.texts.bytes()
    }

    /// Takes the p99 of each name from its durations.
    pub(crate) fn refresh(&self) {
        for (_, name) in self.texts.iter() {
            let durations = name.durations.value();
            if durations.count >= ENOUGH {
                name.slow_above.store(durations.value_at_quantile(0.99), Ordering::Relaxed);
            }
        }
    }
}

#[cold]
fn overflow(metrics: &Metrics) -> u16 {
    metrics.detail(Detail::Name).inc();
    0
}

impl Name {
    fn new(text: &str, metrics: &Metrics) -> Name {
        let durations = metrics.durations.try_with(&[text]).ok().flatten();
        let errors = metrics.errors.try_with(&[text]).ok().flatten();
        Name {
            durations: durations.unwrap_or_else(|| metrics.durations.overflow()),
            errors: errors.unwrap_or_else(|| metrics.errors.overflow()),
            slow_above: AtomicU64::new(u64::MAX),
            slowest_above: AtomicU64::new(0),
            next_sample_ns: AtomicU64::new(0),
        }
    }
}
