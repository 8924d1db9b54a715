//! What leaves a monitor when it is asked: `/metrics` and `/api/snapshot`.

use std::sync::Arc;

use perf_monitor_core::Registry;
use perf_monitor_exporters::{ExporterOptions, ExporterStats, MetricsExporter};

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::Error;
use crate::monitor::PerformanceMonitor;
use crate::service::Instruments;
use crate::share::CounterShare;
use crate::ticker::Part;

/// How the registry is exported.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    options: ExporterOptions,
}

pub(crate) type Exporter = MetricsExporter;

/// Export: Prometheus text, OpenMetrics and JSON, unless chosen otherwise.
impl PerformanceMonitorBuilder {
    /// How the registry is exported: buckets, constant labels, registries of the `prometheus`
    /// crate, whose collectors then run on the monitor's thread and must not block it. The service's
    /// name and version and the machine's name are set by the monitor.
    pub fn exporter_options(mut self, options: ExporterOptions) -> Self {
        self.exporter.options = options;
        self
    }
}

impl PerformanceMonitor {
    /// The exporter behind `/metrics`, for a listener of one's own or to write the text elsewhere.
    pub fn exporter(&self) -> &MetricsExporter {
        &self.exporter
    }
}

impl Plan {
    pub(crate) fn join(self, context: &mut Context, with: &Instruments) -> Result<Exporter, Error> {
        let mut options = self.options.service(context.service.as_str());
        if let Some(version) = &context.version {
            options = options.version(version.as_str());
        }
        if let Some(host) = &context.host_name {
            options = options.host(host.as_str());
        }
        let exporter = MetricsExporter::new(&context.registry, options);
        let mut numbers = Numbers::new(&context.registry, exporter.stats())?;
        context.collectors.push(Part {
            name: "exporter",
            once_per_registry: false,
            work: Box::new(move || numbers.collect()),
        });
        let mut routes = std::mem::take(&mut context.routes);
        if with.serve_prometheus() {
            routes = routes.get("/metrics", exporter.handler());
        }
        context.routes = routes.get("/api/snapshot", exporter.snapshot_handler());
        Ok(exporter)
    }
}

/// Picks one of the exporter's counts.
type Total = fn(&ExporterStats) -> u64;

/// What the exporter counts, as metrics.
struct Numbers {
    stats: Arc<ExporterStats>,
    counters: Vec<(Total, CounterShare)>,
}

/// Name, help and source of each.
const COUNTERS: [(&str, &str, Total); 5] = [
    ("perf_monitor_scrapes_total", "Scrapes of /metrics that began.", ExporterStats::scrapes),
    ("perf_monitor_snapshots_total", "Requests for /api/snapshot.", ExporterStats::snapshots),
    (
        "perf_monitor_scrapes_uncompressed_total",
        "Answers sent without the compression that was asked for, because enough others had it.",
        ExporterStats::not_compressed,
    ),
    (
        "perf_monitor_export_families_skipped_total",
        "Families of bridged registries that could not be exported.",
        ExporterStats::families_skipped,
    ),
    (
        "perf_monitor_export_gather_panics_total",
        "Bridged registries that were left out because a collector panicked.",
        ExporterStats::gather_panics,
    ),
];

impl Numbers {
    fn new(registry: &Registry, stats: Arc<ExporterStats>) -> Result<Numbers, Error> {
        let counter = |(name, help, total)| {
            Ok::<_, Error>((total, CounterShare::of(registry.counter((name, help))?)))
        };
        let counters = COUNTERS.into_iter().map(counter).collect::<Result<_, _>>()?;
        Ok(Numbers { stats, counters })
    }

    fn collect(&mut self) {
        for (total, share) in &mut self.counters {
            share.bring_to(total(&self.stats));
        }
    }
}
