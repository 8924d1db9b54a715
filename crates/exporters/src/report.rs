//! What a service did, for people to read.

mod markdown;
mod page;
mod sections;
mod text;
mod width;
mod words;

use std::fmt;

use perf_monitor_core::Registry;
use perf_monitor_instruments::{ComprehensiveMetrics, ServiceMetrics};

use crate::error::{Error, ErrorKind};
use page::Page;

/// A report of everything that a service recorded, as text or as Markdown.
///
/// It says what was measured, gives a line for each stage, then the stages and queries that took longest, how well
/// caches did, reads and writes, events, errors and the like, and resources, each with a word on how to read it. A
/// section is absent when nothing of it was recorded. Tables have up to ten rows of those that matter most, and say
/// how many are left out.
///
/// Names that look like markup, hold control characters or are very long change nothing but their own cell. The text
/// is at most 100 columns wide.
///
/// ```
/// use std::time::Duration;
///
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::PerformanceReport;
/// use perf_monitor_instruments::{MonitoringOptions, ServiceMetrics};
///
/// let registry = Registry::new();
/// let metrics = ServiceMetrics::new(&registry, MonitoringOptions::default())?;
/// metrics.stages().record_stage("fetch", Duration::from_millis(50), false);
///
/// let report = PerformanceReport::of(&metrics, &registry).service("import");
/// assert!(report.to_text().contains("fetch: 20.0 ops/s (avg: 50.0ms)"));
/// assert!(report.to_markdown().starts_with("# Performance report: import\n"));
/// # Ok::<(), perf_monitor_instruments::MonitoringError>(())
/// ```
#[derive(Clone)]
pub struct PerformanceReport {
    metrics: ComprehensiveMetrics,
    service: Option<Box<str>>,
    limits: Limits,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReportFormat {
    /// Plain text, at most 100 columns wide.
    Text,
    /// Markdown with the tables of GitHub.
    Markdown,
}

impl ReportFormat {
    /// The format called `text` or `markdown`.
    ///
    /// # Errors
    /// [`is_options`](Error::is_options) for another name, with a sentence that names these.
    pub fn named(name: &str) -> Result<ReportFormat, Error> {
        match name {
            "text" => Ok(ReportFormat::Text),
            "markdown" => Ok(ReportFormat::Markdown),
            _ => {
                let message = format!("report format {name:?}: use text or markdown");
                Err(Error::new(ErrorKind::Options, message))
            }
        }
    }

    /// The `Content-Type` of a report.
    pub const fn content_type(self) -> &'static str {
        match self {
            ReportFormat::Text => "text/plain; charset=utf-8",
            ReportFormat::Markdown => "text/markdown; charset=utf-8",
        }
    }
}

/// What a registry could not tell apart.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    refused: u64,
    coarse: u64,
}

impl PerformanceReport {
    /// What `metrics` recorded until now, and where the limits of their `registry` were reached.
    ///
    /// # Cost
    /// A read of each series: for a page, not for each request.
    pub fn of(metrics: &ServiceMetrics, registry: &Registry) -> PerformanceReport {
        let stats = registry.stats();
        let limits = Limits { refused: stats.refused_series, coarse: stats.coarse_records };
        PerformanceReport { limits, ..PerformanceReport::from(metrics.get_comprehensive_metrics()) }
    }

    /// Names the service in the title.
    pub fn service(mut self, name: impl Into<Box<str>>) -> PerformanceReport {
        self.service = Some(name.into());
        self
    }

    /// As `format` says.
    pub fn render(&self, format: ReportFormat) -> String {
        match format {
            ReportFormat::Text => self.to_text(),
            ReportFormat::Markdown => self.to_markdown(),
        }
    }

    /// As plain text, in lines of at most 100 columns.
    pub fn to_text(&self) -> String {
        text::render(&self.page())
    }

    /// As Markdown with the tables of GitHub.
    pub fn to_markdown(&self) -> String {
        markdown::render(&self.page())
    }

    fn page(&self) -> Page {
        sections::page(self)
    }
}

impl From<ComprehensiveMetrics> for PerformanceReport {
    /// A report of what was read before, without the limits of the registry.
    fn from(metrics: ComprehensiveMetrics) -> PerformanceReport {
        PerformanceReport { metrics, service: None, limits: Limits::default() }
    }
}

impl fmt::Debug for PerformanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerformanceReport").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

/// The report of everything that `metrics` recorded in `registry`, as text; see [`PerformanceReport`].
pub fn generate_performance_report(metrics: &ServiceMetrics, registry: &Registry) -> String {
    PerformanceReport::of(metrics, registry).to_text()
}
