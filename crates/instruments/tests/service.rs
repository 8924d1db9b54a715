//! One recorder for everything: options, components together, failures.

use std::error::Error;
use std::time::Duration;

use perf_monitor_core::{Clock, FakeClock, Registry};
use perf_monitor_instruments::timed::Site;
use perf_monitor_instruments::{
    BreakerState, ConnectionState, Errors, Event, Events, HealthState, MonitoringOptions,
    Resources, ServiceMetrics, Severity,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn service(options: MonitoringOptions) -> (ServiceMetrics, Clock, FakeClock) {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock.clone()).budget_bytes(1 << 22).build();
    (ServiceMetrics::new(&registry, options).unwrap(), clock, hand)
}

fn record_one_of_each(service: &ServiceMetrics) {
    service.record_event_processing(ms(150), "mqtt", "light", "light.living_room", true);
    service.record_error("timeout", "database", Severity::Error);
    service.record_circuit_breaker_state("database", BreakerState::Open);
    service.record_retry_attempt("publish");
    service.events().record_data_points("mqtt", 3, 120);
    service.events().record_duplicate("mqtt");
    service.events().set_queue_depth("incoming", 4);
    service.events().set_connections("mqtt", 1);
    service.connections().record_connection_state("mqtt", ConnectionState::Connected);
    service.health().set("database", HealthState::Degraded, "slow");
    service.resources().record_resources(50.0, 1024.0, 1.0, 1.0);
    service.stages().record_stage("fetch", ms(5), false);
    service.queries().record_detailed_query_execution("daily", ms(1), ms(2), ms(3));
    service.caches().record_cache("senders", 8, 2, 1, 4_096);
    service.io().record_io_read(512);
    service.timeline().record("append");
}

#[test]
fn the_defaults_are_the_seeds() {
    let options = MonitoringOptions::default();
    assert!(options.monitoring_enabled);
    assert_eq!(options.monitoring_interval, Duration::from_secs(30));
    assert!(options.enable_system_metrics && options.enable_performance_metrics);
    assert!(options.enable_business_metrics && options.enable_prometheus_integration);
    assert_eq!(options.metrics_sync_interval, Duration::from_secs(10));
    assert_eq!(options.history, 100);
    assert!(options.check().is_ok());
}

#[test]
fn an_option_out_of_its_range_is_refused_by_name() {
    let fine = MonitoringOptions::default;
    let day = Duration::from_secs(86_400);
    assert!(fine().monitoring_interval(ms(100)).metrics_sync_interval(day).check().is_ok());
    let cases = [
        (fine().monitoring_interval(Duration::ZERO), "monitoring_interval"),
        (fine().metrics_sync_interval(day + ms(1)), "metrics_sync_interval"),
        (fine().history(0), "history"),
        (fine().history(10_001), "history"),
    ];
    for (options, name) in cases {
        let error = ServiceMetrics::new(&Registry::new(), options).unwrap_err();
        assert!(error.is_options() && !error.is_registry());
        assert!(error.to_string().contains(name) && error.to_string().contains("use"), "{error}");
    }
}

#[test]
fn a_wrong_option_registers_nothing() {
    let registry = Registry::new();
    let wrong = MonitoringOptions::default().history(0);
    assert!(ServiceMetrics::new(&registry, wrong).is_err());
    assert_eq!(registry.stats().families, 0);
}

