//! The tracer's spans, for whoever asks: `/api/spans`.

use perf_monitor_exporters::spans_handler;

use crate::builder::Context;
use crate::tracer::Tracer;

/// Adds `/api/spans`.
pub(crate) fn join(context: &mut Context, tracer: &Tracer) {
    let routes = std::mem::take(&mut context.routes);
    context.page.part("spans");
    context.routes = routes.get("/api/spans", spans_handler(tracer));
}
