//! The spans of requests that a service receives.

use super::RequestsLayer;
use super::outcome::Outcome;
use super::semantics;
use http::{Request, StatusCode};
use perf_monitor_core::{Clock, Context, Error, Exemplar, Registry};
use perf_monitor_tracing::propagation::Propagator;
use perf_monitor_tracing::{DistributedTracer, Span, SpanKind};
use std::sync::Arc;

impl RequestsLayer {
    /// Makes a server span of each request, too.
    ///
    /// It is below the span that the request's `traceparent` tells, else the root of a new trace; where
    /// the caller is in a span of that trace already, it is below that one. The service is in it
    /// whenever it is polled, and so is the response's body; it ends when the request does. Its name is
    /// the method with the route, `GET /users/{id}`, and its attributes are those of the
    /// [semantic conventions][conventions]: `http.request.method`, `http.route`, `url.path` (without
    /// the query), `url.scheme` if it is known, `http.response.status_code`, `error.type`. An answer of
    /// 500 or above, an error, a panic or a cancellation fails it.
    ///
    /// The `baggage` of a request is in its extensions, as a
    /// [`Baggage`](perf_monitor_tracing::propagation::Baggage). Headers that are not valid are counted in
    /// `perf_monitor_propagation_invalid_total`. The durations of requests whose trace is kept have it
    /// as their exemplar, in the histogram of their route and in the registry's collector.
    ///
    /// [conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
    ///
    /// # Cost
    /// A span with four attributes: some 110 ns where it is not sampled, 220 where the tail rule drops it,
    /// 280 where it is kept; a sender's headers take 100 more. Without a tracer, a few comparisons.
    ///
    /// ```
    /// use perf_monitor_bridges::tower::RequestsLayer;
    /// use perf_monitor_core::Registry;
    /// use perf_monitor_tracing::{DistributedTracer, TracerOptions};
    ///
    /// let registry = Registry::new();
    /// let tracer = DistributedTracer::new(&registry, TracerOptions::default())?;
    /// let layer = RequestsLayer::new(&registry)?.tracer(&tracer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tracer(mut self, tracer: &DistributedTracer) -> RequestsLayer {
        let Tracing { propagator, clock, .. } = &self.tracing;
        let (propagator, clock) = (propagator.clone(), clock.clone());
        self.tracing.on = Some(Arc::new(Tracer { tracer: tracer.clone(), propagator, clock }));
        self
    }
}

/// How a layer makes spans, if it does.
#[derive(Clone)]
pub(super) struct Tracing {
    propagator: Propagator,
    clock: Clock,
    on: Option<Arc<Tracer>>,
}

struct Tracer {
    tracer: DistributedTracer,
    propagator: Propagator,
    clock: Clock,
}

impl Tracing {
    /// Not yet.
    pub(super) fn new(registry: &Registry) -> Result<Tracing, Error> {
        let (propagator, clock) = (Propagator::new(registry)?, registry.clock().clone());
        Ok(Tracing { propagator, clock, on: None })
    }

    /// Leaves the request's baggage with it.
    #[inline]
    pub(super) fn receive<A>(&self, request: &mut Request<A>) {
        let Some(Tracer { propagator, .. }) = self.on.as_deref() else { return };
        let baggage = propagator.baggage(request.headers());
        if !baggage.is_empty() {
            request.extensions_mut().insert(baggage);
        }
    }

    #[inline]
    pub(super) fn begin<A>(
        &self,
        request: &Request<A>,
        method: &'static str,
        route: Option<&str>,
    ) -> RequestSpan {
        RequestSpan(self.on.as_ref().map(|tracer| {
            let span = tracer.begin(request, method, route);
            Box::new(Traced { span, tracer: tracer.clone(), status: None })
        }))
    }
}

impl Tracer {
    fn begin<A>(&self, request: &Request<A>, method: &'static str, route: Option<&str>) -> Span {
        let start = semantics::named(method, route, |name| self.tracer.start(name));
        let start = start.kind(SpanKind::Server);
        // A layer outside may have begun a span for this request already.
        let parent = self.propagator.extract(request.headers());
        let parent = parent.filter(|up| up.trace_id.get() != Context::current().trace_id);
        let span = match parent {
            Some(parent) => start.parent(parent).begin(),
            None => start.begin(),
        };
        if span.is_recording() {
            describe(&span, request, method, route);
        }
        span
    }
}

fn describe<A>(span: &Span, request: &Request<A>, method: &'static str, route: Option<&str>) {
    let (sent, uri) = (request.method().as_str(), request.uri());
    let (known, original) = semantics::known(method, sent);
    let attributes = [
        Some(("http.request.method", known.into())),
        Some(("url.path", uri.path().into())),
        route.map(|route| ("http.route", route.into())),
        uri.scheme_str().map(|scheme| ("url.scheme", scheme.into())),
        original.map(|method| ("http.request.method_original", method.into())),
    ];
    semantics::keep(span, attributes);
}

/// The span of a request, if there is one and it has not ended.
///
/// In a box, as a request moves from future to future to body: in place, 130 bytes more took 15 ns from
/// each request that is not traced, and those that are gained nothing (November 2026, EPYC).
#[derive(Debug)]
pub(super) struct RequestSpan(Option<Box<Traced>>);

struct Traced {
    span: Span,
    tracer: Arc<Tracer>,
    status: Option<StatusCode>,
}

impl RequestSpan {
    /// Runs code of the service within the span.
    #[inline]
    pub(super) fn run<R>(&self, service: impl FnOnce() -> R) -> R {
        let _entered = self.0.as_ref().map(|traced| traced.span.enter());
        service()
    }

    /// Takes note of the head of the response.
    #[inline]
    pub(super) fn answered(&mut self, status: StatusCode) {
        if let Some(traced) = &mut self.0 {
            traced.status = Some(status);
        }
    }

    /// Ends it with the request, and gives the exemplar of its duration if its trace is kept.
    #[inline]
    pub(super) fn end(&mut self, outcome: Outcome, took_ns: u64) -> Option<Exemplar> {
        self.0.take()?.end(outcome, took_ns)
    }
}

impl Traced {
    fn end(self, outcome: Outcome, took_ns: u64) -> Option<Exemplar> {
        let Traced { span, tracer, status } = self;
        if span.is_recording() {
            conclude(&span, outcome, status);
        }
        if !outcome.is_success() {
            span.fail("");
        }
        let (id, trace_id) = (span.id(), span.thread_context().trace_id);
        span.end();
        tracer.tracer.keeps(id).then(|| Exemplar {
            value: took_ns,
            trace_id,
            span_id: id.get(),
            unix_ns: tracer.clock.unix_ns(),
        })
    }
}

fn conclude(span: &Span, outcome: Outcome, status: Option<StatusCode>) {
    // A gRPC call may fail with an answer of 200.
    let failed = status.filter(|status| status.as_u16() >= 500 && outcome == Outcome::ServerError);
    let error = failed.as_ref().map_or(outcome.label(), StatusCode::as_str);
    let attributes = [
        status.map(|status| ("http.response.status_code", status.as_u16().into())),
        (!outcome.is_success()).then(|| ("error.type", error.into())),
    ];
    semantics::keep(span, attributes);
}

impl std::fmt::Debug for Traced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.span.fmt(f)
    }
}
