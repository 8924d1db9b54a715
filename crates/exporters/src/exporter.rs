//! The export system of a monitor.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use http::header::{CONTENT_ENCODING, HeaderValue, VARY};
use http::{HeaderMap, StatusCode};
use perf_monitor_core::Registry;
use perf_monitor_http::{Body, Handler, Request, Response, answer};
use perf_monitor_instruments::{ResourceSample, Resources};

use crate::format::{Format, accepts_gzip};
use crate::gzip::{Gzip, Places};
use crate::options::ExporterOptions;
use crate::scrape::Scrape;
use crate::stats::ExporterStats;

/// A registry and how it is exported: as text, as an HTTP handler, as JSON.
///
/// Clones share their registry, options and counters.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::{ExporterOptions, MetricsExporter};
///
/// let registry = Registry::new();
/// registry.counter(("jobs_total", "Jobs that were run."))?.add(3);
/// let exporter = MetricsExporter::new(&registry, ExporterOptions::default());
/// assert!(exporter.render().ends_with("jobs_total 3\n"));
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct MetricsExporter {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    options: ExporterOptions,
    stats: Arc<ExporterStats>,
    gzips: Places,
}

impl MetricsExporter {
    /// Exports `registry` as `options` say.
    pub fn new(registry: &Registry, options: ExporterOptions) -> MetricsExporter {
        let inner = Inner {
            registry: registry.clone(),
            options,
            stats: Arc::default(),
            gzips: Places::default(),
        };
        MetricsExporter { inner: Arc::new(inner) }
    }

    /// The registry that is exported.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// What was served and left out.
    pub fn stats(&self) -> Arc<ExporterStats> {
        Arc::clone(&self.inner.stats)
    }

    /// The whole exposition at this moment.
    pub fn encode(&self, format: Format) -> Vec<u8> {
        self.scrape(format).read_to_end()
    }

    /// The whole exposition at this moment, as Prometheus text.
    pub fn render(&self) -> String {
        let text = self.encode(Format::Text);
        String::from_utf8(text).expect("names, labels and help are UTF-8")
    }

    /// The exposition as chunks that are made while they are read.
    pub fn scrape(&self, format: Format) -> Scrape {
        self.inner.options.scrape(&self.inner.registry, format, &self.inner.stats)
    }

    /// Answers `/metrics`: text or OpenMetrics by `Accept`, gzip by `Accept-Encoding`, in chunks.
    pub fn handler(&self) -> impl Handler + use<> {
        let exporter = self.clone();
        move |request: Request| ready(exporter.metrics(request.headers()))
    }

    /// Answers `/api/snapshot`; see [`snapshot_handler`].
    pub fn snapshot_handler(&self) -> impl Handler + use<> {
        let exporter = self.clone();
        move |request: Request| ready(exporter.snapshot(request.headers()))
    }

    /// Answers `/api/series.csv`; see [`csv_handler`].
    pub fn csv_handler(&self, resources: &Resources) -> impl Handler + use<> {
        let (exporter, resources) = (self.clone(), resources.clone());
        move |request: Request| ready(exporter.csv(request.headers(), resources.history()))
    }

    fn metrics(&self, headers: &HeaderMap) -> Response {
        self.inner.stats.scrapes.add_one();
        let format = Format::negotiate(headers);
        self.stream(self.scrape(format), headers, format.content_type(), "accept, accept-encoding")
    }

    fn snapshot(&self, headers: &HeaderMap) -> Response {
        self.inner.stats.snapshots.add_one();
        let scrape = Scrape::json(&self.inner.registry);
        self.stream(scrape, headers, "application/json", "accept-encoding")
    }

    fn csv(&self, headers: &HeaderMap, history: Vec<ResourceSample>) -> Response {
        let scrape = Scrape::csv(&self.inner.registry, history);
        self.stream(scrape, headers, "text/csv; charset=utf-8; header=present", "accept-encoding")
    }

    fn stream(
        &self,
        scrape: Scrape,
        headers: &HeaderMap,
        content_type: &'static str,
        vary: &'static str,
    ) -> Response {
        let place = accepts_gzip(headers).then(|| self.inner.gzips.take());
        let mut response = match place {
            Some(Some(place)) => {
                let body = Body::stream(Gzip::new(scrape, place));
                let mut response = answer(StatusCode::OK, content_type, body);
                let gzip = HeaderValue::from_static("gzip");
                response.headers_mut().insert(CONTENT_ENCODING, gzip);
                response
            }
            place => {
                if place.is_some() {
                    self.inner.stats.not_compressed.add_one();
                }
                answer(StatusCode::OK, content_type, Body::stream(scrape))
            }
        };
        response.headers_mut().insert(VARY, HeaderValue::from_static(vary));
        response
    }
}

impl fmt::Debug for MetricsExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsExporter")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

/// Answers `/metrics` with what `registry` holds.
pub fn metrics_handler(registry: &Registry, options: ExporterOptions) -> impl Handler + use<> {
    MetricsExporter::new(registry, options).handler()
}

/// Answers `/api/snapshot` with what `registry` holds, as JSON in base units.
///
/// ```json
/// {"timestamp": 1700000000.25, "families": [
///   {"name": "request_duration_seconds", "help": "...", "unit": "seconds", "kind": "histogram", "series": [
///     {"labels": {"route": "/"}, "started": 1700000000.1, "count": 2, "sum": 0.3, "max": 0.2,
///      "p50": 0.1, "p90": 0.2, "p95": 0.2, "p99": 0.2, "p999": 0.2}]}]}
/// ```
///
/// Times are seconds since the Unix epoch. Counters and gauges have one `"value"`. What JSON cannot say (NaN, infinity)
/// and what is not known (quantiles of an empty histogram) is `null`.
pub fn snapshot_handler(registry: &Registry) -> impl Handler + use<> {
    MetricsExporter::new(registry, ExporterOptions::default()).snapshot_handler()
}

/// Answers `/api/series.csv` with what `registry` holds and the history of `resources`, as comma-separated values in
/// chunks; see [`to_csv`](crate::to_csv) for the columns.
pub fn csv_handler(registry: &Registry, resources: &Resources) -> impl Handler + use<> {
    MetricsExporter::new(registry, ExporterOptions::default()).csv_handler(resources)
}
