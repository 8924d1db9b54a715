//! The shop's traces: a request, what it does, whom it calls.

use hyper::StatusCode;
use perf_monitor::tracing::{DistributedTracer, Span, SpanId, SpanKind};

use super::service::Route;

/// Spans of the shop; those that begin while a request is served are below it.
pub(super) struct Traces {
    tracer: DistributedTracer,
}

impl Traces {
    pub(super) fn new(tracer: &DistributedTracer) -> Traces {
        Traces { tracer: tracer.clone() }
    }

    /// A request for `route`.
    pub(super) fn request(&self, route: Route, method: &str) -> Span {
        let span = self.tracer.start(route.span()).root().kind(SpanKind::Server).begin();
        span.attribute("http.route", route.name());
        span.attribute("http.request.method", method);
        span
    }

    /// The request of this span was answered.
    pub(super) fn answered(&self, id: SpanId, status: StatusCode) {
        self.tracer.add_attribute(id, "http.response.status_code", status.as_u16());
        if status.is_server_error() {
            self.tracer.fail_span(id, status.canonical_reason().unwrap_or_default());
        }
    }

    /// A part of the work.
    pub(super) fn step(&self, name: &'static str) -> Span {
        self.tracer.start(name).begin()
    }

    /// A look into a cache, over at once.
    pub(super) fn look_up(&self, cache: &'static str, hit: bool) {
        let mut span = self.tracer.span("cache.get");
        span.attribute("cache.name", cache);
        span.attribute("cache.hit", hit);
    }

    /// A query of the shop's database.
    pub(super) fn query(&self, what: &'static str) -> Span {
        let span = self.tracer.start("db.query").kind(SpanKind::Client).begin();
        span.attribute("db.query.summary", what);
        span
    }

    /// A call of another service.
    pub(super) fn call(&self, service: &'static str, method: &'static str) -> Span {
        let span = self.tracer.start("rpc.call").kind(SpanKind::Client).begin();
        span.attribute("rpc.service", service);
        span.attribute("rpc.method", method);
        span
    }

    /// Something happened within the span.
    pub(super) fn event(&self, id: SpanId, what: &str, key: &str, value: i64) {
        self.tracer.add_event(id, what, &[(key, value)]);
    }

    /// The work of the span failed.
    pub(super) fn failed(&self, id: SpanId, why: &str) {
        self.tracer.fail_span(id, why);
    }
}
