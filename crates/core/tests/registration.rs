//! A bad registration is refused by name; a good one is the same metric each time.

use perf_monitor_core::{
    Desc, Error, HistogramOptions, Kind, MetricsCollector, Registry, Unit, Value,
};

/// The error, after it was found to name each of `names`.
fn naming<T>(result: Result<T, Error>, names: &[&str]) -> Error {
    let error = result.err().expect("the registration is refused");
    for name in names {
        assert!(error.to_string().contains(name), "{error} does not name {name}");
    }
    assert!(error.to_string().starts_with(char::is_lowercase));
    error
}

const BAD_NAMES: [&str; 7] = ["", "9lives", "a-b", "a b", "naïve", "a\n", "a{b}"];

#[test]
fn an_invalid_metric_name_is_refused_for_every_kind() {
    let registry = Registry::new();
    let options = HistogramOptions::default();
    for bad in BAD_NAMES {
        let desc = (bad, "");
        let quoted = format!("{bad:?}");
        let errors = [
            naming(registry.counter(desc), &[&quoted]),
            naming(registry.float_counter(desc), &[&quoted]),
            naming(registry.observed_counter(desc), &[&quoted]),
            naming(registry.gauge(desc), &[&quoted]),
            naming(registry.histogram(desc, options), &[&quoted]),
            naming(registry.counter_family(desc, &["a"]), &[&quoted]),
            naming(registry.float_counter_family(desc, &["a"]), &[&quoted]),
            naming(registry.observed_counter_family(desc, &["a"]), &[&quoted]),
            naming(registry.gauge_family(desc, &["a"]), &[&quoted]),
            naming(registry.histogram_family(desc, &["a"], options), &[&quoted]),
        ];
        assert!(errors.iter().all(Error::is_invalid_name));
    }
    assert_eq!(registry.stats().families, 0);
}

#[test]
fn an_invalid_or_reserved_label_name_is_refused() {
    let registry = Registry::new();
    let reserved = ["le", "quantile", "overflow", "__name__", "__x", "a:b"];
    for bad in BAD_NAMES.into_iter().chain(reserved) {
        let error = naming(
            registry.gauge_family(("level", ""), &["tank", bad]),
            &["\"level\"", &format!("{bad:?}")],
        );
        assert!(error.is_invalid_name());
    }
    assert_eq!(registry.stats().families, 0);
}

#[test]
fn a_label_name_that_is_there_twice_is_refused() {
    let twice = Registry::new().gauge_family(("level", ""), &["tank", "side", "tank"]);
    assert!(naming(twice, &["\"level\"", "\"tank\""]).is_invalid_name());
}

#[test]
fn another_kind_under_a_name_that_is_taken_is_refused() {
    let registry = Registry::new();
    let options = HistogramOptions::default();
    registry.counter(("jobs", "")).unwrap();
    registry.gauge(("level", "")).unwrap();
    let named = &["\"jobs_total\""];
    let clashes = [
        naming(registry.float_counter(("jobs", "")), named),
        naming(registry.observed_counter(("jobs_total", "")), named),
        naming(registry.gauge(("jobs_total", "")), named),
        naming(registry.histogram(("jobs_total", ""), options), named),
        naming(registry.counter_family(("jobs", ""), &["queue"]), &["\"jobs_total\"", "queue"]),
        naming(registry.histogram(("level", ""), options), &["\"level\""]),
    ];
    assert!(clashes.iter().all(Error::is_clash));
}

#[test]
fn other_labels_are_refused() {
    let registry = Registry::new();
    registry.gauge_family(("level", ""), &["tank", "side"]).unwrap();
    for labels in [&["tank"][..], &["side", "tank"], &["tank", "side", "more"], &[]] {
        let error = naming(registry.gauge_family(("level", ""), labels), &["\"level\"", "tank"]);
        assert!(error.is_clash());
    }
    assert!(naming(registry.gauge(("level", "")), &["\"level\""]).is_clash());
}

#[test]
fn another_unit_is_refused() {
    let registry = Registry::new();
    registry.gauge(Desc::new("level", "").unit(Unit::Bytes)).unwrap();
    for other in [Unit::None, Unit::Ratio, Unit::Seconds] {
        let error = naming(registry.gauge(Desc::new("level", "").unit(other)), &["\"level\""]);
        assert!(error.is_clash());
    }
}

#[test]
fn other_digits_or_another_highest_value_are_refused() {
    let registry = Registry::new();
    let options = HistogramOptions::default();
    registry.histogram(("sizes", ""), options).unwrap();
    for other in [options.digits(3), options.highest(1_000)] {
        assert!(naming(registry.histogram(("sizes", ""), other), &["\"sizes\""]).is_clash());
    }
}

