//! Series of one number, with their labels.

use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::NumberDataPoint;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use perf_monitor_core::{Clock, Desc, HistogramOptions, Registry, Unit};

use super::{NO_LIMIT, histograms, metrics, numbers, texts, the_metric};
use crate::otlp::metrics::packer::Packer;
use crate::otlp::resource::ResourceAttributes;

#[test]
fn a_counter_is_a_cumulative_monotonic_sum_since_its_start() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock).build();
    let jobs = registry.counter_family(("jobs_total", "Jobs."), &["queue", "kind"]).unwrap();
    jobs.with(&["mail", "new"]).unwrap().add(3);
    hand.advance(Duration::from_secs(60));
    let metric = the_metric(&registry);
    assert_eq!((&*metric.name, &*metric.description, &*metric.unit), ("jobs_total", "Jobs.", ""));
    let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality, 2);
    let [point] = &*sum.data_points else { panic!("{sum:?}") };
    assert_eq!(point.value, Some(Number::AsInt(3)));
    assert_eq!(texts(&point.attributes), ["queue=mail", "kind=new"]);
    assert_eq!(point.start_time_unix_nano, 1_000_000_000_000_000_000);
    assert_eq!(point.time_unix_nano - point.start_time_unix_nano, 60_000_000_000);
}

#[test]
fn units_are_ucum_s_and_numbers_in_the_base_unit() {
    for (unit, raw, code, wanted) in [
        (Unit::None, 5, "", Number::AsInt(5)),
        (Unit::Bytes, 5, "By", Number::AsInt(5)),
        (Unit::Seconds, 5, "s", Number::AsInt(5)),
        (Unit::Ratio, 5, "1", Number::AsInt(5)),
        (Unit::Nanoseconds, 1_500_000_001, "s", Number::AsDouble(1.500_000_001)),
        (Unit::Microseconds, 1_500_001, "s", Number::AsDouble(1.500_001)),
        (Unit::Millionths, 250_000, "", Number::AsDouble(0.25)),
        (Unit::None, i64::MAX as u64, "", Number::AsInt(i64::MAX)),
        (Unit::None, u64::MAX, "", Number::AsDouble(18_446_744_073_709_551_615.0)),
    ] {
        let registry = Registry::new();
        registry.counter(Desc::new("n_total", "").unit(unit)).unwrap().add(raw);
        let metric = the_metric(&registry);
        assert_eq!((&*metric.unit, numbers(&metric)[0].value), (code, Some(wanted)), "{unit:?}");
    }
}

#[test]
fn a_counter_of_fractions_is_a_sum_of_doubles() {
    let registry = Registry::new();
    let busy = Desc::new("busy_seconds_total", "").unit(Unit::Seconds);
    registry.float_counter(busy).unwrap().add(0.75);
    let metric = the_metric(&registry);
    assert!(matches!(&metric.data, Some(Data::Sum(sum)) if sum.is_monotonic));
    assert_eq!(numbers(&metric)[0].value, Some(Number::AsDouble(0.75)));
}

#[test]
fn a_gauge_has_no_start_and_may_be_no_number() {
    let registry = Registry::new();
    let gauge = registry.gauge(("depth", "")).unwrap();
    // The bits by which Prometheus marks the end of a series.
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    for (x, bits) in [
        (-2.5, (-2.5f64).to_bits()),
        (stale, f64::NAN.to_bits()),
        (f64::INFINITY, f64::INFINITY.to_bits()),
    ] {
        gauge.set(x);
        let metric = the_metric(&registry);
        assert!(matches!(metric.data, Some(Data::Gauge(_))));
        let [point] = numbers(&metric) else { panic!("{metric:?}") };
        let Some(Number::AsDouble(sent)) = point.value else { panic!("{point:?}") };
        assert_eq!((sent.to_bits(), point.start_time_unix_nano), (bits, 0));
        assert!(point.time_unix_nano > 0);
    }
}

#[test]
fn the_overflow_series_is_marked_as_opentelemetry_does() {
    let registry = Registry::builder().series_per_family(1).build();
    let calls = registry.counter_family(("calls_total", ""), &["route"]).unwrap();
    calls.with(&["/a"]).unwrap().add(1);
    calls.with(&["/b"]).unwrap().add(2);
    let metric = the_metric(&registry);
    let point = |point: &NumberDataPoint| (texts(&point.attributes), point.value);
    let shown: Vec<_> = numbers(&metric).iter().map(point).collect();
    assert_eq!(shown.len(), 2);
    for wanted in [("route=/a", 1), ("otel.metric.overflow: BoolValue(true)", 2)] {
        let wanted = (vec![wanted.0.to_owned()], Some(Number::AsInt(wanted.1)));
        assert!(shown.contains(&wanted), "{shown:?}");
    }
}

#[test]
fn hostile_labels_arrive_as_they_are() {
    let registry = Registry::new();
    let calls = registry.counter_family(("calls_total", "a \"help\"\n"), &["route"]).unwrap();
    let hostile = ["", "\0", "\"\\\n", "\u{202e}\u{10ffff}", "route"];
    hostile.iter().for_each(|value| calls.with(&[value]).unwrap().inc());
    let metric = the_metric(&registry);
    let sent: Vec<_> = numbers(&metric).iter().flat_map(|point| texts(&point.attributes)).collect();
    assert_eq!(sent, hostile.map(|value| format!("route={value}")));
}

#[test]
fn a_clock_that_was_set_back_gives_no_end_before_the_start() {
    let registry = Registry::new();
    registry.counter(("jobs_total", "")).unwrap().inc();
    registry.histogram(("sizes", ""), HistogramOptions::default()).unwrap().record(1);
    let mut packer = Packer::new(&ResourceAttributes::of_this_process(), NO_LIMIT);
    packer.unix_ns = 1;
    registry.visit(&mut packer);
    packer.close();
    let [counter, histogram] = &*metrics(&[packer.next_full().unwrap()]) else { panic!() };
    let (counter, histogram) = (&numbers(counter)[0], &histograms(histogram)[0]);
    assert!(counter.start_time_unix_nano > 1);
    assert_eq!(counter.time_unix_nano, counter.start_time_unix_nano);
    assert_eq!(histogram.time_unix_nano, histogram.start_time_unix_nano);
}
