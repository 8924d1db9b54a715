//! Latencies of the last minute: the seed's `LatencyTracker`.

use crate::arena::Slabs;
use crate::atomic::by_index;
use crate::average::Weights;
use crate::budget::Account;
use crate::clock::Clock;
use crate::distribution::{AVERAGE, COUNT, Distribution, FAILED, Record};
use crate::sync::Lock;
use crate::window::Window;
use crate::{HistogramValue, Layout, Unit, local};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most that one latency adds to the sum, 104 days: a broken clock shall not wrap it.
const LONGEST_NS: u64 = 1 << 53;

/// Percentiles of the latencies in a window, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LatencyPercentiles {
    /// Half of the latencies were at or below this.
    pub p50: u64,
    /// 90 % were.
    pub p90: u64,
    /// 95 % were.
    pub p95: u64,
    /// 99 % were.
    pub p99: u64,
    /// 99.9 % were.
    pub p999: u64,
    /// The longest.
    pub max: u64,
    /// The mean.
    pub mean: f64,
}

impl LatencyPercentiles {
    /// The percentiles of `value`, whose cells are in microseconds. Each is the highest value of
    /// its HDR cell, as HdrHistogram answers, but never above the longest latency.
    pub fn of(value: &HistogramValue) -> LatencyPercentiles {
        let at = |q| value.value_at_quantile(q).min(value.max);
        LatencyPercentiles {
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: value.max,
            mean: value.mean(Unit::Microseconds),
        }
    }
}

/// Latencies in microseconds, exact to three digits from 1 µs to a minute, with percentiles of
/// the last 60 seconds.
///
/// The window is kept as six parts of ten seconds. A monitor's tick ends them in time; a tracker
/// that is used alone ends them when it is read or [ticked](Self::tick), and takes what it got
/// since it was last asked as recent. Clones share the window.
///
/// ```
/// let latency = perf_monitor_core::LatencyTracker::new();
/// for us in 1..=1_000 {
///     latency.record(us);
/// }
/// assert_eq!(latency.get_percentiles().p99, 990);
/// ```
#[derive(Clone)]
pub struct LatencyTracker {
    core: Arc<TrackerCore>,
}

pub(crate) struct TrackerCore {
    pub(crate) cells: Distribution,
    state: Lock<State>,
    clock: Clock,
}

struct State {
    window: Window,
    weights: Weights,
}

impl Default for LatencyTracker {
    fn default() -> Self {
        LatencyTracker::new()
    }
}

impl LatencyTracker {
    /// A tracker of its own, which is in no registry.
    pub fn new() -> LatencyTracker {
        LatencyTracker::with_clock(Clock::default())
    }

    /// The same with a clock for its window.
    pub fn with_clock(clock: Clock) -> LatencyTracker {
        LatencyTracker { core: Arc::new(TrackerCore::new(clock, None)) }
    }

    /// Records a latency in microseconds. 0 is a latency; one above 60,000,000 is recorded as that
    /// and counted, and taken as it is by the sum and the average.
    ///
    /// # Cost
    /// `latency/record`: plain adds to cells that only this thread writes.
    #[inline]
    pub fn record(&self, latency_us: u64) {
        if latency_us > Layout::LATENCY.highest() {
            return self.core.record_long(latency_us.saturating_mul(1_000), false);
        }
        self.core.record(latency_us, latency_us * 1_000, false);
    }

    /// Percentiles, longest and mean of the last 60 seconds; zeroes when nothing was recorded.
    ///
    /// # Cost
    /// A load for each cell in use, for each thread that recorded: tens of microseconds.
    pub fn get_percentiles(&self) -> LatencyPercentiles {
        LatencyPercentiles::of(&self.core.recent())
    }

    /// The distribution of the last 60 seconds.
    pub fn recent(&self) -> HistogramValue {
        self.core.recent()
    }

    /// Everything since the tracker was made.
    pub fn value(&self) -> HistogramValue {
        self.core.cells.value(&local::arena().read())
    }

    /// The moving average in nanoseconds, by the seed's formula, as
    /// [`AtomicMetrics::avg_latency`](crate::AtomicMetrics::avg_latency).
    pub fn avg_latency(&self) -> f64 {
        self.core.average_ns()
    }

    /// How many latencies were above a minute, and were recorded as a minute.
    pub fn clamped(&self) -> u64 {
        self.core.cells.clamped()
    }

    /// Ends parts of the window whose time is over.
    pub fn tick(&self) {
        self.core.tick();
    }
}

impl std::fmt::Debug for LatencyTracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LatencyTracker").field(&self.get_percentiles()).finish()
    }
}

