//! Data points put together into requests of a bounded size.

use std::collections::VecDeque;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use perf_monitor_core::{FamilyInfo, Kind, SeriesInfo, Value, Visitor};
use prost::Message;

use super::point::Subject;
use super::unit::ucum;
use crate::otlp::resource::ResourceAttributes;
use crate::wire::Wire;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// The most bytes that stand before a message in another: its key and its length.
const PREFIX: usize = 1 + 5;

/// Packs what a registry visits it with.
///
/// A request is a `ResourceMetrics` in an `ExportMetricsServiceRequest`: the resource, then one `ScopeMetrics`, which
/// is the scope, then the metrics.
pub(super) struct Packer {
    /// What a request begins with, up to the `ScopeMetrics`, and what that begins with.
    resource: Wire,
    scope: Wire,
    limit: usize,
    /// When the series that come next are read.
    pub(super) unix_ns: u64,
    /// The metrics of the request that have all their points in it.
    metrics: Wire,
    open: Option<OpenMetric>,
    /// The point at hand.
    point: Wire,
    full: VecDeque<Vec<u8>>,
}

impl Packer {
    pub(super) fn new(resource: &ResourceAttributes, limit: usize) -> Packer {
        let of_scope = InstrumentationScope {
            name: "perf-monitor".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        let mut packer = Packer {
            resource: Wire::default(),
            scope: Wire::default(),
            limit,
            unix_ns: 0,
            metrics: Wire::default(),
            open: None,
            point: Wire::default(),
            full: VecDeque::new(),
        };
        packer.resource.bytes_of(1, &resource.message().encode_to_vec());
        packer.scope.bytes_of(1, &of_scope.encode_to_vec());
        packer
    }

    /// The body of a request that has no room for more.
    pub(super) fn next_full(&mut self) -> Option<Vec<u8>> {
        self.full.pop_front()
    }

    /// Takes the request that is being packed for full, if there is anything in it.
    pub(super) fn close(&mut self) {
        self.end_metric();
        if self.metrics.len() == 0 {
            return;
        }
        let mut request = Wire::with_capacity(self.len());
        request.message(1, |request| {
            request.append(self.resource.bytes());
            request.message(2, |request| {
                request.append(self.scope.bytes());
                request.append(self.metrics.bytes());
            });
        });
        self.metrics.clear();
        self.full.push_back(request.into_bytes());
    }

    /// No less than the request's bytes as it is.
    fn len(&self) -> usize {
        let open = self.open.as_ref().map_or(0, OpenMetric::len);
        2 * PREFIX + self.resource.len() + self.scope.len() + self.metrics.len() + open
    }

    /// Adds the point at hand to the metric of `family`.
    fn push(&mut self, family: &FamilyInfo) {
        if self.open.as_ref().is_some_and(|open| open.name != family.name) {
            self.end_metric();
        }
        let begin = if self.open.is_some() { 0 } else { OpenMetric::new(family).len() };
        if self.len() + begin + PREFIX + self.point.len() > self.limit {
            self.close();
        }
        let open = self.open.get_or_insert_with(|| OpenMetric::new(family));
        open.points.bytes_of(1, self.point.bytes());
    }

    fn end_metric(&mut self) {
        if let Some(open) = self.open.take() {
            self.metrics.message(2, |metric| open.write(metric));
        }
    }
}

impl Visitor for Packer {
    fn series(&mut self, family: &FamilyInfo, series: &SeriesInfo, value: Value<'_>) {
        self.point.clear();
        Subject { family, series, unix_ns: self.unix_ns }.write(&mut self.point, value);
        self.push(family);
    }
}

/// A metric that points are being added to.
struct OpenMetric {
    name: Box<str>,
    /// Its name, description and unit.
    head: Wire,
    kind: Kind,
    /// The points, each with its length.
    points: Wire,
}

impl OpenMetric {
    fn new(family: &FamilyInfo) -> OpenMetric {
        let mut head = Wire::default();
        head.text(1, &family.name);
        head.text(2, &family.help);
        head.text(3, ucum(family.unit));
        OpenMetric { name: family.name.clone(), head, kind: family.kind, points: Wire::default() }
    }

    /// No less than its bytes in a request.
    fn len(&self) -> usize {
        let what_sums_have = 4;
        2 * PREFIX + self.head.len() + self.points.len() + what_sums_have
    }

    /// Writes the fields of the `Metric`; which kind it is shows in the field that its points are in.
    fn write(&self, metric: &mut Wire) {
        metric.append(self.head.bytes());
        let data = match self.kind {
            Kind::Gauge => 5,
            Kind::Counter => 7,
            Kind::Histogram => 10,
        };
        metric.message(data, |data| {
            data.append(self.points.bytes());
            if self.kind != Kind::Gauge {
                data.varint(2, CUMULATIVE);
            }
            if self.kind == Kind::Counter {
                let is_monotonic = 1;
                data.varint(3, is_monotonic);
            }
        });
    }
}
