//! Reads, writes and the time of the last operation.

use perf_monitor_core::{Clock, Registry, Value};
use perf_monitor_instruments::{Io, IoMetrics, Timeline};
use std::time::Duration;

#[test]
fn reads_and_writes_of_threads_add_up() {
    let io = Io::new(&Registry::new()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for bytes in 0..1_000 {
                    io.record_io_read(bytes);
                    io.record_io_write(2);
                }
            });
        }
    });
    let IoMetrics { reads, writes, bytes_read, bytes_written, .. } = io.metrics();
    assert_eq!((reads, bytes_read), (8_000, 8 * 499_500));
    assert_eq!((writes, bytes_written), (8_000, 16_000));
}

#[test]
fn the_time_of_the_last_operation_is_the_clock_s_to_a_millisecond() {
    let (clock, hand) = Clock::fake();
    let io = Io::new(&Registry::builder().clock(clock.clone()).build()).unwrap();
    assert_eq!(io.metrics().last_operation_unix_ns, None);
    io.record_io_read(1);
    let first = clock.unix_ns();
    hand.advance(Duration::from_micros(999));
    io.record_io_read(1);
    assert_eq!(io.metrics().last_operation_unix_ns, Some(first));
    hand.advance(Duration::from_micros(1));
    io.record_io_write(1);
    assert_eq!(io.metrics().last_operation_unix_ns, Some(clock.unix_ns()));
}

#[test]
fn the_time_is_a_metric_that_is_absent_before_the_first_operation() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock).build();
    let io = Io::new(&registry).unwrap();
    hand.advance(Duration::from_millis(500));
    const NAME: &str = "io_last_operation_timestamp_seconds";
    assert!(registry.snapshot().family(NAME).is_none());
    io.record_io_write(1);
    let snapshot = registry.snapshot();
    assert!(matches!(snapshot.value(NAME, &[]), Some(Value::Gauge(1_000_000_000.5))));
}

#[test]
fn io_is_metrics_of_its_registry() {
    let registry = Registry::new();
    Io::new(&registry).unwrap().record_io_read(7);
    Io::new(&registry).unwrap().record_io_read(8);
    let snapshot = registry.snapshot();
    let read = |name| match snapshot.value(name, &[("operation", "read")]) {
        Some(Value::Counter(n)) => n,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!((read("io_operations_total"), read("io_bytes_total")), (2, 15));
    let writes = snapshot.value("io_operations_total", &[("operation", "write")]);
    assert!(matches!(writes, Some(Value::Counter(0))), "no write is a measurement");
}

#[test]
fn operations_of_the_timeline_are_counted_by_name() {
    let registry = Registry::new();
    let timeline = Timeline::new(&registry).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|n| timeline.record(["commit", "snapshot"][n % 2])));
        }
    });
    let counts: Vec<_> = timeline.summary().into_iter().map(|c| (c.operation, c.count)).collect();
    assert_eq!(counts, [("commit".to_owned(), 200), ("snapshot".to_owned(), 200)]);
    let snapshot = registry.snapshot();
    let commits = snapshot.value("timeline_operations_total", &[("operation", "commit")]);
    assert!(matches!(commits, Some(Value::Counter(200))));
}

#[test]
fn reads_are_no_writes_where_neither_has_room() {
    let io = Io::new(&Registry::builder().budget_bytes(0).build()).unwrap();
    io.record_io_read(4_096);
    let metrics = io.metrics();
    assert_eq!((metrics.reads, metrics.bytes_read), (1, 4_096));
    assert_eq!((metrics.writes, metrics.bytes_written), (0, 0));
}
