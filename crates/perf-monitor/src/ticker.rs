//! What happens at every tick.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_core::Registry;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::health::Health;
use crate::lease::Lease;
use crate::own::{Failures, Own};
use crate::pace::Pace;

/// Collects, closes the registry's window and measures what that costs, once a tick.
pub(crate) struct Ticker {
    pub(crate) pace: Pace,
    pub(crate) registry: Registry,
    pub(crate) lease: Lease,
    pub(crate) own: Own,
    pub(crate) failures: Failures,
    /// What brings metrics up to date, before the window closes.
    pub(crate) collectors: Vec<Part>,
    /// What looks at the closed window.
    pub(crate) readers: Vec<Part>,
    pub(crate) health: Arc<Health>,
}

/// Something to do at every tick.
pub(crate) struct Part {
    /// Its name where its failures are counted.
    pub(crate) name: &'static str,
    /// Whether one monitor does it for all that share a registry.
    pub(crate) once_per_registry: bool,
    pub(crate) work: Box<dyn FnMut() + Send>,
}

impl Ticker {
    /// Collects once, so that the first scrape sees this machine; the window stays open.
    pub(crate) fn begin(&mut self) {
        self.collect();
        self.health.ticked();
    }

    /// Ticks for ever, at another pace as soon as it changes. A tick that is late does not move those after it;
    /// one that was missed is left out.
    pub(crate) async fn run(&mut self) -> Infallible {
        let mut pace = self.pace.follow();
        loop {
            let every = *pace.borrow_and_update();
            let mut due = interval_at(Instant::now() + every, every);
            due.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                tokio::select! {
                    // the ticker has the sender too
                    _ = pace.changed() => break,
                    planned = due.tick() => self.tick(planned.elapsed()),
                }
            }
        }
    }

    fn tick(&mut self, lag: Duration) {
        let begun = Instant::now();
        self.collect();
        if self.lease.is_mine() {
            guard(&self.failures, "registry", || self.registry.tick());
        }
        for part in &mut self.readers {
            guard(&self.failures, part.name, &mut part.work);
        }
        self.own.ticked(begun.elapsed(), lag);
        self.health.ticked();
    }

    fn collect(&mut self) {
        let for_all = self.lease.is_mine();
        for part in &mut self.collectors {
            if for_all || !part.once_per_registry {
                guard(&self.failures, part.name, &mut part.work);
            }
        }
        guard(&self.failures, "own", || self.own.collect());
    }
}

/// Runs `work`; a panic is counted as a failure of `part` and goes no further.
fn guard(failures: &Failures, part: &str, work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        failures.count(part);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use perf_monitor_core::{MetricsCollector, Value};

    use super::*;

    #[test]
    fn a_part_that_panics_is_counted_and_the_others_go_on() {
        let registry = Registry::new();
        let own = Own::new(&registry, "test").unwrap();
        let (seen, ran) = channel();
        let part =
            |name, work: Box<dyn FnMut() + Send>| Part { name, once_per_registry: false, work };
        let mut ticker = Ticker {
            pace: Pace::new(Duration::from_secs(1)),
            lease: Lease::of(&MetricsCollector::new(&registry).unwrap()),
            failures: own.failures.clone(),
            own,
            collectors: vec![
                part("host", Box::new(|| panic!("a part that fails, for a test"))),
                part("listener", Box::new(move || seen.send(()).unwrap())),
            ],
            readers: Vec::new(),
            health: Arc::new(Health::new(Pace::new(Duration::from_secs(1)))),
            registry: registry.clone(),
        };
        (0..3).for_each(|_| ticker.tick(Duration::ZERO));
        assert_eq!(ran.try_iter().count(), 3);
        assert_eq!(registry.window().ticks, 3);
        let snapshot = registry.snapshot();
        let failed = snapshot.value("perf_monitor_errors_total", &[("part", "host")]);
        assert!(matches!(failed, Some(Value::Counter(3))), "{failed:?}");
    }
}
