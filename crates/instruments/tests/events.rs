//! Events of a service, as structs and as metrics.

use std::time::Duration;

use perf_monitor_core::{Clock, OwnedValue, Registry, Value};
use perf_monitor_instruments::{Event, EventMetrics, Events};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn counter(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
    match registry.snapshot().value(name, labels) {
        Some(Value::Counter(n)) => Some(n),
        _ => None,
    }
}

#[test]
fn nothing_recorded_is_nothing_known() {
    let metrics = Events::new(&Registry::new()).unwrap().summary();
    assert_eq!(metrics, EventMetrics::default());
    assert_eq!((metrics.error_rate(), metrics.deduplication_rate()), (None, None));
    assert_eq!((metrics.p95, metrics.avg, metrics.throughput_per_s), (None, None, None));
}

#[test]
fn an_event_is_processed_well_unless_it_says_otherwise() {
    let event = Event::new("mqtt", "light", "light.hall");
    assert_eq!((event.source, event.domain, event.entity), ("mqtt", "light", "light.hall"));
    assert!(event.success && !event.duplicate && event.duration.is_none());
    let event = event.success(false).duplicate(true).wrote(2, 80).duration(ms(3));
    assert_eq!((event.success, event.duplicate), (false, true));
    assert_eq!((event.data_points, event.bytes, event.duration), (2, 80, Some(ms(3))));
}

#[test]
fn events_are_counted_by_source_domain_and_entity() {
    let registry = Registry::new();
    let events = Events::new(&registry).unwrap();
    events.record_event_processed("mqtt", "light", "light.hall");
    events.record_event_processed("mqtt", "light", "light.attic");
    events.record_event_processed("websocket", "sensor", "sensor.door");
    events.record(&Event::new("websocket", "light", "light.hall").success(false));

    let metrics = events.summary();
    assert_eq!((metrics.total, metrics.failures, metrics.overflow), (4, 1, 0));
    assert_eq!(metrics.error_rate(), Some(0.25));
    assert_eq!(Vec::from_iter(metrics.by_source), [("mqtt".into(), 2), ("websocket".into(), 2)]);
    assert_eq!(Vec::from_iter(metrics.by_domain), [("light".into(), 3), ("sensor".into(), 1)]);
    assert_eq!(metrics.by_entity["light.hall"], 2);

    let labels = [("source", "websocket"), ("domain", "light"), ("entity", "light.hall")];
    let with = |outcome| [&labels[..], &[("outcome", outcome)]].concat();
    assert_eq!(counter(&registry, "events_total", &with("failure")), Some(1));
    assert_eq!(counter(&registry, "events_total", &with("success")), Some(0));
}

#[test]
fn percentiles_are_over_all_domains_and_the_metric_is_by_domain() {
    let registry = Registry::new();
    let events = Events::new(&registry).unwrap();
    for n in 1..=100 {
        let domain = if n % 2 == 0 { "light" } else { "sensor" };
        events.record(&Event::new("mqtt", domain, "one").duration(ms(n)));
    }
    let metrics = events.summary();
    assert_eq!((metrics.timed, metrics.max), (100, Some(ms(100))));
    assert_eq!(metrics.avg, Some(Duration::from_micros(50_500)));
    for (found, exact) in [(metrics.p50, 50), (metrics.p95, 95), (metrics.p99, 99)] {
        let found = found.unwrap().as_secs_f64() * 1e3;
        assert!(found >= exact as f64 && found <= exact as f64 * 1.01, "{found} of {exact}");
    }
    let snapshot = registry.snapshot();
    let by_domain = snapshot.value("event_processing_duration_seconds", &[("domain", "light")]);
    assert!(matches!(by_domain, Some(Value::Histogram(h)) if h.count == 50));
}