impl TrackerCore {
    pub(crate) fn new(clock: Clock, account: Option<Account>) -> TrackerCore {
        let state = State { window: Window::new(clock.now_ns()), weights: Weights::default() };
        TrackerCore {
            cells: Distribution::new(local::arena(), Layout::LATENCY, Unit::Nanoseconds, account),
            state: Lock::new(state),
            clock,
        }
    }

    /// Records a latency of `us` microseconds, a minute at most; `ns` is what sum and average take
    /// of it.
    #[inline(always)]
    pub(crate) fn record(&self, us: u64, ns: u64, failed: bool) {
        let cells = &self.cells;
        match local::own_cell(cells.id()) {
            Some(own) => {
                let record = Record { layout: Layout::LATENCY, value: us, sum: ns, failed };
                cells.record_own::<true>(own, record);
            }
            None => cells.record_cold::<true>(us, ns, failed),
        }
    }

    /// Records a latency of more than a minute.
    #[cold]
    #[inline(never)]
    pub(crate) fn record_long(&self, ns: u64, failed: bool) {
        self.cells.count_clamped();
        self.record(Layout::LATENCY.highest(), ns.min(LONGEST_NS), failed);
    }

    pub(crate) fn recent(&self) -> HistogramValue {
        let mut state = self.state.lock();
        state.window.advance(self.clock.now_ns(), &self.cells);
        state.window.value(&self.cells)
    }

    pub(crate) fn average_ns(&self) -> f64 {
        let state = self.state.lock();
        let slabs = local::arena().read();
        let parts = self.cells.parts(&slabs).map(|(index, part)| {
            (index, count(part), f64::from_bits(part[AVERAGE].load(Ordering::Relaxed)))
        });
        state.weights.mean(parts)
    }

    pub(crate) fn tick(&self) {
        let mut state = self.state.lock();
        state.window.advance(self.clock.now_ns(), &self.cells);
        let counts = self.counts(&local::arena().read());
        state.weights.tick(counts);
    }

    fn counts(&self, slabs: &Slabs<'_>) -> Vec<u64> {
        by_index(self.cells.parts(slabs).map(|(index, part)| (index, count(part))))
    }

    pub(crate) fn window_bytes(&self) -> usize {
        self.state.lock().window.bytes()
    }
}

fn count(part: &[AtomicU64]) -> u64 {
    part[COUNT].load(Ordering::Relaxed) + part[FAILED].load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_window_slides_by_ten_seconds_and_forgets_after_sixty() {
        let (clock, hand) = Clock::fake();
        let tracker = LatencyTracker::with_clock(clock);
        for second in 1..=180u64 {
            tracker.record(second);
            hand.advance(Duration::from_secs(1));
            tracker.tick();
            // The running part has `second % 10` records, the five before it ten each.
            let expected = second.min(50 + second % 10);
            assert_eq!((tracker.recent().count, tracker.recent().max), (expected, second));
        }
        hand.advance(Duration::from_secs(70));
        assert_eq!(tracker.get_percentiles(), LatencyPercentiles::default());
        assert_eq!(tracker.value().count, 180);
    }

    #[test]
    fn a_latency_above_a_minute_is_clamped_and_counted_never_dropped() {
        let tracker = LatencyTracker::new();
        for us in [0, 60_000_000, 60_000_001, u64::MAX] {
            tracker.record(us);
        }
        assert_eq!((tracker.value().count, tracker.clamped()), (4, 2));
        assert_eq!(tracker.get_percentiles().max, 60_000_000);
    }

    #[test]
    fn percentiles_are_those_of_hdrhistogram() {
        let tracker = LatencyTracker::new();
        let mut oracle = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
        for i in 0..50_000u64 {
            let us = (i * i * 7_919) % 9_999_991;
            tracker.record(us);
            oracle.record(us).unwrap();
        }
        let ours = tracker.get_percentiles();
        let theirs = |p| oracle.value_at_percentile(p).min(ours.max);
        assert_eq!(
            [ours.p50, ours.p90, ours.p95, ours.p99, ours.p999],
            [theirs(50.0), theirs(90.0), theirs(95.0), theirs(99.0), theirs(99.9)],
        );
        assert_eq!(tracker.value().to_hdr(), oracle);
        assert!((ours.mean / oracle.mean() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn one_thread_averages_by_the_seed_formula_to_the_bit() {
        let tracker = LatencyTracker::new();
        let mut expected = 0.0f64;
        for us in (0..5_000u64).map(|i| (i * 7_919) % 100_003) {
            tracker.record(us);
            expected = 0.1 * (us * 1_000) as f64 + (1.0 - 0.1) * expected;
        }
        assert_eq!(tracker.avg_latency().to_bits(), expected.to_bits());
    }
}
