//! Registries of the `prometheus` crate are served beside the monitor's own.

mod support;

use perf_monitor::export::{ExporterOptions, RegistryCollector};
use perf_monitor::{PerformanceMonitor, Registry};
use support::scraped;

#[test]
fn an_existing_prometheus_registry_is_served_on_metrics() {
    let theirs = prometheus::Registry::new();
    let jobs = prometheus::IntCounter::new("their_jobs_total", "Jobs.").unwrap();
    theirs.register(Box::new(jobs.clone())).unwrap();
    jobs.inc_by(7);
    let monitor = PerformanceMonitor::builder("bridge")
        .registry(Registry::new())
        .listen(([127, 0, 0, 1], 0))
        .exporter_options(ExporterOptions::default().also(theirs))
        .start()
        .unwrap();
    assert_eq!(scraped(&monitor, "their_jobs_total"), 7.0);
    assert_eq!(scraped(&monitor, "requests_total{outcome=\"success\"}"), 0.0);
}

#[test]
fn a_monitor_s_registry_is_gathered_by_an_existing_prometheus_registry() {
    let monitor = PerformanceMonitor::builder("bridge").registry(Registry::new()).no_listener();
    let monitor = monitor.start().unwrap();
    let jobs = monitor.registry().counter(("our_jobs_total", "Jobs.")).unwrap();
    jobs.add(3);
    let theirs = prometheus::Registry::new();
    theirs.register(Box::new(RegistryCollector::new(monitor.registry()))).unwrap();
    let gathered = theirs.gather();
    let family = gathered.iter().find(|family| family.name() == "our_jobs_total").unwrap();
    assert_eq!(family.get_metric()[0].get_counter().get_value(), 3.0);
}
