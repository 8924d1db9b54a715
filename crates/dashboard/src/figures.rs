//! Reading the figures of an update from a registry.

use std::time::SystemTime;

use perf_monitor_core::{
    FamilyInfo, MetricsCollector, Registry, SeriesInfo, Value, Visitor, Window,
};

use crate::update::DashboardUpdate;

/// Reads what the last tick of `registry` saw.
pub(crate) fn read(metrics: &MetricsCollector, registry: &Registry) -> DashboardUpdate {
    let mut machine = Machine::default();
    registry.visit_window(&mut machine);
    let per_second = per_second(registry.window());
    let latency = metrics.get_percentiles();
    // an empty minute has no mean; one of requests that took no time at all is not worth a figure
    let measured = latency.mean > 0.0;
    DashboardUpdate {
        timestamp: SystemTime::now(),
        request_rate: metrics.get_request_rate(),
        error_rate: metrics.get_error_rate(),
        latency_p99: latency.p99,
        memory_usage: metrics.get_memory_usage(),
        cpu_usage: metrics.get_cpu_usage(),
        latency_p50: measured.then_some(latency.p50),
        requests: metrics.total_requests(),
        failures: metrics.failed_requests(),
        host_cpu_ratio: machine.cpu_ratio,
        host_cpus: machine.cpus,
        host_memory_used_bytes: machine.memory_used_bytes,
        host_memory_total_bytes: machine.memory_total_bytes,
        network_receive_bytes_per_second: per_second(machine.received_bytes),
        network_transmit_bytes_per_second: per_second(machine.sent_bytes),
    }
}

/// From what `window` counted to a rate. The first window counts all that was there before it.
fn per_second(window: Window) -> impl Fn(Option<u64>) -> Option<f64> {
    let seconds = window.to_ns.saturating_sub(window.from_ns) as f64 * 1e-9;
    let complete = window.ticks > 1 && seconds > 0.0;
    move |counted| counted.filter(|_| complete).map(|counted| counted as f64 / seconds)
}

/// What the machine's own metrics say, where something feeds them.
#[derive(Default)]
struct Machine {
    cpu_ratio: Option<f64>,
    cpus: Option<u64>,
    memory_used_bytes: Option<u64>,
    memory_total_bytes: Option<u64>,
    received_bytes: Option<u64>,
    sent_bytes: Option<u64>,
}

impl Visitor for Machine {
    fn series(&mut self, family: &FamilyInfo, _: &SeriesInfo, value: Value<'_>) {
        match (&*family.name, value) {
            ("host_cpu_usage_ratio", Value::Gauge(ratio)) => self.cpu_ratio = Some(ratio),
            ("host_cpu_core_usage_ratio", _) => *self.cpus.get_or_insert(0) += 1,
            ("host_memory_used_bytes", Value::Gauge(bytes)) => {
                self.memory_used_bytes = Some(bytes as u64);
            }
            ("host_memory_total_bytes", Value::Gauge(bytes)) => {
                self.memory_total_bytes = Some(bytes as u64);
            }
            ("host_network_received_bytes_total", Value::Counter(bytes)) => {
                self.received_bytes = Some(bytes);
            }
            ("host_network_sent_bytes_total", Value::Counter(bytes)) => {
                self.sent_bytes = Some(bytes);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use perf_monitor_core::{Clock, Desc, FakeClock, ObservedCounter, Unit};

    use super::*;

    struct Fixture {
        clock: FakeClock,
        registry: Registry,
        metrics: MetricsCollector,
    }

    impl Fixture {
        fn new() -> Fixture {
            let (time, clock) = Clock::fake();
            let registry = Registry::builder().clock(time).build();
            let metrics = MetricsCollector::new(&registry).unwrap();
            Fixture { clock, registry, metrics }
        }

        fn bytes(&self, name: &str) -> ObservedCounter {
            let desc = Desc::new(name, "Bytes of all interfaces.").unit(Unit::Bytes);
            self.registry.observed_counter(desc).unwrap()
        }

        fn gauge(&self, name: &str, value: f64) {
            self.registry.gauge((name, "A figure of the machine.")).unwrap().set(value);
        }

        fn tick(&self, time: Duration) -> DashboardUpdate {
            self.clock.advance(time);
            self.registry.tick();
            read(&self.metrics, &self.registry)
        }
    }

    #[test]
    fn what_nothing_feeds_is_unknown() {
        let fixture = Fixture::new();
        for _ in 0..3 {
            let update = fixture.tick(Duration::from_secs(1));
            assert_eq!(update.host_cpu_ratio, None);
            assert_eq!(update.host_cpus, None);
            assert_eq!(update.host_memory_used_bytes, None);
            assert_eq!(update.host_memory_total_bytes, None);
            assert_eq!(update.network_receive_bytes_per_second, None);
            assert_eq!(update.network_transmit_bytes_per_second, None);
            assert_eq!(update.latency_p50, None);
        }
    }

    #[test]
    fn traffic_is_a_rate_from_the_second_window_on() {
        let fixture = Fixture::new();
        let received = fixture.bytes("host_network_received_bytes_total");
        let sent = fixture.bytes("host_network_sent_bytes_total");
        received.observe(1_000_000);
        sent.observe(5_000_000);
        let first = fixture.tick(Duration::from_secs(1));
        assert_eq!(first.network_receive_bytes_per_second, None);
        received.observe(1_003_000);
        let second = fixture.tick(Duration::from_millis(500));
        assert_eq!(second.network_receive_bytes_per_second, Some(6000.0));
        assert_eq!(second.network_transmit_bytes_per_second, Some(0.0));
    }

    #[test]
    fn the_machine_is_its_cores_and_its_memory() {
        let fixture = Fixture::new();
        let desc = ("host_cpu_core_usage_ratio", "Share of a core's time.");
        let cores = fixture.registry.gauge_family(desc, &["core"]).unwrap();
        cores.set(&["0"], 1.0);
        cores.set(&["1"], 0.0);
        fixture.gauge("host_cpu_usage_ratio", 0.5);
        fixture.gauge("host_memory_used_bytes", 3e9);
        fixture.gauge("host_memory_total_bytes", 8e9);
        let update = fixture.tick(Duration::from_secs(1));
        assert_eq!((update.host_cpu_ratio, update.host_cpus), (Some(0.5), Some(2)));
        assert_eq!(update.host_memory_used_bytes, Some(3_000_000_000));
        assert_eq!(update.host_memory_total_bytes, Some(8_000_000_000));
    }

    #[test]
    fn requests_are_those_of_the_window_and_latency_is_that_of_the_minute() {
        let fixture = Fixture::new();
        for n in 0..10 {
            fixture.metrics.record_request(Duration::from_millis(3), n != 0);
        }
        let update = fixture.tick(Duration::from_millis(500));
        assert_eq!((update.request_rate, update.error_rate), (20.0, 0.1));
        let quiet = fixture.tick(Duration::from_secs(1));
        assert_eq!((quiet.request_rate, quiet.requests, quiet.failures), (0.0, 10, 1));
        assert!(quiet.latency_p50.is_some());
        for _ in 0..7 {
            fixture.tick(Duration::from_secs(10));
        }
        let later = fixture.tick(Duration::from_secs(1));
        assert_eq!((later.latency_p50, later.latency_p99), (None, 0));
    }
}
