//! The figures of each worker of a runtime.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::tokio::runtime::RuntimeMetrics;
use perf_monitor_core::{Desc, Error, Family, Gauge, ObservedCounter, Registry, Unit};

/// Workers of a runtime that have series of their own.
const MOST: usize = 256;

/// The number of the next worker, in whatever runtime of the registry.
struct Next(AtomicUsize);

/// Takes as many numbers as there are workers, and gives the first of them.
fn numbers(workers: usize, registry: &Registry) -> usize {
    let next = registry.companion(|| Ok::<_, Infallible>(Next(AtomicUsize::new(0))));
    next.unwrap_or_else(|never| match never {}).0.fetch_add(workers, Ordering::Relaxed)
}

pub(super) struct Workers {
    each: Vec<Worker>,
    busy_ratios: Family<Gauge>,
    /// When the last look was.
    looked_ns: Option<u64>,
}

struct Worker {
    name: String,
    busy: ObservedCounter,
    parks: ObservedCounter,
    parked: Gauge,
    /// Its busy time at the last look.
    busy_ns: u64,
}

impl Workers {
    pub(super) fn new(workers: usize, registry: &Registry) -> Result<Workers, Error> {
        let desc = |name, help, unit| Desc::new(name, help).unit(unit);
        let busy = desc(
            "tokio_worker_busy_seconds_total",
            "Time that the worker spent with tasks.",
            Unit::Nanoseconds,
        );
        let parks = desc(
            "tokio_worker_parks_total",
            "Times that the worker had nothing to do and went to sleep.",
            Unit::None,
        );
        let parked = desc("tokio_worker_parked", "Whether the worker sleeps.", Unit::None);
        let ratio = desc(
            "tokio_worker_busy_ratio",
            "Share of the time that the worker spent with tasks, lately.",
            Unit::Ratio,
        );
        let (busy, parks) = (
            registry.observed_counter_family(busy, &["worker"])?,
            registry.observed_counter_family(parks, &["worker"])?,
        );
        let parked = registry.gauge_family(parked, &["worker"])?;
        let workers = workers.min(MOST);
        let first = numbers(workers, registry);
        let worker = |index: usize| {
            let name = (first + index).to_string();
            Ok(Worker {
                busy: busy.with(&[&name])?,
                parks: parks.with(&[&name])?,
                parked: parked.with(&[&name])?,
                busy_ns: 0,
                name,
            })
        };
        Ok(Workers {
            each: (0..workers).map(worker).collect::<Result<_, Error>>()?,
            busy_ratios: registry.gauge_family(ratio, &["worker"])?,
            looked_ns: None,
        })
    }

    pub(super) fn collect(&mut self, runtime: &RuntimeMetrics, now_ns: u64) {
        let passed_ns = self.looked_ns.map(|looked_ns| now_ns.saturating_sub(looked_ns));
        for (index, worker) in self.each.iter_mut().enumerate() {
            let busy_ns = worker.collect(runtime, index);
            if let Some(ratio) = passed_ns.and_then(|passed_ns| ratio(busy_ns, passed_ns)) {
                self.busy_ratios.set(&[&worker.name], ratio);
            }
        }
        self.looked_ns = Some(now_ns);
    }
}

impl Worker {
    /// Gives the time it was busy since the last look.
    fn collect(&mut self, runtime: &RuntimeMetrics, index: usize) -> u64 {
        let busy = runtime.worker_total_busy_duration(index);
        let busy_ns = u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX);
        self.busy.observe(busy_ns);
        self.parks.observe(runtime.worker_park_count(index));
        // Counted up when it parks and again when it goes on.
        let asleep = runtime.worker_park_unpark_count(index) % 2 == 1;
        self.parked.set(f64::from(u8::from(asleep)));
        busy_ns.saturating_sub(std::mem::replace(&mut self.busy_ns, busy_ns))
    }
}

/// At most 1, as a worker may tell of a long task only when it is over. Unknown if no time has passed.
fn ratio(busy_ns: u64, passed_ns: u64) -> Option<f64> {
    (passed_ns > 0).then(|| (busy_ns as f64 / passed_ns as f64).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::ratio;

    #[test]
    fn a_ratio_is_of_the_time_that_passed() {
        assert_eq!(ratio(250, 1_000), Some(0.25));
        assert_eq!(ratio(5_000, 1_000), Some(1.0));
        assert_eq!(ratio(0, 1_000), Some(0.0));
        assert_eq!(ratio(5, 0), None);
    }
}