#[test]
fn histogram_options_out_of_range_are_refused() {
    let registry = Registry::new();
    let options = HistogramOptions::default();
    for (digits, highest) in [(0, 1_000), (4, 1_000), (255, 1_000), (2, 0), (2, 1), (1, u64::MAX)] {
        let bad = options.digits(digits).highest(highest);
        let alone = registry.histogram(("sizes", ""), bad);
        let family = registry.histogram_family(("sizes", ""), &["key"], bad);
        let numbers = [&*digits.to_string(), &*highest.to_string()];
        assert!(naming(alone, &numbers).is_options() && naming(family, &numbers).is_options());
    }
    assert_eq!(registry.stats().families, 0);
    for digits in 1..=3 {
        let name = format!("sizes_{digits}");
        let most = options.digits(digits).highest(1 << 50);
        registry.histogram((name, ""), most).unwrap().record(u64::MAX);
    }
}

#[test]
fn names_whose_samples_would_be_those_of_a_histogram_are_refused() {
    for suffix in ["bucket", "count", "sum", "created"] {
        let sample = format!("sizes_{suffix}");
        let named = &["\"sizes\"", &*format!("{sample:?}")];

        let registry = Registry::new();
        registry.histogram(("sizes", ""), HistogramOptions::default()).unwrap();
        assert!(naming(registry.gauge((&*sample, "")), named).is_clash());

        let registry = Registry::new();
        registry.gauge((&*sample, "")).unwrap();
        let histogram = registry.histogram(("sizes", ""), HistogramOptions::default());
        assert!(naming(histogram, named).is_clash());
    }
}

#[test]
fn the_same_registration_twice_is_the_same_metric() {
    let registry = Registry::new();
    let options = HistogramOptions::default();
    for round in 1..=2 {
        let desc = |name: &str| Desc::new(name, "Help.").unit(Unit::Bytes);
        let counter = registry.counter(desc("a")).unwrap();
        counter.inc();
        let float = registry.float_counter(desc("b")).unwrap();
        float.add(1.0);
        let observed = registry.observed_counter(desc("c")).unwrap();
        observed.observe(round);
        let gauge = registry.gauge(desc("d")).unwrap();
        gauge.add(1.0);
        let histogram = registry.histogram(desc("e"), options).unwrap();
        histogram.record(1);
        let family = registry.counter_family(desc("f"), &["x", "y"]).unwrap();
        family.inc(&["1", "2"]);
        assert_eq!((counter.get(), observed.get(), histogram.value().count), (round, round, round));
        assert_eq!((float.get(), gauge.get()), (round as f64, round as f64));
        assert_eq!(family.with(&["1", "2"]).unwrap().get(), round);
    }
    assert_eq!((registry.stats().families, registry.stats().series), (6, 6));
}

#[test]
fn counters_of_all_kinds_end_in_total_once() {
    let registry = Registry::new();
    registry.counter(("a", "")).unwrap().inc();
    registry.counter(("a_total", "")).unwrap().inc();
    registry.float_counter(("b", "")).unwrap();
    registry.observed_counter(("c_total", "")).unwrap();
    registry.gauge(("d", "")).unwrap();
    let snapshot = registry.snapshot();
    let names: Vec<&str> = snapshot.families.iter().map(|f| &*f.info.name).collect();
    assert_eq!(names, ["a_total", "b_total", "c_total", "d"]);
    let kinds = snapshot.families.iter().map(|f| f.info.kind);
    assert!(kinds.eq([Kind::Counter, Kind::Counter, Kind::Counter, Kind::Gauge]));
    assert!(matches!(snapshot.value("a_total", &[]), Some(Value::Counter(2))));
}

#[test]
fn help_unit_and_label_names_are_shown_as_given() {
    let registry = Registry::new();
    let desc = Desc::new("level", "How full \\ it\n\"is\".").unit(Unit::Ratio);
    registry.gauge_family(desc, &["tank", "side"]).unwrap().set(&["north", ""], 0.5);
    let snapshot = registry.snapshot();
    let info = &snapshot.family("level").unwrap().info;
    assert_eq!((&*info.help, info.unit), ("How full \\ it\n\"is\".", Unit::Ratio));
    assert!(info.label_names.iter().map(|n| &**n).eq(["tank", "side"]));
    let labels = [("side", ""), ("tank", "north")];
    assert!(matches!(snapshot.value("level", &labels), Some(Value::Gauge(0.5))));
}

#[test]
fn a_registry_has_one_collector_unless_a_name_of_it_is_taken() {
    let registry = Registry::new();
    let first = MetricsCollector::new(&registry).unwrap();
    first.record_request_size(1);
    first.record_request(std::time::Duration::ZERO, true);
    assert_eq!(MetricsCollector::new(&registry).unwrap().total_requests(), 1);

    let registry = Registry::new();
    registry.gauge(("requests_total", "")).unwrap();
    let refused = MetricsCollector::new(&registry).map(|_| ());
    assert!(naming(refused, &["\"requests_total\""]).is_clash());
}
