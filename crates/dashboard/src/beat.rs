//! Turns at a steady rate.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Ends a wait once each `period`, the first at once; what was missed is left out.
///
/// Of two timers, one for the turn after the next: a timer that is set becomes the nearest of its runtime otherwise, and
/// for that tokio wakes its own thread, by a write to a descriptor and another look at all of them, at each turn.
pub(crate) struct Beat {
    period: Duration,
    next: Pin<Box<Sleep>>,
    after: Pin<Box<Sleep>>,
}

impl Beat {
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn new(period: Duration) -> Beat {
        let now = Instant::now();
        let at = |at| Box::pin(sleep_until(at));
        Beat { period, next: at(now), after: at(now + period) }
    }

    /// The same from now on, at another rate.
    pub(crate) fn change(&mut self, period: Duration) {
        self.period = period;
        self.begin(Instant::now() + period);
    }

    fn begin(&mut self, first: Instant) {
        self.next.as_mut().reset(first);
        self.after.as_mut().reset(first + self.period);
    }

    /// Waits for the next turn. Dropping the future loses nothing.
    pub(crate) async fn turn(&mut self) {
        self.next.as_mut().await;
        let (due, now) = (self.next.deadline(), Instant::now());
        std::mem::swap(&mut self.next, &mut self.after);
        let missed = now.saturating_duration_since(due).as_nanos() / self.period.as_nanos().max(1);
        match u32::try_from(missed) {
            Ok(0) => self.after.as_mut().reset(due + 2 * self.period),
            Ok(missed) => self.begin(due + (missed + 1) * self.period),
            Err(_) => self.begin(now + self.period),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(20);

    #[tokio::test(start_paused = true)]
    async fn turns_come_in_time_and_missed_ones_do_not_come_at_all() {
        let begun = Instant::now();
        let mut beat = Beat::new(PERIOD);
        for turn in 0..50 {
            beat.turn().await;
            assert_eq!(begun.elapsed(), turn * PERIOD);
        }
        // Late, but not by a whole one: the next is in time.
        tokio::time::sleep(PERIOD + PERIOD / 2).await;
        beat.turn().await;
        assert_eq!(begun.elapsed(), 50 * PERIOD + PERIOD / 2);
        beat.turn().await;
        assert_eq!(begun.elapsed(), 51 * PERIOD);
        tokio::time::sleep(10 * PERIOD).await;
        beat.turn().await;
        assert_eq!(begun.elapsed(), 61 * PERIOD);
        beat.turn().await;
        assert_eq!(begun.elapsed(), 62 * PERIOD);
    }

    #[tokio::test(start_paused = true)]
    async fn another_rate_counts_from_its_change() {
        let mut beat = Beat::new(PERIOD);
        beat.turn().await;
        let changed = Instant::now();
        beat.change(3 * PERIOD);
        for turn in 1..5 {
            beat.turn().await;
            assert_eq!(changed.elapsed(), turn * 3 * PERIOD);
        }
    }
}