#[test]
fn one_call_is_in_every_view() {
    let (service, ..) = service(MonitoringOptions::default());
    record_one_of_each(&service);
    let all = service.get_comprehensive_metrics();
    assert_eq!((all.events.total, all.events.timed), (1, 1));
    assert_eq!(all.events.p95, Some(ms(150)));
    assert_eq!((all.events.data_points, all.events.duplicates), (3, 1));
    assert_eq!((all.events.queue_depths["incoming"], all.events.connections["mqtt"]), (4, 1));
    assert_eq!((all.errors[0].count, all.retries[0].count), (1, 1));
    assert_eq!(all.breakers[0].state, BreakerState::Open);
    assert_eq!(all.connections[0].state, ConnectionState::Connected);
    assert_eq!(all.overall_health, Some(HealthState::Degraded));
    assert_eq!(
        (all.health[0].component.as_str(), all.health[0].reason.as_str()),
        ("database", "slow")
    );
    assert_eq!((all.resources.avg_memory_mb, all.resource_history.len()), (Some(1024.0), 1));
    assert_eq!((all.stages[0].count, all.queries[0].executions), (1, 1));
    assert_eq!((all.recent_queries.len(), all.recent_queries[0].total), (1, ms(6)));
    assert_eq!((all.caches[0].hits, all.io.bytes_read, all.timeline[0].count), (8, 512, 1));
}

#[test]
fn timed_functions_are_in_the_view_of_the_process_s_registry() {
    static SITE: Site = Site::new("in the view");
    SITE.enter().error();
    let of_the_process = ServiceMetrics::global().unwrap().get_comprehensive_metrics();
    let function = of_the_process.functions.iter().find(|one| one.name == "in the view").unwrap();
    assert_eq!((function.calls(), function.errors, function.avg()), (1, 1, function.max));
    let (of_its_own, ..) = service(MonitoringOptions::default());
    assert!(of_its_own.get_comprehensive_metrics().functions.is_empty());
}

#[test]
fn who_has_the_names_of_timed_functions_has_a_view_without_them() {
    let registry = Registry::new();
    registry.gauge(("function_calls_total", "Something else.")).unwrap();
    let service = ServiceMetrics::new(&registry, MonitoringOptions::default()).unwrap();
    assert!(service.get_comprehensive_metrics().functions.is_empty());
}

#[test]
fn nothing_recorded_is_an_empty_view() {
    let (service, clock, hand) = service(MonitoringOptions::default());
    hand.advance(Duration::from_secs(7));
    let all = service.get_comprehensive_metrics();
    assert_eq!(all.duration, Duration::from_secs(7));
    assert_eq!((all.unix_ns, all.unix_ns - all.started_unix_ns), (clock.unix_ns(), 7_000_000_000));
    assert!(all.recent_queries.is_empty() && all.functions.is_empty());
    assert!(all.stages.is_empty() && all.errors.is_empty() && all.history.is_empty());
    assert_eq!((all.overall_health, all.events.error_rate()), (None, None));
    assert_eq!(all.options, MonitoringOptions::default());
}

#[test]
fn instruments_of_one_registry_are_the_services() {
    let registry = Registry::new();
    let early = Errors::new(&registry).unwrap();
    early.record_error("timeout", "database", Severity::Error);
    let service = ServiceMetrics::new(&registry, MonitoringOptions::default()).unwrap();
    Events::new(&registry).unwrap().record_event_processed("mqtt", "light", "one");
    let all = service.get_comprehensive_metrics();
    assert_eq!((all.errors[0].count, all.events.total), (1, 1));
}

#[test]
fn the_first_options_win() {
    let registry = Registry::new();
    let off = MonitoringOptions::default().monitoring_enabled(false);
    let first = ServiceMetrics::new(&registry, off.clone()).unwrap();
    let second = ServiceMetrics::new(&registry, MonitoringOptions::default()).unwrap();
    assert_eq!((first.options(), second.options()), (&off, &off));
    second.record_retry_attempt("publish");
    assert!(first.get_comprehensive_metrics().retries.is_empty());
}

#[test]
fn there_is_one_for_the_process() {
    let (one, other) = (ServiceMetrics::global().unwrap(), ServiceMetrics::global().unwrap());
    one.record_retry_attempt("only in this test");
    let retries = other.get_comprehensive_metrics().retries;
    assert!(retries.iter().any(|one| one.operation == "only in this test" && one.count == 1));
    assert!(Registry::global().snapshot().family("retries_total").is_some());
}

