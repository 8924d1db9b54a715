//! What the instruments answer: a report, the run as JSON, all series as CSV.

use perf_monitor_core::Registry;
use perf_monitor_exporters::{PerformanceReport, RunMetrics, report_handler, run_handler};
use perf_monitor_instruments::ServiceMetrics;

use crate::builder::Context;
use crate::error::Error;
use crate::exporter::Exporter;
use crate::monitor::PerformanceMonitor;
use crate::service::Instruments;

impl PerformanceMonitor {
    /// What was measured until now, for people: as text, or as Markdown.
    ///
    /// # Cost
    /// A read of each series: for a page, not for each request.
    pub fn report(&self) -> PerformanceReport {
        report(self.instruments(), &self.registry, &self.service)
    }
}

/// Adds `/api/report`, `/api/run` and `/api/series.csv`. The run begins here.
pub(crate) fn join(
    context: &mut Context,
    instruments: &Instruments,
    exporter: &Exporter,
) -> Result<(), Error> {
    let metrics = instruments.service().clone();
    let csv = exporter.csv_handler(metrics.resources());
    let run = RunMetrics::new(&context.registry)?;
    let (registry, service) = (context.registry.clone(), context.service.clone());
    context.routes = std::mem::take(&mut context.routes)
        .get("/api/report", report_handler(move || report(&metrics, &registry, &service)))
        .get("/api/run", run_handler(&run))
        .get("/api/series.csv", csv);
    Ok(())
}

fn report(metrics: &ServiceMetrics, registry: &Registry, service: &str) -> PerformanceReport {
    PerformanceReport::of(metrics, registry).service(service)
}
