//! What the metrics crate and its Prometheus exporter expect of a recorder.

use std::sync::Arc;
use std::time::Duration;

use metrics::{
    Key, KeyName, Label, Level, Metadata, Recorder, Unit, counter, describe_counter,
    describe_gauge, describe_histogram, gauge, histogram, set_default_local_recorder,
    with_local_recorder,
};
use perf_monitor_bridges::metrics::MetricsBridge;
use perf_monitor_core::{HistogramValue, Registry, Unit as Recorded, Value};

static METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

fn bridged() -> (Registry, MetricsBridge) {
    let registry = Registry::new();
    let bridge = MetricsBridge::new(&registry).unwrap();
    (registry, bridge)
}

#[track_caller]
fn total(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> u64 {
    match registry.snapshot().value(name, labels) {
        Some(Value::Counter(n)) => n,
        other => panic!("{name} {labels:?} is {other:?}"),
    }
}

#[track_caller]
fn level(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> f64 {
    match registry.snapshot().value(name, labels) {
        Some(Value::Gauge(x)) => x,
        other => panic!("{name} {labels:?} is {other:?}"),
    }
}

#[track_caller]
fn distribution(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> HistogramValue {
    match registry.snapshot().value(name, labels) {
        Some(Value::Histogram(h)) => h.clone(),
        other => panic!("{name} {labels:?} is {other:?}"),
    }
}

#[test]
fn counters_gauges_and_histograms_are_metrics_of_the_registry() {
    let (registry, bridge) = bridged();
    bridge.register_counter(&Key::from_name("basic_counter"), &METADATA).increment(42);
    assert_eq!(total(&registry, "basic_counter_total", &[]), 42);

    let key = Key::from_parts("basic_gauge", vec![Label::new("wutang", "forever")]);
    bridge.register_gauge(&key, &METADATA).set(-3.5);
    assert_eq!(level(&registry, "basic_gauge", &[("wutang", "forever")]), -3.5);

    bridge.register_histogram(&Key::from_name("basic_histogram"), &METADATA).record(12.0);
    let basic = distribution(&registry, "basic_histogram", &[]);
    assert_eq!((basic.count, basic.sum as f64 * basic.sum_unit.scale()), (1, 12.0));
}

#[test]
fn registering_a_key_again_gives_the_same_metric() {
    let (registry, bridge) = bridged();
    let key = Key::from_parts("jobs", &[("queue", "mail"), ("tenant", "a")]);
    let turned = Key::from_parts("jobs", &[("tenant", "a"), ("queue", "mail")]);
    let kept = bridge.register_counter(&key, &METADATA);
    kept.increment(1);
    bridge.register_counter(&key, &METADATA).increment(1);
    bridge.register_counter(&turned, &METADATA).increment(1);
    MetricsBridge::new(&registry).unwrap().register_counter(&key, &METADATA).increment(1);
    kept.clone().increment(1);
    assert_eq!(total(&registry, "jobs_total", &[("queue", "mail"), ("tenant", "a")]), 5);

    let gauge = |by: f64| bridge.register_gauge(&Key::from_name("level"), &METADATA).increment(by);
    gauge(1.5);
    gauge(2.0);
    assert_eq!(level(&registry, "level", &[]), 3.5);

    let record = || bridge.register_histogram(&Key::from_name("sizes"), &METADATA).record(1.0);
    record();
    record();
    assert_eq!(distribution(&registry, "sizes", &[]).count, 2);
}

#[test]
fn an_absolute_counter_never_goes_back() {
    let (registry, bridge) = bridged();
    let counter = bridge.register_counter(&Key::from_name("packets"), &METADATA);
    let packets = || total(&registry, "packets_total", &[]);
    counter.absolute(10);
    assert_eq!(packets(), 10);
    counter.absolute(7);
    assert_eq!(packets(), 10, "an older total came late");
    counter.absolute(10);
    assert_eq!(packets(), 10);
    counter.increment(5);
    assert_eq!(packets(), 15);
    counter.absolute(12);
    assert_eq!(packets(), 15);
    counter.absolute(20);
    assert_eq!(packets(), 20);
}

#[test]
fn absolute_totals_of_several_threads_give_the_highest() {
    let (registry, bridge) = bridged();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let bridge = &bridge;
            scope.spawn(move || {
                let counter = bridge.register_counter(&Key::from_name("read"), &METADATA);
                (0..500).for_each(|n| counter.absolute(4 * n + thread));
            });
        }
    });
    assert_eq!(total(&registry, "read_total", &[]), 1_999);
}