#[test]
fn switched_off_monitoring_records_none_of_its_categories() {
    let (service, clock, hand) = service(MonitoringOptions::default().monitoring_enabled(false));
    record_one_of_each(&service);
    hand.advance(Duration::from_secs(60));
    service.tick(clock.now_ns());
    let all = service.get_comprehensive_metrics();
    assert_eq!(all.events, Default::default());
    assert!(all.errors.is_empty() && all.retries.is_empty() && all.breakers.is_empty());
    assert!(all.connections.is_empty() && all.health.is_empty() && all.history.is_empty());
    assert_eq!((all.resources.cpu_samples, all.resource_history.len()), (0, 0));
    // Instruments of the other seeds do not ask these options.
    assert_eq!((all.stages[0].count, all.caches[0].hits), (1, 8));
}

#[test]
fn business_off_keeps_durations_queues_connections() {
    let (service, ..) = service(MonitoringOptions::default().enable_business_metrics(false));
    record_one_of_each(&service);
    let all = service.get_comprehensive_metrics();
    assert_eq!((all.events.total, all.events.data_points, all.events.duplicates), (0, 0, 0));
    assert_eq!((all.events.timed, all.events.p99), (1, Some(ms(150))));
    assert_eq!((all.events.queue_depths["incoming"], all.events.connections["mqtt"]), (4, 1));
    assert_eq!((all.errors.len(), all.resources.cpu_samples), (1, 1));
}

#[test]
fn performance_off_keeps_counts_and_data() {
    let (service, ..) = service(MonitoringOptions::default().enable_performance_metrics(false));
    record_one_of_each(&service);
    service.events().record_processing_time(ms(1));
    let events = service.get_comprehensive_metrics().events;
    assert_eq!((events.total, events.data_points, events.duplicates), (1, 3, 1));
    assert_eq!((events.timed, events.p99), (0, None));
    assert!(events.queue_depths.is_empty() && events.connections.is_empty());
}

#[test]
fn system_off_keeps_everything_but_resources() {
    let (service, ..) = service(MonitoringOptions::default().enable_system_metrics(false));
    record_one_of_each(&service);
    assert!(!service.resources().is_enabled());
    let all = service.get_comprehensive_metrics();
    assert_eq!((all.resources.avg_cpu_percent, all.resource_history.len()), (None, 0));
    assert_eq!((all.events.total, all.errors.len()), (1, 1));
}

#[test]
fn a_sample_of_the_history_is_what_came_in_its_interval() {
    let (service, clock, hand) = service(MonitoringOptions::default());
    let mut event = Event::new("mqtt", "light", "one").duration(ms(10));
    for _ in 0..60 {
        service.events().record(&event);
    }
    service.record_error("timeout", "database", Severity::Error);
    hand.advance(Duration::from_secs(29));
    service.tick(clock.now_ns());
    assert!(service.history().is_empty());
    hand.advance(Duration::from_secs(1));
    service.tick(clock.now_ns());
    event = event.duration(ms(80)).success(false);
    (0..3).for_each(|_| service.events().record(&event));
    service.record_retry_attempt("publish");
    hand.advance(Duration::from_secs(30));
    service.tick(clock.now_ns());
    hand.advance(Duration::from_secs(30));
    service.tick(clock.now_ns());

    let [first, second, third] = &service.history()[..] else { panic!("three samples") };
    assert_eq!((first.events, first.errors, first.retries), (60, 1, 0));
    assert_eq!((first.events_per_s(), first.error_rate()), (2.0, Some(0.0)));
    assert_eq!(
        (first.interval, second.interval),
        (Duration::from_secs(30), Duration::from_secs(30))
    );
    assert_eq!((second.events, second.failures, second.retries), (3, 3, 1));
    assert_eq!(second.error_rate(), Some(1.0));
    // What came before does not pull the percentiles of an interval.
    assert_eq!((second.p95, second.p99), (Some(ms(80)), Some(ms(80))));
    assert_eq!((third.events, third.error_rate(), third.p95), (0, None, None));
    assert_eq!(third.unix_ns, clock.unix_ns());
}

