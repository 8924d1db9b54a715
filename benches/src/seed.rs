//! The seed's design written literally: what its document prints, in types that exist.
//!
//! `AtomicF64` is the bits of an f64 in an `AtomicU64`; `should_rotate`, which the document calls but does not print,
//! compares the time since the last rotation with the interval.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram as HdrHistogram;

use crate::harness::Subject;
use crate::values;

#[derive(Default)]
struct AtomicMetrics {
    total_requests: AtomicU64,
    successful_requests: AtomicU64,
    failed_requests: AtomicU64,
    total_latency_ns: AtomicU64,
    avg_latency: AtomicU64,
}

impl AtomicMetrics {
    fn record_request(&self, latency: Duration, success: bool) {
        self.total_requests.fetch_add(1, Ordering::Relaxed);
        if success {
            self.successful_requests.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failed_requests.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = latency.as_nanos() as u64;
        self.total_latency_ns.fetch_add(nanos, Ordering::Relaxed);
        self.update_moving_average(nanos);
    }

    fn update_moving_average(&self, new_latency_ns: u64) {
        let alpha = 0.1;
        let new_value = new_latency_ns as f64;
        loop {
            let current = f64::from_bits(self.avg_latency.load(Ordering::Relaxed));
            let updated: f64 = alpha * new_value + (1.0 - alpha) * current;
            match self.avg_latency.compare_exchange_weak(
                current.to_bits(),
                updated.to_bits(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(_) => continue,
            }
        }
    }
}

struct LatencyTracker {
    histogram: Arc<RwLock<HdrHistogram<u64>>>,
    rotation_interval: Duration,
    last_rotation: Arc<RwLock<Instant>>,
}

impl LatencyTracker {
    fn new() -> Self {
        let histogram = HdrHistogram::new_with_bounds(1, 60_000_000, 3).unwrap();
        Self {
            histogram: Arc::new(RwLock::new(histogram)),
            rotation_interval: Duration::from_secs(60),
            last_rotation: Arc::new(RwLock::new(Instant::now())),
        }
    }

    fn record(&self, latency_us: u64) {
        if self.should_rotate() {
            self.rotate();
        }
        self.histogram.write().unwrap().record(latency_us).unwrap_or_else(|_| {
            eprintln!("Latency value {latency_us} out of range");
        });
    }

    fn should_rotate(&self) -> bool {
        self.last_rotation.read().unwrap().elapsed() > self.rotation_interval
    }

    fn rotate(&self) {
        let mut histogram = self.histogram.write().unwrap();
        histogram.reset();
        *self.last_rotation.write().unwrap() = Instant::now();
    }
}

/// The seed's `LatencyTracker::record`.
pub(crate) fn latency() -> Subject {
    let tracker = Arc::new(LatencyTracker::new());
    Subject::new("seed", move || {
        let (tracker, values) = (tracker.clone(), values::latencies_us());
        move |ops| (0..ops).for_each(|n| tracker.record(values.at(n)))
    })
}

/// A request as the seed records it: `AtomicMetrics` and the `LatencyTracker`.
pub(crate) fn request() -> Subject {
    let metrics = Arc::new(AtomicMetrics::default());
    let tracker = Arc::new(LatencyTracker::new());
    Subject::new("seed", move || {
        let (metrics, tracker, values) = (metrics.clone(), tracker.clone(), values::durations());
        move |ops| {
            for n in 0..ops {
                let latency = values.at(n);
                metrics.record_request(latency, values::succeeds(n));
                tracker.record(latency.as_micros() as u64);
            }
        }
    })
}
