//! Request totals and moving averages: the seed's `AtomicMetrics`.

use crate::arena::{OwnedBlock, Slabs};
use crate::average::Weights;
use crate::clock::Clock;
use crate::distribution::{ALPHA, move_shared, moved};
use crate::local;
use crate::slab::bump;
use crate::sync::Lock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SUCCESSFUL: usize = 0;
const FAILED: usize = 1;
const LATENCY_NS: usize = 2;
const AVERAGE: usize = 3;
const CELLS: usize = 4;

/// Totals of requests, and the moving averages of their latency and throughput.
///
/// The totals are exact over all threads. The latency's average is the seed's formula,
/// `0.1 * new + 0.9 * current` from 0, in nanoseconds: each thread keeps its own, and the answer
/// weighs them by what each recorded lately; with one thread it is the formula to the bit. The
/// throughput's is the same formula over the rate of each [`tick`](Self::tick).
///
/// ```
/// use perf_monitor_core::AtomicMetrics;
/// use std::time::Duration;
///
/// let metrics = AtomicMetrics::new();
/// metrics.record_request(Duration::from_millis(2), true);
/// assert_eq!(metrics.total_requests(), 1);
/// assert_eq!(metrics.avg_latency(), 0.1 * 2_000_000.0);
/// ```
#[derive(Debug)]
pub struct AtomicMetrics {
    block: OwnedBlock,
    shared: [AtomicU64; CELLS],
    ticks: Lock<Ticks>,
    clock: Clock,
}

#[derive(Debug)]
struct Ticks {
    weights: Weights,
    at_ns: u64,
    requests: u64,
    throughput: f64,
}

impl Default for AtomicMetrics {
    fn default() -> Self {
        AtomicMetrics::new()
    }
}

impl AtomicMetrics {
    /// Totals that begin at 0.
    pub fn new() -> AtomicMetrics {
        AtomicMetrics::with_clock(Clock::default())
    }

    /// The same with a clock for the throughput's ticks.
    pub fn with_clock(clock: Clock) -> AtomicMetrics {
        let ticks = Ticks {
            weights: Weights::default(),
            at_ns: clock.now_ns(),
            requests: 0,
            throughput: 0.0,
        };
        AtomicMetrics {
            block: OwnedBlock::new(local::arena(), CELLS),
            shared: Default::default(),
            ticks: Lock::new(ticks),
            clock,
        }
    }

    /// Records a request that took `latency` and ended well or not.
    ///
    /// # Cost
    /// Part of `request/record`: three plain adds and a step of the average, in cells that only
    /// this thread writes.
    #[inline]
    pub fn record_request(&self, latency: Duration, success: bool) {
        let ns = duration_ns(latency);
        match local::own_cell(self.block.id()) {
            Some(own) => record_own(own, ns, success),
            None => self.record_cold(ns, success),
        }
    }