#[test]
fn a_gauge_is_set_raised_and_lowered() {
    let (registry, bridge) = bridged();
    with_local_recorder(&bridge, || {
        gauge!("open").set(10.0);
        gauge!("open").increment(2.5);
        gauge!("open").decrement(5_u32);
    });
    assert_eq!(level(&registry, "open", &[]), 7.5);
    with_local_recorder(&bridge, || gauge!("open").set(f64::NAN));
    assert!(level(&registry, "open", &[]).is_nan());
}

#[test]
fn a_histogram_takes_many_at_once_and_durations() {
    let (registry, bridge) = bridged();
    with_local_recorder(&bridge, || {
        histogram!("fetch_seconds").record_many(0.25, 7);
        histogram!("fetch_seconds").record(Duration::from_millis(500));
    });
    let fetch = distribution(&registry, "fetch_seconds", &[]);
    assert_eq!((fetch.count, fetch.sum, fetch.max), (8, 2_250_000_000, 500_000_000));
}

#[test]
fn values_that_a_histogram_cannot_have_are_counted_beside_it() {
    let (registry, bridge) = bridged();
    with_local_recorder(&bridge, || {
        histogram!("odd").record(f64::NAN);
        histogram!("odd").record(-1.0);
        histogram!("odd").record_many(-1.0, 3);
        histogram!("odd").record(f64::INFINITY);
        histogram!("odd").record(0.0);
    });
    assert_eq!(distribution(&registry, "odd", &[]).count, 2);
    let refused = "perf_monitor_bridge_refused_total";
    assert_eq!(total(&registry, refused, &[("reason", "value")]), 5);
}

#[test]
fn macros_take_every_form_of_name_and_label() {
    let (registry, bridge) = bridged();
    let status = 404_u16;
    let labels = [("uvw", format!("{}!", "xyz"))];
    const KEY: &str = "constant";
    with_local_recorder(&bridge, || {
        counter!("literal").increment(1);
        counter!("literal_labels", "uvw" => "xyz").increment(1);
        counter!(format!("response_{status}")).increment(1);
        counter!(format!("labelled_{status}"), "uvw" => "xyz").increment(1);
        counter!(format!("dynamic_{status}"), &labels).increment(12);
        counter!(KEY).increment(17);
        counter!(target: "elsewhere", level: Level::DEBUG, "targeted").increment(1);
    });
    assert_eq!(total(&registry, "literal_total", &[]), 1);
    assert_eq!(total(&registry, "literal_labels_total", &[("uvw", "xyz")]), 1);
    assert_eq!(total(&registry, "response_404_total", &[]), 1);
    assert_eq!(total(&registry, "labelled_404_total", &[("uvw", "xyz")]), 1);
    assert_eq!(total(&registry, "dynamic_404_total", &[("uvw", "xyz!")]), 12);
    assert_eq!(total(&registry, "constant_total", &[]), 17);
    assert_eq!(total(&registry, "targeted_total", &[]), 1);
}

#[test]
fn descriptions_that_come_first_are_the_help_text_and_the_unit() {
    let (registry, bridge) = bridged();
    with_local_recorder(&bridge, || {
        describe_counter!("sent", Unit::Bytes, "Bytes that were sent.");
        describe_counter!("sent", Unit::Seconds, "A second description.");
        describe_gauge!("age", Unit::Seconds, "Age of the file.");
        describe_histogram!("latency", Unit::Seconds, "Time to answer.");
        describe_histogram!("pause", Unit::Milliseconds, "Time that is lost.");
        counter!("sent").increment(1);
        gauge!("age").set(2.0);
        histogram!("latency").record(0.000_000_001);
        histogram!("pause").record(1.5);
    });
    let snapshot = registry.snapshot();
    let info = |name| &snapshot.family(name).unwrap().info;
    let told = |name| (&*info(name).help, info(name).unit);
    assert_eq!(told("sent_total"), ("Bytes that were sent.", Recorded::Bytes));
    assert_eq!(told("age"), ("Age of the file.", Recorded::Seconds));
    assert_eq!(told("latency"), ("Time to answer.", Recorded::Nanoseconds));
    assert_eq!(told("pause"), ("Time that is lost. In milliseconds.", Recorded::Millionths));
    assert_eq!(distribution(&registry, "latency", &[]).sum, 1);
    assert_eq!(distribution(&registry, "pause", &[]).sum, 1_500_000, "shown as 1.5");
}