#[test]
fn histories_keep_as_many_samples_as_the_option_says() {
    let (service, clock, hand) = service(MonitoringOptions::default().history(3));
    for n in 0..8_u64 {
        (0..n).for_each(|_| service.record_event_processing(ms(1), "mqtt", "light", "one", true));
        service.resources().record_resources(n as f64, 1.0, 0.0, 0.0);
        hand.advance(Duration::from_secs(30));
        service.tick(clock.now_ns());
    }
    let events: Vec<u64> = service.history().iter().map(|one| one.events).collect();
    assert_eq!(events, [5, 6, 7]);
    assert_eq!(service.resources().history().len(), 3);
    assert_eq!(service.resources().metrics().cpu_samples, 8);
}

#[test]
fn the_option_counts_for_a_history_that_began_before() {
    let registry = Registry::new();
    let resources = Resources::new(&registry).unwrap();
    (0..20).for_each(|n| resources.record_resources(f64::from(n), 1.0, 0.0, 0.0));
    ServiceMetrics::new(&registry, MonitoringOptions::default().history(5)).unwrap();
    let cpu: Vec<_> = resources.history().iter().filter_map(|one| one.cpu_percent).collect();
    assert_eq!(cpu, [15.0, 16.0, 17.0, 18.0, 19.0]);
}

#[test]
fn throughput_moves_with_ticks() {
    let (service, clock, hand) = service(MonitoringOptions::default());
    (0..4).for_each(|_| service.record_event_processing(ms(1), "mqtt", "light", "one", true));
    hand.advance(Duration::from_secs(2));
    service.tick(clock.now_ns());
    assert_eq!(service.get_comprehensive_metrics().events.throughput_per_s, Some(2.0));
}

#[test]
fn a_taken_name_is_an_error_with_its_cause() {
    let registry = Registry::new();
    registry.gauge(("retries_total", "Something else.")).unwrap();
    let error = ServiceMetrics::new(&registry, MonitoringOptions::default()).unwrap_err();
    assert!(error.is_registry() && !error.is_options());
    assert!(error.source().unwrap().to_string().contains("retries_total"));
}

#[test]
fn without_any_budget_everything_is_recorded_in_overflow() {
    let registry = Registry::builder().budget_bytes(0).build();
    let service = ServiceMetrics::new(&registry, MonitoringOptions::default()).unwrap();
    record_one_of_each(&service);
    service.record_event_processing(ms(10), "mqtt", "sensor", "sensor.door", false);
    let all = service.get_comprehensive_metrics();
    assert_eq!((all.events.total, all.events.failures, all.events.overflow), (2, 1, 2));
    assert_eq!((all.events.timed, all.events.max), (2, Some(ms(150))));
    assert_eq!((all.errors[0].count, all.retries[0].count), (1, 1));
    assert!(all.errors[0].overflow && all.retries[0].overflow);
    assert!(all.breakers.is_empty() && all.resource_history.is_empty());
    assert_eq!(all.resources.avg_cpu_percent, Some(50.0));
    assert!(registry.stats().refused_series > 0);
}

#[test]
fn a_view_while_others_record_is_a_view() {
    let (service, clock, _) = service(MonitoringOptions::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let service = service.clone();
            scope.spawn(move || (0..200).for_each(|_| record_one_of_each(&service)));
        }
        for _ in 0..20 {
            let all = service.get_comprehensive_metrics();
            assert!(all.events.failures == 0 && all.events.total <= 400);
            service.tick(clock.now_ns());
        }
    });
    let all = service.get_comprehensive_metrics();
    assert_eq!((all.events.total, all.errors[0].count, all.retries[0].count), (400, 400, 400));
    assert_eq!(all.resources.cpu_samples, 400);
}

#[test]
fn instruments_may_be_used_where_a_panic_is_caught() {
    let metrics = ServiceMetrics::new(&Registry::new(), MonitoringOptions::default()).unwrap();
    let caught = std::panic::catch_unwind(|| {
        let _running = metrics.stages().start("fetch");
        std::panic::resume_unwind(Box::new("stop"));
    });
    assert!(caught.is_err());
    assert_eq!(metrics.stages().stage("fetch").metrics().errors, 1);
}