    #[cold]
    #[inline(never)]
    fn record_cold(&self, ns: u64, success: bool) {
        match local::claim(self.block.id(), true) {
            Some(own) => record_own(own, ns, success),
            None => {
                self.shared[LATENCY_NS].fetch_add(ns, Ordering::Relaxed);
                move_shared(&self.shared[AVERAGE], ns as f64);
                self.shared[outcome(success)].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// All requests.
    pub fn total_requests(&self) -> u64 {
        let slabs = local::arena().read();
        self.sum(SUCCESSFUL, &slabs) + self.sum(FAILED, &slabs)
    }

    /// Requests that ended well.
    pub fn successful_requests(&self) -> u64 {
        self.sum(SUCCESSFUL, &local::arena().read())
    }

    /// Requests that did not.
    pub fn failed_requests(&self) -> u64 {
        self.sum(FAILED, &local::arena().read())
    }

    /// The sum of all latencies in nanoseconds.
    pub fn total_latency_ns(&self) -> u64 {
        self.sum(LATENCY_NS, &local::arena().read())
    }

    /// The moving average of the latency in nanoseconds; 0 before the first request.
    pub fn avg_latency(&self) -> f64 {
        let slabs = local::arena().read();
        let parts = self.parts(&slabs).map(|(index, part)| {
            (index, count(part), f64::from_bits(part[AVERAGE].load(Ordering::Relaxed)))
        });
        self.ticks.lock().weights.mean(parts)
    }

    /// The moving average of the requests per second, over the ticks so far; 0 before the first.
    pub fn avg_throughput(&self) -> f64 {
        self.ticks.lock().throughput
    }

    /// Closes a tick. Whoever owns the metrics calls this at its own pace, about once a second.
    pub fn tick(&self) {
        let now_ns = self.clock.now_ns();
        let counts: Vec<u64> = {
            let slabs = local::arena().read();
            by_index(self.parts(&slabs).map(|(index, part)| (index, count(part))))
        };
        let requests: u64 = counts.iter().sum();
        let mut ticks = self.ticks.lock();
        ticks.weights.tick(counts);
        if now_ns > ticks.at_ns {
            let seconds = (now_ns - ticks.at_ns) as f64 * 1e-9;
            let rate = requests.saturating_sub(ticks.requests) as f64 / seconds;
            ticks.throughput = ALPHA * rate + (1.0 - ALPHA) * ticks.throughput;
            (ticks.at_ns, ticks.requests) = (now_ns, requests);
        }
    }

    fn sum(&self, at: usize, slabs: &Slabs<'_>) -> u64 {
        let load = |part: &[AtomicU64]| part[at].load(Ordering::Relaxed);
        self.parts(slabs).fold(0, |sum, (_, part)| sum.wrapping_add(load(part)))
    }

    /// The cells that threads share, then those of each slab, by an index that stays.
    fn parts<'a>(&'a self, slabs: &'a Slabs<'_>) -> impl Iterator<Item = (usize, &'a [AtomicU64])> {
        let own = slabs.iter().map(|slab| slab.block(self.block.id()));
        let all = std::iter::once(Some(&self.shared[..])).chain(own);
        all.enumerate().filter_map(|(index, part)| Some((index, part?)))
    }
}

/// The calling thread's record; `first` is its first cell of the block.
#[inline(always)]
fn record_own(first: &AtomicU64, ns: u64, success: bool) {
    // SAFETY: the block has `CELLS` cells, which lie in one page.
    let own = unsafe { &*std::ptr::from_ref(first).cast::<[AtomicU64; CELLS]>() };
    bump(&own[outcome(success)], 1);
    bump(&own[LATENCY_NS], ns);
    let average = f64::from_bits(own[AVERAGE].load(Ordering::Relaxed));
    own[AVERAGE].store(moved(average, ns as f64).to_bits(), Ordering::Relaxed);
}

#[inline(always)]
fn outcome(success: bool) -> usize {
    if success { SUCCESSFUL } else { FAILED }
}

fn count(part: &[AtomicU64]) -> u64 {
    part[SUCCESSFUL].load(Ordering::Relaxed) + part[FAILED].load(Ordering::Relaxed)
}

/// Values at their indices, with 0 in the gaps.
pub(crate) fn by_index(pairs: impl Iterator<Item = (usize, u64)>) -> Vec<u64> {
    let mut values = Vec::new();
    for (index, value) in pairs {
        values.resize(index, 0);
        values.push(value);
    }
    values
}

/// Nanoseconds, capped at 2^64 - 1 (584 years).
#[inline(always)]
pub(crate) fn duration_ns(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_averages_by_the_seed_formula_to_the_bit() {
        let metrics = AtomicMetrics::new();
        let mut expected = 0.0f64;
        for i in 0..10_000u64 {
            let ns = (i * 7_919) % 1_000_003;
            metrics.record_request(Duration::from_nanos(ns), i % 3 == 0);
            expected = 0.1 * ns as f64 + (1.0 - 0.1) * expected;
            if i % 100 == 0 {
                metrics.tick();
                assert_eq!(metrics.avg_latency().to_bits(), expected.to_bits());
            }
        }
        assert_eq!(metrics.total_requests(), 10_000);
        assert_eq!(metrics.successful_requests(), 3_334);
        assert_eq!(metrics.failed_requests(), 6_666);
    }

    #[test]
    fn throughput_moves_by_the_rate_of_each_tick() {
        let (clock, hand) = Clock::fake();
        let metrics = AtomicMetrics::with_clock(clock);
        let mut expected = 0.0;
        for requests in [100u32, 0, 50] {
            for _ in 0..requests {
                metrics.record_request(Duration::from_nanos(1), true);
            }
            hand.advance(Duration::from_secs(2));
            metrics.tick();
            expected = 0.1 * (f64::from(requests) / 2.0) + (1.0 - 0.1) * expected;
            assert_eq!(metrics.avg_throughput(), expected);
        }
    }
}