#[test]
fn a_description_that_comes_late_changes_nothing_and_is_counted() {
    let (registry, bridge) = bridged();
    with_local_recorder(&bridge, || {
        counter!("sent").increment(1);
        describe_counter!("sent", Unit::Bytes, "Bytes that were sent.");
        counter!("sent").increment(1);
    });
    assert_eq!(total(&registry, "sent_total", &[]), 2);
    let refused = "perf_monitor_bridge_refused_total";
    assert_eq!(total(&registry, refused, &[("reason", "description")]), 1);
    let help = &registry.snapshot().family("sent_total").unwrap().info.help.clone();
    assert_eq!(&**help, "Recorded as \"sent\" through the metrics crate.");
}

#[test]
fn what_was_said_once_may_be_said_again() {
    let (registry, bridge) = bridged();
    with_local_recorder(&bridge, || {
        for _ in 0..3 {
            describe_counter!("sent", Unit::Bytes, "Bytes that were sent.");
            counter!("sent").increment(1);
        }
    });
    assert_eq!(
        &*registry.snapshot().family("sent_total").unwrap().info.help,
        "Bytes that were sent."
    );
    let refused = "perf_monitor_bridge_refused_total";
    assert_eq!(total(&registry, refused, &[("reason", "description")]), 0);
}

#[test]
fn threads_record_into_one_metric() {
    let (registry, bridge) = bridged();
    let bridge = Arc::new(bridge);
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let bridge = bridge.clone();
            std::thread::spawn(move || {
                let _guard = set_default_local_recorder(&*bridge);
                for n in 0..1_000_u32 {
                    counter!("hits", "route" => "/a").increment(1);
                    counter!("hits", "route" => format!("/{}", n % 300)).increment(1);
                    histogram!("sizes", "thread" => thread.to_string()).record(n);
                    gauge!("open").increment(1.0);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(total(&registry, "hits_total", &[("route", "/a")]), 8_000);
    let snapshot = registry.snapshot();
    let hits = snapshot.family("hits_total").unwrap();
    assert_eq!(hits.series.len(), 301);
    let all = hits.series.iter().map(|series| match series.value.as_value() {
        Value::Counter(n) => n,
        other => panic!("{other:?}"),
    });
    assert_eq!(all.sum::<u64>(), 16_000);
    assert_eq!(level(&registry, "open", &[]), 8_000.0);
    for thread in 0..8 {
        let thread = thread.to_string();
        assert_eq!(distribution(&registry, "sizes", &[("thread", &thread)]).count, 1_000);
    }
}

#[test]
fn local_recorders_nest_and_do_not_mix() {
    let (first, to_first) = bridged();
    let (second, to_second) = bridged();
    let count = || counter!("seen").increment(1);
    count();
    with_local_recorder(&to_first, || {
        count();
        with_local_recorder(&to_second, count);
        count();
    });
    with_local_recorder(&to_second, count);
    assert_eq!(total(&first, "seen_total", &[]), 2);
    assert_eq!(total(&second, "seen_total", &[]), 2);
}

#[test]
fn a_handle_outlives_its_recorder() {
    let (registry, bridge) = bridged();
    let counter = bridge.register_counter(&Key::from_name("kept"), &METADATA);
    drop(bridge);
    counter.increment(3);
    assert_eq!(total(&registry, "kept_total", &[]), 3);
    drop(registry);
    counter.increment(1);
}

#[test]
fn the_recorder_of_the_process_is_installed_once() {
    let (registry, bridge) = bridged();
    bridge.clone().install().unwrap();
    counter!("everywhere").increment(1);
    std::thread::spawn(|| counter!("everywhere").increment(1)).join().unwrap();
    assert_eq!(total(&registry, "everywhere_total", &[]), 2);
    let again = bridge.install().unwrap_err().into_inner();
    let other = KeyName::from("elsewhere");
    again.describe_counter(other, None, "The error gives the bridge back.".into());
}
