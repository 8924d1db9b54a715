//! Time: a fast clock for durations, and one that tests can set for everything else.

#[cfg(target_arch = "x86_64")]
mod tsc;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::wall;

/// A moment, to measure a duration from.
///
/// On x86-64, where the processor and the kernel both trust the time stamp counter, it is that
/// counter (about 9 ns to read on a virtual machine, where [`std::time::Instant`] takes 21);
/// elsewhere it is the system's monotonic clock.
///
/// ```
/// let start = perf_monitor_core::Instant::now();
/// let took_ns: u64 = start.elapsed_ns();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

static BACKWARDS: AtomicU64 = AtomicU64::new(0);

impl Instant {
    /// Now.
    #[inline(always)]
    pub fn now() -> Instant {
        #[cfg(target_arch = "x86_64")]
        if tsc::rate().is_some() {
            return Instant(tsc::read());
        }
        Instant(monotonic_ns())
    }

    /// Nanoseconds from this moment to now. A clock that went backwards counts as 0, and in
    /// [`clock_went_backwards`].
    #[inline(always)]
    pub fn elapsed_ns(self) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if let Some(rate) = tsc::rate() {
            return tsc::to_ns(positive(tsc::read().checked_sub(self.0)), rate);
        }
        positive(monotonic_ns().checked_sub(self.0))
    }

    /// Whole microseconds from this moment to now.
    #[inline(always)]
    pub fn elapsed_us(self) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if let Some(rate) = tsc::us_rate() {
            return tsc::to_us(positive(tsc::read().checked_sub(self.0)), rate);
        }
        self.elapsed_ns() / 1_000
    }

    /// Nanoseconds from `earlier` to this moment; 0, counted, if it is not earlier.
    #[inline(always)]
    pub fn ns_since(self, earlier: Instant) -> u64 {
        let delta = positive(self.0.checked_sub(earlier.0));
        #[cfg(target_arch = "x86_64")]
        if let Some(rate) = tsc::rate() {
            return tsc::to_ns(delta, rate);
        }
        delta
    }

    /// Nanoseconds from `earlier` to this moment; 0 if another thread's `earlier` is later.
    #[inline(always)]
    pub(crate) fn ns_after(self, earlier: Instant) -> u64 {
        if self.0 > earlier.0 { self.ns_since(earlier) } else { 0 }
    }

    /// As a number that only this process understands.
    pub(crate) fn ticks(self) -> u64 {
        self.0
    }

    /// The moment of [`ticks`](Self::ticks).
    pub(crate) fn of_ticks(ticks: u64) -> Instant {
        Instant(ticks)
    }

    /// The duration from this moment to now.
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(self.elapsed_ns())
    }
}

#[inline(always)]
fn positive(delta: Option<u64>) -> u64 {
    delta.unwrap_or_else(went_backwards)
}

#[cold]
fn went_backwards() -> u64 {
    BACKWARDS.fetch_add(1, Ordering::Relaxed);
    0
}

/// How often a duration came out negative and was taken as 0.
pub fn clock_went_backwards() -> u64 {
    BACKWARDS.load(Ordering::Relaxed)
}

/// Compares the fast clock with the system's, so that its rate does not drift; a tick does this.
pub(crate) fn refine() {
    #[cfg(target_arch = "x86_64")]
    tsc::refine();
}

fn monotonic_ns() -> u64 {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
}

/// The time by which ticks, windows and expiry go: the system's, or a test's.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Fake(Arc<AtomicU64>),
}

/// Moves the time of a fake [`Clock`].
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<AtomicU64>);

/// Where a fake clock's wall time begins: 2001-09-09T01:46:40Z.
const FAKE_EPOCH_NS: u64 = 1_000_000_000 * 1_000_000_000;

impl Clock {
    /// A clock that stands still until it is told otherwise.
    pub fn fake() -> (Clock, FakeClock) {
        let now = Arc::new(AtomicU64::new(0));
        (Clock(Source::Fake(now.clone())), FakeClock(now))
    }

    /// Nanoseconds since some moment in the past; never less than before.
    pub fn now_ns(&self) -> u64 {
        match &self.0 {
            Source::System => monotonic_ns(),
            Source::Fake(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Nanoseconds since the Unix epoch, as the system's clock tells it; when somebody sets that clock,
    /// this follows within 50 ms.
    ///
    /// # Cost
    /// A read of the fast clock; now and then a call of the system.
    pub fn unix_ns(&self) -> u64 {
        match &self.0 {
            Source::System => wall::unix_ns(),
            Source::Fake(now) => FAKE_EPOCH_NS + now.load(Ordering::SeqCst),
        }
    }
}

impl FakeClock {
    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_nanos() as u64, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_duration_is_zero_and_counted() {
        let before = clock_went_backwards();
        assert_eq!(Instant(5).ns_since(Instant(6)), 0);
        assert!(clock_went_backwards() > before);
    }

    #[test]
    fn the_fast_clock_agrees_with_the_system_clock() {
        let (fast, slow) = (Instant::now(), std::time::Instant::now());
        while slow.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        refine();
        // Read in the order slow, fast, slow: whatever the machine does in between, the fast
        // reading lies between the two, but for the error of its rate.
        let low = slow.elapsed().as_nanos() as f64;
        let measured = fast.elapsed_ns() as f64;
        let high = std::time::Instant::now().duration_since(slow).as_nanos() as f64;
        assert!(measured >= low * 0.999 && measured <= high * 1.001 + 100_000.0);
    }

    #[test]
    fn a_fake_clock_moves_only_when_told() {
        let (clock, hand) = Clock::fake();
        let (start, wall) = (clock.now_ns(), clock.unix_ns());
        hand.advance(Duration::from_secs(2));
        assert_eq!(clock.now_ns() - start, 2_000_000_000);
        assert_eq!(clock.unix_ns() - wall, 2_000_000_000);
    }
}
