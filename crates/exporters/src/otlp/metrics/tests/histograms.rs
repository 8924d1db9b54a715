//! Histograms, with their exemplars.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use opentelemetry_proto::tonic::metrics::v1::exemplar;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use perf_monitor_core::{Desc, Exemplar, HistogramOptions, Registry, Unit};

use super::{histograms, the_metric};

#[test]
fn a_histogram_has_its_buckets_sum_and_ends() {
    let registry = Registry::new();
    let desc = Desc::new("wait_seconds", "").unit(Unit::Microseconds);
    let times = registry.histogram(desc, HistogramOptions::default()).unwrap();
    [0, 3, 1_000_000, 4_000_000].into_iter().for_each(|us| times.record(us));
    let metric = the_metric(&registry);
    assert_eq!(metric.unit, "s");
    let Some(Data::ExponentialHistogram(data)) = &metric.data else { panic!("{metric:?}") };
    assert_eq!(data.aggregation_temporality, 2);
    let point = &data.data_points[0];
    assert_eq!((point.count, point.zero_count, point.zero_threshold), (4, 1, 0.0));
    assert_eq!((point.sum, point.min, point.max), (Some(5.000_003), Some(0.0), Some(4.0)));
    // 3 µs to 4 s are 20.3 doublings: seven buckets each fit, but a power of two is needed.
    assert_eq!(point.scale, 2);
    let buckets = point.positive.as_ref().unwrap();
    assert_eq!(buckets.bucket_counts.iter().sum::<u64>(), 3);
    assert!(point.start_time_unix_nano > 0 && point.time_unix_nano >= point.start_time_unix_nano);
    assert_eq!((point.negative.as_ref(), point.flags), (None, 0));
}

#[test]
fn a_histogram_without_values_has_no_ends() {
    let registry = Registry::new();
    let _empty = registry.histogram(("sizes", ""), HistogramOptions::default()).unwrap();
    let metric = the_metric(&registry);
    let point = &histograms(&metric)[0];
    assert_eq!((point.count, point.sum, point.min, point.max), (0, Some(0.0), None, None));
}

#[test]
fn what_was_counted_without_room_for_its_cells_lies_within_its_ends() {
    let registry = Registry::new();
    let sizes = registry.histogram(("sizes", ""), HistogramOptions::default().digits(3)).unwrap();
    registry.set_budget_bytes(0);
    sizes.record(40_000);
    assert!(registry.stats().coarse_records > 0);
    let metric = the_metric(&registry);
    let point = &histograms(&metric)[0];
    assert_eq!((point.count, point.min, point.max), (1, Some(40_000.0), Some(40_000.0)));
}

#[test]
fn exemplars_lead_to_traces() {
    let registry = Registry::new();
    let desc = Desc::new("wait_seconds", "").unit(Unit::Nanoseconds);
    let times = registry.histogram(desc, HistogramOptions::default()).unwrap();
    for (value, trace_id, span_id, unix_ns) in
        [(1_500_000, 0xfeed, 0xabc, 77), (20_000_000, 1 << 127, 0, 78)]
    {
        times.record(value);
        times.exemplar(Exemplar { value, trace_id, span_id, unix_ns });
    }
    let metric = the_metric(&registry);
    let [first, second] = &*histograms(&metric)[0].exemplars else { panic!("{metric:?}") };
    assert_eq!(first.trace_id, 0xfeed_u128.to_be_bytes());
    assert_eq!(first.span_id, 0xabc_u64.to_be_bytes());
    assert_eq!((first.time_unix_nano, first.value), (77, Some(exemplar::Value::AsDouble(0.0015))));
    assert_eq!((second.trace_id[0], second.span_id.len()), (0x80, 0));
    assert_eq!(second.value, Some(exemplar::Value::AsDouble(0.02)));
}

#[test]
fn what_is_recorded_meanwhile_leaves_each_point_whole() {
    let registry = Registry::new();
    let desc = Desc::new("wait_seconds", "").unit(Unit::Nanoseconds);
    let times = registry.histogram(desc, HistogramOptions::default()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut values = (0u64..).map(|i| i.wrapping_mul(0x9e37_79b9) % 50_000_000);
            while !done.load(Relaxed) {
                values.by_ref().take(100).for_each(|value| times.record(value));
            }
        });
        let mut before = 0;
        for _ in 0..200 {
            let metric = the_metric(&registry);
            let point = &histograms(&metric)[0];
            let counts = &point.positive.as_ref().unwrap().bucket_counts;
            assert_eq!(point.zero_count + counts.iter().sum::<u64>(), point.count);
            assert!(point.count >= before);
            before = point.count;
        }
        done.store(true, Relaxed);
    });
}