#[test]
fn a_time_of_no_known_domain_is_told_apart() {
    let registry = Registry::new();
    let events = Events::new(&registry).unwrap();
    events.record_processing_time(Duration::from_micros(150_500));
    assert_eq!(events.summary().total, 0);
    assert_eq!(events.summary().max, Some(Duration::from_micros(150_500)));
    let snapshot = registry.snapshot();
    let unknown = snapshot.value("event_processing_duration_seconds", &[("domain", "")]);
    assert!(matches!(unknown, Some(Value::Histogram(h)) if h.count == 1));
}

#[test]
fn a_duration_past_the_longest_is_recorded_as_the_longest() {
    let events = Events::new(&Registry::new()).unwrap();
    events.record_processing_time(Duration::MAX);
    events.record_processing_time(Duration::ZERO);
    let metrics = events.summary();
    assert_eq!((metrics.timed, metrics.max), (2, Some(Duration::from_secs(3_600))));
}

#[test]
fn data_is_counted_by_source() {
    let registry = Registry::new();
    let events = Events::new(&registry).unwrap();
    events.record(&Event::new("mqtt", "light", "one").wrote(3, 120));
    events.record_data_points("mqtt", 2, 80);
    events.record_data_points("websocket", 1, 40);
    assert_eq!((events.summary().data_points, events.summary().data_bytes), (6, 240));
    let mqtt = [("source", "mqtt")];
    assert_eq!(counter(&registry, "data_points_written_total", &mqtt), Some(5));
    assert_eq!(counter(&registry, "data_written_bytes_total", &mqtt), Some(200));
}

#[test]
fn a_duplicate_is_not_processed_but_counts_in_what_arrived() {
    let registry = Registry::new();
    let events = Events::new(&registry).unwrap();
    let event = Event::new("mqtt", "light", "one").duration(ms(1)).wrote(1, 40);
    (0..3).for_each(|_| events.record(&event));
    events.record(&event.duplicate(true));
    let metrics = events.summary();
    assert_eq!((metrics.total, metrics.timed, metrics.data_points), (3, 3, 3));
    assert_eq!((metrics.duplicates, metrics.deduplication_rate()), (1, Some(0.25)));
    assert_eq!(counter(&registry, "events_deduplicated_total", &[("source", "mqtt")]), Some(1));
}

#[test]
fn levels_are_what_was_said_last() {
    let registry = Registry::new();
    let events = Events::new(&registry).unwrap();
    events.set_queue_depth("incoming", 7);
    events.set_queue_depth("incoming", 0);
    events.set_connections("mqtt", 2);
    let metrics = events.summary();
    assert_eq!(Vec::from_iter(metrics.queue_depths), [("incoming".into(), 0)]);
    assert_eq!(metrics.connections["mqtt"], 2);
    let snapshot = registry.snapshot();
    let depth = snapshot.value("queue_depth", &[("queue", "incoming")]);
    assert!(matches!(depth, Some(Value::Gauge(0.0))));
    assert!(matches!(
        snapshot.value("active_connections", &[("kind", "mqtt")]),
        Some(Value::Gauge(2.0))
    ));
}

#[test]
fn throughput_is_that_of_the_last_window() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock.clone()).build();
    let events = Events::new(&registry).unwrap();
    let record = |n| (0..n).for_each(|_| events.record_event_processed("mqtt", "light", "one"));
    record(30);
    hand.advance(Duration::from_secs(10));
    events.tick(clock.now_ns());
    assert_eq!(events.summary().throughput_per_s, Some(3.0));
    events.tick(clock.now_ns()); // the clock stands still: the window stays
    assert_eq!(events.summary().throughput_per_s, Some(3.0));
    record(5);
    hand.advance(Duration::from_secs(1));
    events.tick(clock.now_ns());
    assert_eq!(events.summary().throughput_per_s, Some(5.0));
    hand.advance(Duration::from_secs(1));
    events.tick(clock.now_ns());
    assert_eq!(events.summary().throughput_per_s, Some(0.0));
}

