//! Random registries, against what their snapshots say.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use perf_monitor_core::{Desc, HistogramOptions, OwnedValue, Registry, Snapshot, Unit};
use proptest::prelude::*;

use super::{bodies, metrics, numbers, texts};

/// What stands in a snapshot, as a collector should read it, worked out one value at a time.
fn model(snapshot: &Snapshot) -> BTreeMap<(String, Vec<String>), Vec<f64>> {
    let mut model = BTreeMap::new();
    for family in &snapshot.families {
        let scale = family.info.unit.scale();
        for series in &family.series {
            let labels = series.info.labels(&family.info).map(|(k, v)| format!("{k}={v}"));
            let values = match &series.value {
                OwnedValue::Counter(n) => vec![*n as f64 * scale],
                OwnedValue::FloatCounter(x) | OwnedValue::Gauge(x) => vec![*x * scale],
                OwnedValue::Histogram(h) => {
                    vec![h.count as f64, h.sum as f64 * h.sum_unit.scale(), h.max as f64 * scale]
                }
            };
            model.insert((family.info.name.to_string(), labels.collect()), values);
        }
    }
    model
}

/// The same of what was sent.
fn read(bodies: &[Vec<u8>]) -> BTreeMap<(String, Vec<String>), Vec<f64>> {
    let mut read = BTreeMap::new();
    let mut put = |name: &str, attributes: &[KeyValue], values| {
        let before = read.insert((name.to_owned(), texts(attributes)), values);
        assert!(before.is_none(), "{name} {attributes:?} twice");
    };
    for metric in metrics(bodies) {
        match &metric.data {
            Some(Data::ExponentialHistogram(data)) => {
                for point in &data.data_points {
                    let values = vec![point.count as f64, point.sum.unwrap(), point.max.unwrap()];
                    put(&metric.name, &point.attributes, values);
                }
            }
            _ => {
                for point in numbers(&metric) {
                    let value = match point.value.unwrap() {
                        Number::AsInt(n) => n as f64,
                        Number::AsDouble(x) => x,
                    };
                    put(&metric.name, &point.attributes, vec![value]);
                }
            }
        }
    }
    read
}

/// Units of each scale, by the number of the metric.
const UNITS: [Unit; 6] =
    [Unit::None, Unit::Nanoseconds, Unit::Microseconds, Unit::Bytes, Unit::Millionths, Unit::Ratio];

/// Puts `value` into a series of one of 30 families, which are made as they come.
fn record(registry: &Registry, (kind, unit, label, value): (usize, usize, usize, u64)) {
    let desc = Desc::new(format!("metric_{kind}_{unit}_total"), "Help.").unit(UNITS[unit]);
    let (names, label) = (&["a"], &[&*format!("label {label}")]);
    let (x, highest) = (value as f64 / 7.0, HistogramOptions::default().highest(1 << 40));
    match kind {
        0 => registry.counter_family(desc, names).unwrap().with(label).unwrap().add(value),
        1 => registry.float_counter_family(desc, names).unwrap().with(label).unwrap().add(x),
        2 => registry.gauge_family(desc, names).unwrap().with(label).unwrap().set(-x),
        3 => registry
            .observed_counter_family(desc, names)
            .unwrap()
            .with(label)
            .unwrap()
            .observe(value),
        _ => registry
            .histogram_family(desc, names, highest)
            .unwrap()
            .with(label)
            .unwrap()
            .record(value),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_series_arrives_once_with_its_value(
        records in prop::collection::vec((0usize..5, 0usize..6, 0usize..30, 0u64..1 << 40), 1..120),
        limit in 0usize..6_000,
    ) {
        let registry = Registry::builder().budget_bytes(1 << 24).build();
        records.into_iter().for_each(|one| record(&registry, one));
        let sent = read(&bodies(&registry, limit));
        let wanted = model(&registry.snapshot());
        prop_assert_eq!(sent.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
        for (key, values) in &wanted {
            for (sent, wanted) in sent[key].iter().zip(values) {
                prop_assert!((sent - wanted).abs() <= wanted.abs() * 4e-15, "{:?}", key);
            }
        }
    }
}
