//! What a collector reads, decoded by the types that are generated from OTLP's definition.

mod histograms;
mod model;
mod numbers;
mod packing;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, Metric, NumberDataPoint,
};
use perf_monitor_core::Registry;
use prost::Message;

use super::encode_metrics;
use crate::otlp::resource::ResourceAttributes;

const NO_LIMIT: usize = usize::MAX;

fn bodies(registry: &Registry, limit: usize) -> Vec<Vec<u8>> {
    encode_metrics(registry, &ResourceAttributes::of_this_process(), limit).collect()
}

fn decode(body: &[u8]) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest::decode(body).unwrap()
}

/// The metrics of all requests, in order.
fn metrics(bodies: &[Vec<u8>]) -> Vec<Metric> {
    let resources = bodies.iter().flat_map(|body| decode(body).resource_metrics);
    resources.flat_map(|resource| resource.scope_metrics).flat_map(|scope| scope.metrics).collect()
}

fn the_metric(registry: &Registry) -> Metric {
    let mut all = metrics(&bodies(registry, NO_LIMIT));
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn numbers(metric: &Metric) -> &[NumberDataPoint] {
    match &metric.data {
        Some(Data::Sum(sum)) => &sum.data_points,
        Some(Data::Gauge(gauge)) => &gauge.data_points,
        other => panic!("{other:?}"),
    }
}

fn histograms(metric: &Metric) -> &[ExponentialHistogramDataPoint] {
    match &metric.data {
        Some(Data::ExponentialHistogram(histogram)) => &histogram.data_points,
        other => panic!("{other:?}"),
    }
}

/// Attributes of text, as `name=value`, and others as they are.
fn texts(attributes: &[KeyValue]) -> Vec<String> {
    let text = |one: &KeyValue| match one.value.clone().unwrap().value.unwrap() {
        Any::StringValue(value) => format!("{}={value}", one.key),
        other => format!("{}: {other:?}", one.key),
    };
    attributes.iter().map(text).collect()
}