#[test]
fn names_without_room_are_in_the_totals_and_counted_as_refused() {
    let registry = Registry::builder().budget_bytes(40_000).build();
    let events = Events::new(&registry).unwrap();
    for n in 0..1_000 {
        let entity = format!("sensor.number_{n}");
        let event = Event::new("mqtt", "sensor", &entity).success(n % 10 != 0).duration(ms(1));
        events.record(&event);
    }
    let metrics = events.summary();
    assert_eq!((metrics.total, metrics.failures, metrics.timed), (1_000, 100, 1_000));
    assert!((1..1_000).contains(&metrics.overflow), "{}", metrics.overflow);
    assert_eq!(metrics.by_entity.values().sum::<u64>() + metrics.overflow, 1_000);
    let stats = registry.stats();
    assert!(stats.refused_series >= metrics.overflow);
    // What an overflow series takes is outside of the budget: there is one for each metric.
    assert!(stats.charged_bytes <= 40_000 + 2 * 8_192, "{}", stats.charged_bytes);
}

#[test]
fn totals_are_exact_when_many_threads_record() {
    let registry = Registry::new();
    let events = Events::new(&registry).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let events = events.clone();
            scope.spawn(move || {
                let source = format!("source {thread}");
                for n in 0..1_000 {
                    let entity = ["a", "b", "c"][n % 3];
                    events.record(&Event::new(&source, "shared", entity).duration(ms(1)));
                }
            });
        }
    });
    let metrics = events.summary();
    assert_eq!((metrics.total, metrics.timed), (4_000, 4_000));
    assert_eq!(metrics.by_source["source 2"], 1_000);
    assert_eq!(metrics.by_domain["shared"], 4_000);
    assert_eq!(metrics.by_entity["a"], 4 * 334);
}

#[test]
fn who_asks_twice_gets_the_same_events() {
    let registry = Registry::new();
    Events::new(&registry).unwrap().record_event_processed("mqtt", "light", "one");
    assert_eq!(Events::new(&registry).unwrap().summary().total, 1);
    assert_eq!(Events::new(&Registry::new()).unwrap().summary().total, 0);
}

#[test]
fn a_name_that_is_taken_by_another_kind_is_an_error() {
    let registry = Registry::new();
    registry.gauge(("queue_depth", "Something else.")).unwrap();
    assert!(Events::new(&registry).unwrap_err().is_clash());
}

#[test]
fn an_unseen_outcome_is_zero_in_the_registry() {
    let registry = Registry::new();
    Events::new(&registry).unwrap().record_event_processed("mqtt", "light", "one");
    let snapshot = registry.snapshot();
    let series = &snapshot.family("events_total").unwrap().series;
    let zeroes = series.iter().filter(|one| matches!(one.value, OwnedValue::Counter(0))).count();
    assert_eq!((series.len(), zeroes), (2, 1));
}

#[test]
fn a_guard_records_its_event_unless_it_is_discarded() {
    let events = Events::new(&Registry::new()).unwrap();
    drop(events.start("mqtt", "light", "one"));
    events.start("mqtt", "light", "one").fail();
    events.start("mqtt", "light", "one").duplicate();
    events.start("mqtt", "light", "one").discard();
    events.start("mqtt", "light", "one").wrote(u64::MAX, 0);
    let metrics = events.summary();
    assert_eq!((metrics.total, metrics.failures, metrics.timed), (3, 1, 3));
    assert_eq!((metrics.duplicates, metrics.data_points), (1, u64::MAX));
}

#[test]
fn an_event_that_panics_is_a_failure() {
    let events = Events::new(&Registry::new()).unwrap();
    let panics = || {
        let _event = events.start("mqtt", "light", "one");
        panic!("as a handler might");
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    assert_eq!((events.summary().total, events.summary().failures), (1, 1));
}

#[test]
fn sums_of_sources_stay_at_the_most_that_a_number_holds() {
    let events = Events::new(&Registry::new()).unwrap();
    for source in ["mqtt", "rest"] {
        events.record_data_points(source, u64::MAX, u64::MAX);
    }
    let metrics = events.summary();
    assert_eq!((metrics.data_points, metrics.data_bytes), (u64::MAX, u64::MAX));
}
