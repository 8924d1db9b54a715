//! Samples of what the process uses, their averages, when the next is due.

use std::time::Duration;

use perf_monitor_core::{Clock, Registry, Value};
use perf_monitor_instruments::{
    ResourceMetrics, ResourceReading, ResourceSample, ResourceSampler, Resources,
};

const SECOND: u64 = 1_000_000_000;

#[test]
fn without_samples_nothing_is_known() {
    let resources = Resources::new(&Registry::new()).unwrap();
    assert_eq!(resources.metrics(), ResourceMetrics::default());
    assert_eq!(resources.metrics().avg_cpu_percent, None);
    assert!(resources.history().is_empty());
}

#[test]
fn averages_are_over_all_samples() {
    let registry = Registry::new();
    let resources = Resources::new(&registry).unwrap();
    for n in 0..300 {
        resources.record_resources(f64::from(n % 3) * 50.0, 1024.0, 100.0, 50.0);
    }
    let metrics = resources.metrics();
    assert_eq!((metrics.cpu_samples, metrics.memory_samples), (300, 300));
    assert_eq!(metrics.avg_cpu_percent, Some(50.0));
    assert_eq!(metrics.avg_memory_mb, Some(1024.0));
    assert_eq!((metrics.avg_disk_io_mb, metrics.avg_network_io_mb), (Some(100.0), Some(50.0)));
    let samples = registry.snapshot();
    let samples = samples.value("resource_samples_total", &[]);
    assert!(matches!(samples, Some(Value::Counter(300))));
}

#[test]
fn what_is_unknown_is_in_no_average() {
    let resources = Resources::new(&Registry::new()).unwrap();
    resources.record_resources(f64::NAN, 1.0, -1.0, f64::INFINITY);
    resources.record(ResourceSample { cpu_percent: Some(10.0), ..Default::default() });
    let metrics = resources.metrics();
    assert_eq!((metrics.avg_cpu_percent, metrics.cpu_samples), (Some(10.0), 1));
    assert_eq!((metrics.avg_memory_mb, metrics.memory_samples), (Some(1.0), 1));
    assert_eq!((metrics.avg_disk_io_mb, metrics.avg_network_io_mb), (None, None));
    assert_eq!(resources.history()[0].cpu_percent, None);
}

#[test]
fn the_history_has_the_last_hundred_with_their_times() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock.clone()).build();
    let resources = Resources::new(&registry).unwrap();
    for n in 0..250 {
        hand.advance(Duration::from_secs(5));
        resources.record_resources(f64::from(n), 1.0, 0.0, 0.0);
    }
    let history = resources.history();
    assert_eq!(history.len(), 100);
    assert_eq!((history[0].cpu_percent, history[99].cpu_percent), (Some(150.0), Some(249.0)));
    assert_eq!(history[99].unix_ns, clock.unix_ns());
    assert_eq!(history[99].unix_ns - history[0].unix_ns, 99 * 5 * SECOND);
    assert_eq!(history[0].memory_bytes, Some(1 << 20));
}

#[test]
fn a_history_without_room_is_shorter_and_the_averages_stay() {
    let registry = Registry::builder().budget_bytes(3_000).build();
    let resources = Resources::new(&registry).unwrap();
    for n in 0..50 {
        resources.record_resources(f64::from(n), 1.0, 0.0, 0.0);
    }
    assert!((1..50).contains(&resources.history().len()));
    assert_eq!(resources.history().last().unwrap().cpu_percent, Some(49.0));
    assert_eq!(resources.metrics().cpu_samples, 50);
    assert!(registry.stats().charged_bytes <= 3_000);
    assert_eq!(registry.stats().refused_series, 1);
}

#[test]
fn a_sample_is_due_at_once_and_then_each_interval() {
    let resources = Resources::new(&Registry::new()).unwrap();
    let mut sampler = ResourceSampler::new(resources.clone(), ResourceSampler::INTERVAL);
    let mut taken = Vec::new();
    for second in 0..=30 {
        if sampler.due(second * SECOND) {
            sampler.sample(second * SECOND, second, ResourceReading::default());
            taken.push(second);
        }
    }
    assert_eq!(taken, [0, 5, 10, 15, 20, 25, 30]);
    assert_eq!(resources.history().len(), 7);
}

#[test]
fn samples_that_were_missed_are_not_made_up_for() {
    let resources = Resources::new(&Registry::new()).unwrap();
    let mut sampler = ResourceSampler::new(resources, Duration::from_secs(5));
    sampler.sample(0, 0, ResourceReading::default());
    assert!(sampler.due(61 * SECOND));
    sampler.sample(61 * SECOND, 0, ResourceReading::default());
    assert!(!sampler.due(65 * SECOND));
    assert!(sampler.due(66 * SECOND));
}

#[test]
fn an_interval_that_never_ends_does_not_wrap() {
    let resources = Resources::new(&Registry::new()).unwrap();
    let mut sampler = ResourceSampler::new(resources, Duration::MAX);
    sampler.sample(SECOND, 0, ResourceReading::default());
    assert!(!sampler.due(2 * SECOND));
}

#[test]
fn traffic_is_what_the_totals_grew_by() {
    let resources = Resources::new(&Registry::new()).unwrap();
    let mut sampler = ResourceSampler::new(resources.clone(), Duration::from_secs(5));
    let totals =
        [(Some(100), Some(7)), (Some(350), None), (Some(10), Some(9)), (Some(15), Some(9))];
    for (disk_total_bytes, network_total_bytes) in totals {
        let reading = ResourceReading {
            cpu_percent: Some(12.5),
            memory_bytes: Some(4_096),
            disk_total_bytes,
            network_total_bytes,
        };
        sampler.sample(0, 1, reading);
    }
    let disk: Vec<_> = resources.history().iter().map(|one| one.disk_io_bytes).collect();
    let network: Vec<_> = resources.history().iter().map(|one| one.network_io_bytes).collect();
    // The third disk total is lower: the source has started over.
    assert_eq!(disk, [None, Some(250), None, Some(5)]);
    assert_eq!(network, [None, None, Some(2), Some(0)]);
    assert_eq!(resources.metrics().avg_cpu_percent, Some(12.5));
}

#[test]
fn averages_of_any_numbers_are_numbers() {
    let resources = Resources::new(&Registry::new()).unwrap();
    (0..2).for_each(|_| resources.record_resources(f64::MAX, f64::MAX, 0.0, 0.0));
    let metrics = resources.metrics();
    assert!(metrics.avg_cpu_percent.is_some_and(f64::is_finite), "{metrics:?}");
    assert!(metrics.avg_memory_mb.is_some_and(f64::is_finite), "{metrics:?}");
}
