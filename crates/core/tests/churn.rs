//! Half an hour of a service: whatever comes and goes, the memory that is used stays.

mod support;

use perf_monitor_core::{
    AtomicMetrics, Clock, HistogramOptions, LatencyTracker, MetricsCollector, Registry,
    thread_stats,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::thread;
use std::time::Duration;
use support::soaked;

static LIVE_BYTES: AtomicIsize = AtomicIsize::new(0);

/// The system's allocator, which counts what is in use.
struct Counting;

// SAFETY: all memory comes from and goes to the system's allocator, as asked; the rest counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a service has from its start to its end.
struct Service {
    registry: Registry,
    collector: MetricsCollector,
    hand: perf_monitor_core::FakeClock,
}

impl Service {
    fn new() -> Service {
        let (clock, hand) = Clock::fake();
        let idle = Duration::from_secs(20);
        let registry = Registry::builder().clock(clock).expire_after(idle).build();
        let collector = MetricsCollector::new(&registry).unwrap();
        Service { registry, collector, hand }
    }

    /// A second of it: threads, series, metrics and registries come, record and go.
    fn second(&self, second: usize) {
        let users = self.registry.counter_family(("users", ""), &["user", "plan"]).unwrap();
        let sizes = self.registry.histogram_family(("sizes", ""), &["route"], options(0)).unwrap();
        let all_alive = Barrier::new(4);
        thread::scope(|scope| {
            let threads = (0..4).map(|thread| {
                let (users, sizes, all_alive) = (&users, &sizes, &all_alive);
                scope.spawn(move || {
                    for i in 0..30 {
                        let latency = Duration::from_micros((i * i * 997) as u64);
                        self.collector.record_request(latency, i % 7 != 0);
                        users.inc(&[&format!("user-{}", second * 9 + i % 9), "free"]);
                        sizes.record(&[["/", "/a", "/b"][i % 3]], (i * 1_000) as u64);
                        users.inc(&["wrong"]);
                    }
                    all_alive.wait();
                    users.remove(&[&format!("user-{}", second * 9 + thread), "free"]);
                })
            });
            // Joined one by one: a scope's end alone does not wait for their destructors.
            for thread in threads.collect::<Vec<_>>() {
                thread.join().unwrap();
            }
        });
        self.pass(second);
        self.registry.tick();
        self.hand.advance(Duration::from_secs(1));
    }

    /// What lives for less than a second.
    fn pass(&self, second: usize) {
        let passing = Registry::new();
        let job = format!("job_{}", second % 50);
        let metrics = [&passing, &self.registry].map(|registry| {
            let steps = registry.gauge_family((&*job, ""), &["step"]).unwrap();
            let time = registry.histogram((format!("{job}_time"), ""), options(second)).unwrap();
            (0..20).for_each(|i| steps.add(&["first"], f64::from(i)));
            (0..20).for_each(|i| time.record(1 << i));
            (steps, time)
        });
        let (atomic, tracker) = (AtomicMetrics::new(), LatencyTracker::new());
        (0..20).for_each(|i| tracker.record(i));
        (0..20).for_each(|i| atomic.record_request(Duration::from_nanos(i), true));
        assert!(passing.snapshot().families.len() == 2 && tracker.get_percentiles().max == 19);
        assert_eq!(self.registry.snapshot().family(&job).unwrap().series.len(), 1);
        drop(metrics);
        assert!(self.registry.unregister(&job) && self.registry.unregister(&(job + "_time")));
    }
}

/// Histograms of several sizes, whose cells cannot take each other's places.
fn options(second: usize) -> HistogramOptions {
    let options = HistogramOptions::default().highest(1 << 20);
    [options, options.digits(1), options.highest(1 << 30)][second % 3]
}

#[test]
fn memory_after_half_an_hour_is_that_after_six_minutes() {
    let service = Service::new();
    let seconds = soaked(1_800);
    // The most of three minutes: what is in use swings with the series that live.
    let mut live = Vec::with_capacity(seconds);
    for second in 0..seconds {
        service.second(second);
        live.push(LIVE_BYTES.load(Ordering::Relaxed));
    }
    let most = |from: usize| live[from..from + seconds / 10].iter().max().copied().unwrap();
    let (early, late) = (most(seconds / 10), most(seconds - seconds / 10));
    assert!(late <= early + 16 * 1024, "{early} bytes early and {late} bytes late");
    let (stats, threads) = (service.registry.stats(), thread_stats());
    assert!(stats.charged_bytes <= stats.budget_bytes + 8 * 1024, "{stats:?}");
    assert!(stats.expired_series > 0 && stats.series < 200, "{stats:?}");
    assert!(threads.slabs <= threads.most_slabs, "{threads:?}");
    assert_eq!(service.collector.total_requests(), seconds as u64 * 4 * 30);
}
