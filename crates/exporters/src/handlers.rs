//! Reports and runs over HTTP.

use std::future::ready;

use http::StatusCode;
use perf_monitor_http::{Handler, Request, Response, answer, query_value};

use crate::report::{PerformanceReport, ReportFormat};
use crate::run::RunMetrics;

/// Answers `/api/report` with the report that `make` gives: as text, or as Markdown with `?format=markdown`.
///
/// Another format is answered by 400 and a sentence that names these two.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::{PerformanceReport, report_handler};
/// use perf_monitor_http::Router;
/// use perf_monitor_instruments::{MonitoringOptions, ServiceMetrics};
///
/// let registry = Registry::new();
/// let metrics = ServiceMetrics::new(&registry, MonitoringOptions::default())?;
/// let report = report_handler(move || PerformanceReport::of(&metrics, &registry));
/// let router = Router::new().get("/api/report", report);
/// # Ok::<(), perf_monitor_instruments::MonitoringError>(())
/// ```
pub fn report_handler(
    make: impl Fn() -> PerformanceReport + Send + Sync + 'static,
) -> impl Handler {
    move |request: Request| ready(report(&make, &request))
}

fn report(make: impl Fn() -> PerformanceReport, request: &Request) -> Response {
    let name = query_value(request, "format");
    match ReportFormat::named(name.as_deref().unwrap_or("text")) {
        Ok(format) => answer(StatusCode::OK, format.content_type(), make().render(format)),
        Err(error) => {
            let content_type = ReportFormat::Text.content_type();
            answer(StatusCode::BAD_REQUEST, content_type, format!("{error}\n"))
        }
    }
}

/// Answers `/api/run` with [`RunMetrics::to_json`].
pub fn run_handler(run: &RunMetrics) -> impl Handler + use<> {
    let run = run.clone();
    move |_: Request| ready(answer(StatusCode::OK, "application/json", run.to_json()))
}
